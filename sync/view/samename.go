package view

import (
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/plan"
)

// names reports whether a row says just this of a file.
func names(n *state.Name, f maildir.File) bool {
	return n.Known && f.New == n.New && f.Name == n.Base+n.Info
}

// Named returns where in files the file is that a row names exactly, or -1.
func Named(n *state.Name, files []maildir.File) int {
	return slices.IndexFunc(files, func(f maildir.File) bool { return names(n, f) })
}

// asKnown reports whether files that share a base are just those that the rows
// name.
func asKnown(rows []state.Name, files []maildir.File) bool {
	if len(rows) != len(files) {
		return false
	}
	seen := make(map[int]bool, len(rows))
	for i := range rows {
		at := Named(&rows[i], files)
		if at < 0 || seen[at] {
			return false
		}
		seen[at] = true
	}
	return true
}

// NewFile is a file that the base does not know.
func NewFile(f maildir.File, t maildir.Table) *Message {
	m := &Message{File: f, Reading: t.Fresh(f)}
	m.Item = plan.Item{Ref: m, Local: plan.Side{State: plan.New, Mailbox: f.Folder, Key: f.Base(), Flags: m.Reading.Flags}}
	return m
}
