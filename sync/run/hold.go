package run

import (
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/view"
)

// Hold keeps cursor or stamp of mailboxes where they are, so that what was
// seen there is seen again.
func (s *Run) Hold(cursor bool, names ...string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, n := range names {
		if mb := s.Mailboxes[n]; mb != nil {
			if cursor {
				mb.HoldCursor = true
			} else {
				mb.HoldStamp = true
			}
		}
	}
}

// Freeze notes why a mailbox cannot be compared.
func (s *Run) Freeze(mb *view.Mailbox, local bool, err error) {
	if local {
		mb.LocalIncomplete = true
	} else {
		mb.RemoteIncomplete = true
	}
	if local {
		if mb.Folder != nil && !mb.FolderAsKnown() {
			s.HidesIn(mb.Name, err)
		}
	} else {
		s.RemoteIncomplete = s.RemoteIncomplete || mb.Remote != nil && mb.Remote.Status.UIDNext > mb.CursorOf().UIDNext
	}
	if mail.KindOf(err) == mail.KindBrake {
		s.Braked[mb.Name] = err
		return
	}
	if !local && s.Limited(mb.Name, "", err) {
		return
	}
	s.Rep.Problem(mb.Name, "", err)
}

// KeywordsOf returns the folder's keyword letters, read once a cycle.
func (s *Run) KeywordsOf(mb *view.Mailbox) (maildir.Keywords, error) {
	if mb.Keywords == nil {
		k, err := s.Store.ReadKeywords(mb.Name)
		if err != nil {
			return maildir.Keywords{}, err
		}
		mb.Keywords = &k
	}
	return *mb.Keywords, nil
}

// HidesIn notes a directory that could not be looked at, and why.
func (s *Run) HidesIn(name string, err error) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if h := &s.Hideouts; h.Dir == nil || name < h.Dir.Name {
		h.Dir = &view.Hideout{Name: name, Why: view.Cause(err)}
	}
}

// HidesAs notes a file that could not be read, and why.
func (s *Run) HidesAs(f maildir.File, size int64, err error) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	h, o := &s.Hideouts, &view.Hideout{Name: f.String(), Why: view.Cause(err), Base: f.Base(), Size: size}
	if h.ByBase == nil {
		h.ByBase = map[string]*view.Hideout{}
	}
	if old := h.ByBase[o.Base]; old == nil || o.Name < old.Name {
		h.ByBase[o.Base] = o
	}
	h.BySize, h.Sorted = append(h.BySize, o), false
}

// HiddenFile returns why the file of a message may be somewhere on disk although it
// was not seen; "" when there is no such place.
func (s *Run) HiddenFile(base string, size int64) string {
	if h := s.Hideouts.Find(base, size); h != nil {
		return fmt.Sprintf("its file may be in %s: %s", h.Name, h.Why)
	}
	return ""
}

// HidesUpload reports whether the file that an interrupted upload sent may be
// somewhere on disk although it was not seen. The journal has the size of what was
// sent.
func (s *Run) HidesUpload(i *state.Intent) bool {
	return s.HiddenFile(i.Base, i.Size) != "" ||
		slices.ContainsFunc(s.Hideouts.BySize, func(f *view.Hideout) bool { return view.MayBe(f.Size, i.Size) })
}

// FreezeWithin keeps a mailbox and those below it as they are, and reports
// whether the base has any of them.
func (s *Run) FreezeWithin(name string) (was bool) {
	if name == "" {
		return false
	}
	for _, n := range s.Names {
		if mb := s.Mailboxes[n]; mail.Within(n, name) {
			mb.LocalIncomplete = true
			was = was || mb.Row != nil
		}
	}
	return was
}
