package sync

import (
	"context"
	"errors"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/remote"
)

// Status says what is known without the network.
func (e *Engine) Status(ctx context.Context) (st *Status, err error) {
	st = &Status{Account: e.account.Name, Mailboxes: []MailboxStatus{}}
	exists, err := state.Exists(e.statePath())
	if err != nil || !exists {
		return st, err
	}
	db, err := state.Open(ctx, e.statePath(), e.stateOptions)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	last, err := db.LastRun(ctx)
	if err != nil {
		return st, err
	}
	if last != nil {
		st.LastSync = last.Finished
		if last.Outcome != "ok" {
			st.Problem = last.Outcome
		}
	}
	if st.Level, err = db.Meta(ctx, state.MetaLevel); err != nil {
		return st, err
	}
	conflicts, err := db.Conflicts(ctx)
	if err != nil {
		return st, err
	}
	st.Conflicts = len(conflicts)
	rows, err := db.Mailboxes(ctx)
	if err != nil {
		return st, err
	}
	counts, err := db.Counts(ctx)
	if err != nil {
		return st, err
	}
	store, err := maildir.Open(e.account.Maildir, e.maildirOptions())
	if err != nil {
		st.Problem = err.Error()
		store = nil
	}
	levels, err := e.levels(ctx, st.Level, db, rows)
	if err != nil {
		return st, err
	}
	return st, e.statusMailboxes(ctx, st, db, store, rows, counts, levels)
}

// levels returns, by mailbox, how changes on the server are found.
func (e *Engine) levels(ctx context.Context, server string, db *state.DB, rows []*state.Mailbox) (map[string]string, error) {
	list, err := db.Distrusts(ctx)
	if err != nil {
		return nil, err
	}
	doubts := map[string]remote.Doubts{}
	for _, d := range list {
		for one, name := range doubtNames() {
			if name == d.Fault && e.now().Sub(d.Since) <= distrustFor {
				doubts[d.Mailbox] |= one
			}
		}
	}
	levels := map[string]string{}
	for _, r := range rows {
		levels[r.Name] = levelOf(server, r, doubts[r.Name])
	}
	return levels, nil
}

// statusMailboxes fills in the mailboxes. Only folders whose stamps moved are
// listed, so that the cost follows the change here, too.
func (e *Engine) statusMailboxes(ctx context.Context, st *Status, db *state.DB, store *maildir.Store, rows []*state.Mailbox, counts map[int64]int, levels map[string]string) error {
	st.Complete = true
	folders, places := map[string]maildir.Folder{}, map[string]string{}
	if store != nil {
		list, _, err := store.Survey(ctx, stamps(rows))
		if err != nil {
			return err
		}
		for _, f := range list {
			folders[f.Name] = f
		}
		if places, err = (folderProof{db: db, store: store}).places(ctx, rows, list); err != nil {
			return err
		}
	}
	for _, r := range rows {
		ms := MailboxStatus{Name: r.Name, Messages: counts[r.ID], Complete: uint32(counts[r.ID]) >= r.Cursor.Messages && r.Cursor.UIDValidity != 0,
			Level: levels[r.Name]}
		place := places[r.Name]
		f, there := folders[place]
		delete(folders, place)
		switch {
		case store == nil:
		case !there:
			ms.LocalChanges = ms.Messages
		case f.Stamp.Cur != r.CurMTime || f.Stamp.New != r.NewMTime || f.Stamp.Inode != r.Inode:
			n, err := localChanges(ctx, db, store, r, place)
			if err != nil {
				st.Problem = err.Error()
			}
			ms.LocalChanges = n
		}
		if there && place != r.Name {
			ms.LocalChanges++ // the rename
		}
		st.add(ms)
	}
	for name := range folders { // not in the base: all of it is new
		l, err := store.Scan(ctx, name)
		if err != nil {
			st.Problem = err.Error()
			continue
		}
		st.add(MailboxStatus{Name: name, Messages: len(l.Files), LocalChanges: len(l.Files), Complete: true})
	}
	return nil
}

func (st *Status) add(ms MailboxStatus) {
	st.Mailboxes = append(st.Mailboxes, ms)
	st.Messages += ms.Messages
	st.LocalChanges += ms.LocalChanges
	st.Complete = st.Complete && ms.Complete
}

// localChanges counts the files of a folder that differ from the base.
func localChanges(ctx context.Context, db *state.DB, store *maildir.Store, r *state.Mailbox, folder string) (n int, err error) {
	l, err := store.Scan(ctx, folder)
	if err != nil {
		return 0, err
	}
	err = byBase(ctx, db, r.ID, l.Files, func(rows []state.Name, files []maildir.File) {
		known := 0
		for i := range rows {
			if named(&rows[i], files) >= 0 {
				known++
			}
		}
		n += max(len(rows), len(files)) - known
	})
	return n, err
}
