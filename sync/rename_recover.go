package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// errRenameUnseen is a RENAME that the server said OK to, and that its list does not
// show at all. The server may have done nothing, or a replica may be behind. Taken for
// refused in the second case, what satchel renamed would look renamed by somebody else.
// So it is awaited for as long as messages are that a server does not show.
var errRenameUnseen = errors.New("the server does not list what it renamed")

// maybeRenamed reports whether a refusal may be for a rename that a run had done before
// it died: the server says that it has no such mailbox, or one of the new name already.
func maybeRenamed(refused error) bool {
	var re *remote.ResponseError
	return errors.As(refused, &re) && (re.Code == remote.CodeNonExistent || re.Code == remote.CodeAlreadyExists)
}

// awaitRename notes that a rename is awaited, and reports whether it is. Nothing is
// concluded about its mailboxes meanwhile.
func (s *session) awaitRename(f *finding, begun *state.Intent, base [][2]string) bool {
	if old := f.boxes[begun.Home]; !begun.Confirmed || old == nil || !old.Selectable || f.boxes[begun.Mailbox] != nil || !s.maybeBehind(begun.Mailbox) {
		return false
	}
	s.renaming = []string{begun.Home, begun.Mailbox}
	for _, names := range base {
		s.renaming = append(append(s.renaming, names[:]...), cmp.Or(f.here[names[0]], names[1]))
	}
	return true
}

// faultRenamed and a name is what is remembered of a mailbox that had that name.
const faultRenamed = "renamed:"

// noteRenamed remembers the names that mailboxes had, with the renames of the base.
func (s *session) noteRenamed(tx *state.Tx, base [][2]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, names := range base {
		f := fault{names[1], faultRenamed + names[0]}
		s.distrust[f] = s.start
		if err := tx.PutDistrust(state.Distrust{Mailbox: f.mailbox, Fault: f.what, Since: s.start}); err != nil {
			return err
		}
	}
	return nil
}

// awaitRenamed awaits what the server shows under the name that it had until a rename
// of the same day. A replica that is behind does so: taken for moved there, messages would
// leave the place that they have by now. Somebody may as well have renamed the mailbox
// back, which nothing but MAILBOXID tells.
func (s *session) awaitRenamed(f *finding) {
	before := s.calledToday()
	for _, r := range f.rows {
		for _, name := range before[r.Name] {
			old := f.boxes[name]
			if old == nil || !old.Selectable || !slices.Contains([]mail.UIDValidity{r.Cursor.UIDValidity, r.Former}, old.Status.UIDValidity) {
				continue
			}
			if remotePlaces(f)[r.Name] == "" && s.maybeBehind(r.Name) {
				s.renaming = append(s.renaming, name, r.Name, cmp.Or(f.here[r.Name], r.Name))
			}
		}
	}
}

// calledToday returns the names that mailboxes had within a day before the present one.
func (s *session) calledToday() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := map[string][]string{}
	for f, since := range s.distrust {
		if name, ok := strings.CutPrefix(f.what, faultRenamed); ok && s.start.Sub(since) < believeBehind {
			before[f.mailbox] = append(before[f.mailbox], name)
		}
	}
	return before
}

// freezeRenaming leaves the mailboxes of an awaited rename as they are. Their folders
// are looked at, for what may have been moved there.
func (s *session) freezeRenaming() {
	for i, name := range s.renaming {
		mb := s.mailboxes[name]
		switch {
		case mb == nil:
		case i == 0:
			s.freeze(mb, false, &mail.Error{Op: "rename mailbox", Mailbox: name, Kind: mail.KindMailbox,
				Err:  fmt.Errorf("the server had it as %s, and it lists the old name only", s.renaming[1]),
				Hint: "what is in it waits until the server lists the new name, for a day at most"})
		default:
			mb.blindRemote = true
		}
	}
}

// recoverRename ends a rename that an interrupted run had begun. A dry run goes on
// as if it had been noted, where it was carried out.
func (s *session) recoverRename(ctx context.Context, f *finding) (again bool, err error) {
	i := slices.IndexFunc(s.intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentLocalRename || i.Kind == state.IntentRemoteRename
	})
	if i < 0 {
		s.awaitRenamed(f)
		return false, nil
	}
	begun := s.intents[i]
	var base, subs [][2]string
	for _, part := range s.intents[i+1:] {
		switch pair := [2]string{part.Home, part.Mailbox}; part.Kind {
		case state.IntentBaseName:
			base = append(base, pair)
		case state.IntentSubscription:
			subs = append(subs, pair)
		}
	}
	if s.awaitRename(f, begun, base) {
		return false, nil
	}
	if s.req.DryRun {
		if renamedThere(f, begun) {
			s.renameBase(f, base)
			f.here, err = folderProof{s.db, s.store, s.restored}.places(ctx, f.rows, f.folders)
		}
		return false, err
	}
	var done bool
	if begun.Kind == state.IntentLocalRename {
		before := renamedThere(f, begun)
		if done, err = s.finishLocalRename(ctx, begun); done && !before {
			s.rep.count(plan.LocalRename, begun.Home) // else the other run did it
		}
	} else {
		done, err = s.finishRemoteRename(ctx, f, begun, subs)
	}
	if err != nil {
		return false, err
	}
	s.log.Debug("interrupted rename", "from", begun.Home, "to", begun.Mailbox, "done", done)
	if !done {
		return true, s.dropRename(ctx)
	}
	return true, s.renamed(ctx, base, nil)
}

// renamedThere reports whether an interrupted rename was carried out.
func renamedThere(f *finding, i *state.Intent) bool {
	if i.Kind == state.IntentRemoteRename {
		b := f.boxes[i.Home]
		return (b == nil || !b.Selectable) && f.boxes[i.Mailbox] != nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(f.folders, func(folder maildir.Folder) bool { return folder.Name == name })
	}
	return !has(i.Home) && has(i.Mailbox)
}

// renameBase gives mailboxes of the base other names, for a dry run: in what was read of
// it and of the journal, and in what is read later, by nameNow.
func (s *session) renameBase(f *finding, base [][2]string) {
	to := f.rename(base)
	now := map[string]string{}
	maps.Copy(now, to)
	for name, was := range s.pretended {
		now[name] = cmp.Or(to[was], was)
	}
	s.pretended = now
	for _, i := range s.intents {
		i.Home, i.Mailbox = cmp.Or(to[i.Home], i.Home), cmp.Or(to[i.Mailbox], i.Mailbox)
	}
	for k, y := range s.sentYoung {
		s.sentYoung[k].Mailbox = cmp.Or(to[y.Mailbox], y.Mailbox)
	}
}

// nameNow returns what a mailbox of the base is called, if a dry run goes on as if it
// had renamed it.
func (s *session) nameNow(name string) string { return cmp.Or(s.pretended[name], name) }

// rename gives them these names in what was found, and returns the names as a map.
func (f *finding) rename(base [][2]string) (to map[string]string) {
	to = map[string]string{}
	for _, pair := range base {
		to[pair[0]] = pair[1]
	}
	here, above := map[string]string{}, state.Above(base)
	for _, r := range f.rows {
		at, known := f.here[r.Name]
		if name, ok := to[r.Name]; ok {
			r.Name = name
		}
		if known {
			here[r.Name] = at
		}
		if above[r.Name] {
			r.DirMTime = 0 // the folder is compared, as by the run
		}
	}
	f.here = here
	return to
}

// finishLocalRename renames again: in Maildir++ children have directories of
// their own, and some may have their new name already.
func (s *session) finishLocalRename(ctx context.Context, i *state.Intent) (done bool, err error) {
	err = s.store.RenameFolder(ctx, i.Home, i.Mailbox)
	switch {
	case err == nil, errors.Is(err, mail.ErrGone):
		return true, nil
	case fatal(ctx, err):
		return false, err
	}
	return false, nil
}

func (s *session) finishRemoteRename(ctx context.Context, f *finding, i *state.Intent, subs [][2]string) (done bool, err error) {
	if !renamedThere(f, i) {
		return false, nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return false, err
	}
	subs = slices.DeleteFunc(subs, func(sub [2]string) bool { return f.boxes[sub[1]] == nil })
	return true, s.resubscribe(ctx, c, subs)
}
