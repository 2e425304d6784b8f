package view

import (
	"satchel/maildir"
	"satchel/state"
)

// Start reads beside what the caller does.
func (l *Lookahead) Start(read func() map[string]*FolderLook) {
	l.Wait()
	done := make(chan struct{})
	l.done = done
	go func() {
		defer close(done)
		l.looks = read()
	}()
}

// Wait returns what was read, once it is.
func (l *Lookahead) Wait() map[string]*FolderLook {
	if l.done != nil {
		<-l.done
	}
	return l.looks
}

// Forget waits, too, but nothing was read then.
func (l *Lookahead) Forget() {
	l.Wait()
	l.looks = nil
}

// Compare takes rows and files that share a base; as a rule there is one of
// each, and then they belong together.
func (l *FolderLook) Compare(rows []state.Name, files []maildir.File, detached bool) {
	switch {
	case len(rows) == 0:
		for _, f := range files {
			l.Fresh = append(l.Fresh, NewFile(f, l.Table))
		}
	case len(files) == 0:
		for i := range rows {
			l.Gone(&rows[i])
		}
	case len(rows) == 1 && len(files) == 1 || asKnown(rows, files):
		for i := range rows {
			n, f := &rows[i], files[max(0, Named(&rows[i], files))]
			if detached || n.Pending || !names(n, f) || l.Table.Misread(f, n.Keywords) {
				l.Changed = append(l.Changed, namedFile{n.ID, f})
			}
		}
	default:
		for _, n := range rows {
			l.Shared = append(l.Shared, n.ID)
		}
		for _, f := range files {
			m := NewFile(f, l.Table)
			m.Shared = true
			l.Fresh = append(l.Fresh, m)
		}
	}
}

// Gone takes a row that has no file.
func (l *FolderLook) Gone(n *state.Name) {
	l.Missing = append(l.Missing, n.ID)
	if !n.Pending {
		l.Removed++
	}
}
