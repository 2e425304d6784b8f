package simulate

import "slices"

// Shrink leaves out of a history whatever its violation can do without. fails
// plays a history and reports whether the same law is broken.
func Shrink(h History, fails func(History) bool) History {
	for size := max(1, len(h.Events)/2); ; {
		smaller := false
		for i := 0; i+size <= len(h.Events); {
			try := h
			try.Events = append(append([]Event(nil), h.Events[:i]...), h.Events[i+size:]...)
			if fails(try) {
				h, smaller = try, true
			} else {
				i += size
			}
		}
		switch {
		case size > 1:
			size = max(1, size/2)
		case !smaller:
			return simplify(h, fails)
		}
	}
}

// simplify makes the numbers and the setting as plain as they can be.
func simplify(h History, fails func(History) bool) History {
	try := func(change func(*History)) {
		t := h
		t.Events = append([]Event(nil), h.Events...)
		change(&t)
		if t.String() != h.String() && fails(t) {
			h = t
		}
	}
	for i := range h.Events {
		try(func(t *History) { t.Events[i].A = 0 })
		try(func(t *History) { t.Events[i].B = 0 })
		try(func(t *History) { t.Events[i].C = 0 })
		try(func(t *History) { t.Events[i].Fault, t.Events[i].At = "", 0 })
		try(func(t *History) { t.Events[i].During = 0 })
	}
	for _, name := range h.Setting.Without {
		try(func(t *History) {
			t.Setting.Without = slices.DeleteFunc(slices.Clone(t.Setting.Without), func(x string) bool { return x == name })
		})
	}
	try(func(t *History) { t.Setting.ObjectID = false })
	try(func(t *History) { t.Setting.PlusPlus = false })
	try(func(t *History) { t.Setting.Window = 4096 })
	try(func(t *History) { t.Setting.Lines = 1 })
	try(func(t *History) { t.Setting.Policy = 0 })
	try(func(t *History) { t.Setting.Prefix = "" })
	try(func(t *History) { t.Setting.Prefix, t.Setting.Delim = "", "/" })
	try(func(t *History) { t.Setting.Alike = false })
	try(func(t *History) { t.Setting.SameID = false })
	try(func(t *History) { t.Setting.NoID = false })
	try(func(t *History) { t.Setting.Boxes = 1 })
	return h
}
