package view

import (
	"cmp"
	"errors"
	"slices"

	"satchel/sync/mail"
)

// Hideout is a place on disk that could not be looked at: a directory, or a file
// of which only its name and its size are known.
type Hideout struct {
	Name string // for people
	Why  string
	Base string
	Size int64
}

// Hideouts are those of a cycle.
type Hideouts struct {
	Dir    *Hideout            // the first of the directories: anything may be in it
	ByBase map[string]*Hideout // files
	BySize []*Hideout          // the same, sorted when it is asked for
	Sorted bool
}

// Find returns a place where the file of a message may be; size is that on disk.
func (h *Hideouts) Find(base string, size int64) *Hideout {
	if h.Dir != nil {
		return h.Dir
	}
	if f := h.ByBase[base]; f != nil {
		return f
	}
	if !h.Sorted {
		slices.SortFunc(h.BySize, func(a, b *Hideout) int { return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.Name, b.Name)) })
		h.Sorted = true
	}
	i, _ := slices.BinarySearchFunc(h.BySize, size-SizeSlack, func(f *Hideout, size int64) int { return cmp.Compare(f.Size, size) })
	if i < len(h.BySize) && h.BySize[i].Size <= size+SizeSlack {
		return h.BySize[i]
	}
	return nil
}

// MayBe reports whether a file of that size could be a message of this size:
// they differ by one byte a line.
func MayBe(disk, server int64) bool {
	const bytesPerLine = 20 // hardly any message has shorter lines on average
	return disk <= server && server <= disk+disk/bytesPerLine+64
}

// Cause is what went wrong, without what was attempted.
func Cause(err error) string {
	var e *mail.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return err.Error()
}

// SizeSlack is by how many bytes a file may differ from what the base says and
// still be that message: programs add lines of their own to what they save.
const SizeSlack = 1 << 10
