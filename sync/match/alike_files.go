package match

import (
	"context"
	"slices"

	"satchel/sync/view"
)

// unpairedFiles returns the files of each mailbox that a new message there may be:
// those that are new, and those of which UIDVALIDITY voided the pair. What the server
// made of the latter is not known where it did not show them before.
func (s *Match) unpairedFiles() map[string][]*view.Message {
	byBox := map[string][]*view.Message{}
	for _, f := range s.NewLocal {
		if !f.Paired() && f.Content != nil {
			byBox[f.File.Folder] = append(byBox[f.File.Folder], f)
		}
	}
	for _, m := range s.Messages {
		if m.UIDVoid && !m.Paired() && m.OnDisk() && !s.Trashed(m) && !s.WaitsForExpunge(m) {
			home := s.ByID[m.Row.MailboxID].Name
			byBox[home] = append(byBox[home], m)
		}
	}
	return byBox
}

// mayHaveID reports whether the Message-ID of a new message may be what became of
// that of a file. A server may add one to a file that has none.
func (s *Match) mayHaveID(f, m *view.Message) bool {
	if !m.HasMessageID {
		return true
	}
	id, ok := s.idOf(f)
	return !ok || id == m.MessageID || id == "" && f.Date == m.Date
}

// narrow leaves of the files of a message those that may be it by what its header
// tells, those first that went up with the flags that the message has.
func (s *Match) narrow(a *resemblance) {
	a.files = slices.DeleteFunc(a.files, func(f *view.Message) bool {
		if !a.asked {
			return false
		}
		switch id, ok := s.idOf(f); {
		case !ok || id == a.id && id != "":
			return false // or nobody can say now
		case f.Date == a.m.Date && (a.announcedHere(f) || id == ""):
			return false // a server may add a Message-ID, or write another one
		default:
			return id != a.id || a.hk == 0 || f.Content == nil || f.Content.EssenceSize != a.m.Item.Size-a.hk
		}
	})
	slices.SortFunc(a.files, compareFiles)
	PutFirst(a.files, func(f *view.Message) bool {
		i := a.announced[f]
		return i != nil && i.Delta.Add.Equal(a.m.Item.Remote.Flags)
	})
}

// compareFiles puts files in the order of their names.
func compareFiles(x, y *view.Message) int {
	switch a, b := x.File.String(), y.File.String(); {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// idOf returns the Message-ID of a file; not ok: it cannot be read now.
func (s *Match) idOf(f *view.Message) (id string, ok bool) {
	if f.Content == nil {
		c, err := s.Store.Inspect(context.Background(), f.File)
		if err != nil {
			return "", false
		}
		f.Content = &c
	}
	return view.Bare(f.Content.MessageID), true
}
