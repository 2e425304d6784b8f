package sync

import (
	"context"
	"slices"
)

// unpairedFiles returns the files of each mailbox that a new message there may be:
// those that are new, and those of which UIDVALIDITY voided the pair. What the server
// made of the latter is not known where it did not show them before.
func (s *session) unpairedFiles() map[string][]*message {
	byBox := map[string][]*message{}
	for _, f := range s.newLocal {
		if !f.paired() && f.content != nil {
			byBox[f.file.Folder] = append(byBox[f.file.Folder], f)
		}
	}
	for _, m := range s.messages {
		if m.detached && !m.paired() && m.onDisk() && !s.trashed(m) && !s.leftBehind(m) {
			home := s.byID[m.row.MailboxID].name
			byBox[home] = append(byBox[home], m)
		}
	}
	return byBox
}

// size returns how long the server form of a file is.
func (m *message) size() int64 {
	if m.content == nil {
		return m.row.Size
	}
	return m.content.Size
}

// mayHaveID reports whether the Message-ID of a new message may be what became of
// that of a file. A server may add one to a file that has none.
func (s *session) mayHaveID(f, m *message) bool {
	if !m.hasMessageID {
		return true
	}
	id, ok := s.idOf(f)
	return !ok || id == m.messageID || id == "" && f.date == m.date
}

// narrow leaves of the files of a message those that may be it by what its header
// tells, those first that went up with the flags that the message has.
func (s *session) narrow(a *resemblance) {
	a.files = slices.DeleteFunc(a.files, func(f *message) bool {
		if !a.asked {
			return false
		}
		switch id, ok := s.idOf(f); {
		case !ok || id == a.id && id != "":
			return false // or nobody can say now
		case f.date == a.m.date && (a.announcedHere(f) || id == ""):
			return false // a server may add a Message-ID, or write another one
		default:
			return id != a.id || a.hk == 0 || f.content == nil || f.content.EssenceSize != a.m.item.Size-a.hk
		}
	})
	slices.SortFunc(a.files, compareFiles)
	putFirst(a.files, func(f *message) bool {
		i := a.announced[f]
		return i != nil && i.Delta.Add.Equal(a.m.item.Remote.Flags)
	})
}

// compareFiles puts files in the order of their names.
func compareFiles(x, y *message) int {
	switch a, b := x.file.String(), y.file.String(); {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// idOf returns the Message-ID of a file; not ok: it cannot be read now.
func (s *session) idOf(f *message) (id string, ok bool) {
	if f.content == nil {
		c, err := s.store.Inspect(context.Background(), f.file)
		if err != nil {
			return "", false
		}
		f.content = &c
	}
	return bare(f.content.MessageID), true
}
