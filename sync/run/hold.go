package run

import (
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/view"
)

// HoldCursor keeps the cursors of mailboxes where they are, so that what was seen on the server
// is seen again. Called by workers, too.
func (s *Run) HoldCursor(names ...string) {
	s.each(names, func(mb *view.Mailbox) { mb.HoldCursor = true })
}

// HoldStamp keeps the time stamps of their folders, so that what was seen on disk is seen again.
// Called by workers, too.
func (s *Run) HoldStamp(names ...string) {
	s.each(names, func(mb *view.Mailbox) { mb.HoldStamp = true })
}

func (s *Run) each(names []string, f func(*view.Mailbox)) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, n := range names {
		if mb := s.Mailboxes[n]; mb != nil {
			f(mb)
		}
	}
}

// FreezeLocal leaves a mailbox as it is on both sides, since its folder could not be looked at.
func (s *Run) FreezeLocal(mb *view.Mailbox, err error) {
	mb.LocalIncomplete = true
	if mb.Folder != nil && !mb.FolderAsKnown() {
		s.HidesIn(mb.Name, err)
	}
	if !s.braked(mb, err) {
		s.Rep.Problem(mb.Name, "", err)
	}
}

// FreezeRemote does so since the mailbox of the server could not be looked at.
func (s *Run) FreezeRemote(mb *view.Mailbox, err error) {
	mb.RemoteIncomplete = true
	s.RemoteIncomplete = s.RemoteIncomplete || mb.Remote != nil && mb.Remote.Status.UIDNext > mb.CursorOf().UIDNext
	if !s.braked(mb, err) && !s.Limited(mb.Name, "", err) {
		s.Rep.Problem(mb.Name, "", err)
	}
}

// braked notes the error of a safety brake, which ends the run for the mailbox, and reports
// whether it is one.
func (s *Run) braked(mb *view.Mailbox, err error) bool {
	is := mail.KindOf(err) == mail.KindBrake
	if is {
		s.Braked[mb.Name] = err
	}
	return is
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
