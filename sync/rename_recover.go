package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// recoverRename ends a rename that an interrupted run had begun. A dry run goes on
// as if it had been noted, where it was carried out.
func (s *session) recoverRename(ctx context.Context, f *finding) (again bool, err error) {
	i := slices.IndexFunc(s.intents, func(i *state.Intent) bool {
		return i.Kind == state.IntentLocalRename || i.Kind == state.IntentRemoteRename
	})
	if i < 0 {
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
	if s.req.DryRun {
		if renamedThere(f, begun) {
			f.rename(base)
		}
		return false, nil
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

// rename gives mailboxes of the base other names, for a dry run.
func (f *finding) rename(base [][2]string) {
	to := map[string]string{}
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
