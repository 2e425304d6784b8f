package mail_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"satchel/sync/mail"
)

const top = mail.MaxUID

// universe are the UIDs that a set of a test may hold, at both ends of what
// there is.
func universe() []mail.UID {
	var all []mail.UID
	for u := mail.UID(1); u <= 12; u++ {
		all = append(all, u, top-u+1)
	}
	return all
}

func someUIDs(t *rapid.T, label string) []mail.UID {
	return rapid.SliceOf(rapid.SampledFrom(universe())).Draw(t, label)
}

// TestUIDSets compares sets with lists.
func TestUIDSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := someUIDs(t, "a"), someUIDs(t, "b")
		s, o := mail.UIDSetOf(a), mail.UIDSetOf(b)
		for name, x := range map[string]struct {
			got  mail.UIDSet
			want func(mail.UID) bool
		}{
			"of":        {s, func(u mail.UID) bool { return slices.Contains(a, u) }},
			"union":     {s.Union(o), func(u mail.UID) bool { return slices.Contains(a, u) || slices.Contains(b, u) }},
			"intersect": {s.Intersect(o), func(u mail.UID) bool { return slices.Contains(a, u) && slices.Contains(b, u) }},
			"minus":     {s.Minus(o), func(u mail.UID) bool { return slices.Contains(a, u) && !slices.Contains(b, u) }},
			"differ":    {s.Differ(o), func(u mail.UID) bool { return slices.Contains(a, u) != slices.Contains(b, u) }},
			"merge":     {mail.MergeUIDs(slices.Concat(o, s)), func(u mail.UID) bool { return slices.Contains(a, u) || slices.Contains(b, u) }},
		} {
			n := uint64(0)
			for _, u := range universe() {
				if x.want(u) {
					n++
				}
				if x.got.Contains(u) != x.want(u) {
					t.Errorf("%s of %v and %v: %v about %d", name, s, o, x.got, u)
				}
			}
			if x.got.Count() != n {
				t.Errorf("%s of %v and %v: %v holds %d, want %d", name, s, o, x.got, x.got.Count(), n)
			}
			for i, r := range x.got {
				if r.Start > r.Stop || i > 0 && uint64(r.Start) <= uint64(x.got[i-1].Stop)+1 {
					t.Errorf("%s of %v and %v: %v is no set", name, s, o, x.got)
				}
			}
		}
	})
}

// TestUIDSetOfAll: ranges that hold everything are as cheap as others.
func TestUIDSetOfAll(t *testing.T) {
	all := mail.UIDSet{{Start: 1, Stop: top}}
	five := mail.UIDSet{{Start: 5, Stop: 5}}
	for name, x := range map[string]struct {
		got  mail.UIDSet
		want string
	}{
		"all but five":  {all.Minus(five), fmt.Sprint(mail.UIDSet{{Start: 1, Stop: 4}, {Start: 6, Stop: top}})},
		"five in all":   {all.Intersect(five), fmt.Sprint(five)},
		"five and all":  {five.Union(all), fmt.Sprint(all)},
		"nothing left":  {all.Minus(all), "[]"},
		"nothing":       {mail.UIDSet(nil).Minus(all), "[]"},
		"0 is no UID":   {mail.UIDSetOf([]mail.UID{0}), "[]"},
		"touching ones": {mail.MergeUIDs([]mail.UIDRange{{Start: 9, Stop: top}, {Start: 1, Stop: 8}}), fmt.Sprint(all)},
	} {
		if got := fmt.Sprint(x.got); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
	if n := all.Count(); n != 1<<32-1 {
		t.Errorf("count %d", n)
	}
}
