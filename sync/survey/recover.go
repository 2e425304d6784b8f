package survey

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
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/run"
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
func (s *Survey) awaitRename(f *finding, begun *state.Intent, base [][2]string) bool {
	if old := f.boxes[begun.Home]; !begun.Confirmed || old == nil || !old.Selectable || f.boxes[begun.Mailbox] != nil || !s.quirks.MaybeBehind(begun.Mailbox) {
		return false
	}
	s.renaming = []string{begun.Home, begun.Mailbox}
	for _, names := range base {
		s.renaming = append(append(s.renaming, names[:]...), cmp.Or(f.here[names[0]], names[1]))
	}
	return true
}

// noteRenamed remembers the names that mailboxes had, with the renames of the base.
func (s *Survey) noteRenamed(tx *state.Tx, base [][2]string) error {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, names := range base {
		f := run.Fault{Mailbox: names[1], What: run.FaultRenamed + names[0]}
		s.quirks.Distrust[f] = s.Start
		if err := tx.PutDistrust(state.Distrust{Mailbox: f.Mailbox, Fault: f.What, Since: s.Start}); err != nil {
			return err
		}
	}
	return nil
}

// awaitRenamed awaits what the server shows under the name that it had until a rename
// of the same day. A replica that is behind does so: taken for moved there, messages would
// leave the place that they have by now. Somebody may as well have renamed the mailbox
// back, which nothing but MAILBOXID tells.
func (s *Survey) awaitRenamed(f *finding) {
	before := s.calledToday()
	for _, r := range f.rows {
		for _, name := range before[r.Name] {
			old := f.boxes[name]
			if old == nil || !old.Selectable || !slices.Contains([]mail.UIDValidity{r.Cursor.UIDValidity, r.Former}, old.Status.UIDValidity) {
				continue
			}
			if remotePlaces(f)[r.Name] == "" && s.quirks.MaybeBehind(r.Name) {
				s.renaming = append(s.renaming, name, r.Name, cmp.Or(f.here[r.Name], r.Name))
			}
		}
	}
}

// calledToday returns the names that mailboxes had within a day before the present one.
func (s *Survey) calledToday() map[string][]string {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	before := map[string][]string{}
	for f, since := range s.quirks.Distrust {
		if name, ok := strings.CutPrefix(f.What, run.FaultRenamed); ok && s.Start.Sub(since) < quirk.BelieveBehind {
			before[f.Mailbox] = append(before[f.Mailbox], name)
		}
	}
	return before
}

// freezeRenaming leaves the mailboxes of an awaited rename as they are. Their folders
// are looked at, for what may have been moved there.
func (s *Survey) freezeRenaming() {
	for i, name := range s.renaming {
		mb := s.Mailboxes[name]
		switch {
		case mb == nil:
		case i == 0:
			s.FreezeRemote(mb, &mail.Error{Op: "rename mailbox", Mailbox: name, Kind: mail.KindMailbox,
				Err:  fmt.Errorf("the server had it as %s, and it lists the old name only", s.renaming[1]),
				Hint: "what is in it waits until the server lists the new name, for a day at most"})
		default:
			mb.RemoteIncomplete = true
		}
	}
}

// recoverRename ends a rename that an interrupted run had begun. A dry run goes on
// as if it had been noted, where it was carried out.
func (s *Survey) recoverRename(ctx context.Context, f *finding) (again bool, err error) {
	i := slices.IndexFunc(s.Intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentLocalRename || i.Kind == state.IntentRemoteRename
	})
	if i < 0 {
		s.awaitRenamed(f)
		return false, nil
	}
	begun := s.Intents[i]
	var base, subs [][2]string
	for _, part := range s.Intents[i+1:] {
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
	if s.Req.DryRun {
		if renamedThere(f, begun) {
			s.renameBase(f, base)
			f.here, err = folderProof{s.DB, s.Store, s.Restored}.places(ctx, f.rows, f.folders)
		}
		return false, err
	}
	var done bool
	if begun.Kind == state.IntentLocalRename {
		before := renamedThere(f, begun)
		if done, err = s.finishLocalRename(ctx, begun); done && !before {
			s.Rep.Count(plan.LocalRename, begun.Home) // else the other run did it
		}
	} else {
		done, err = s.finishRemoteRename(ctx, f, begun, subs)
	}
	if err != nil {
		return false, err
	}
	s.Log.Debug("interrupted rename", "from", begun.Home, "to", begun.Mailbox, "done", done)
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
// it and of the journal, and in what is read later, by NameNow.
func (s *Survey) renameBase(f *finding, base [][2]string) {
	to := f.rename(base)
	now := map[string]string{}
	maps.Copy(now, to)
	for name, was := range s.pretended {
		now[name] = cmp.Or(to[was], was)
	}
	s.pretended = now
	for _, i := range s.Intents {
		i.Home, i.Mailbox = cmp.Or(to[i.Home], i.Home), cmp.Or(to[i.Mailbox], i.Mailbox)
	}
	for k, y := range s.SentYoung {
		s.SentYoung[k].Mailbox = cmp.Or(to[y.Mailbox], y.Mailbox)
	}
}

// NameNow returns what a mailbox of the base is called, if a dry run goes on as if it
// had renamed it.
func (s *Survey) NameNow(name string) string { return cmp.Or(s.pretended[name], name) }

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
func (s *Survey) finishLocalRename(ctx context.Context, i *state.Intent) (done bool, err error) {
	err = s.Store.RenameFolder(ctx, i.Home, i.Mailbox)
	switch {
	case err == nil, errors.Is(err, mail.ErrGone):
		return true, nil
	case pool.Fatal(ctx, err):
		return false, err
	}
	return false, nil
}

func (s *Survey) finishRemoteRename(ctx context.Context, f *finding, i *state.Intent, subs [][2]string) (done bool, err error) {
	if !renamedThere(f, i) {
		return false, nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return false, err
	}
	subs = slices.DeleteFunc(subs, func(sub [2]string) bool { return f.boxes[sub[1]] == nil })
	return true, s.resubscribe(ctx, c, subs)
}
