package sync

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// CheckRequest says how far a check goes.
type CheckRequest struct {
	Offline bool // leave out the server
	Repair  bool // mend what can be mended
}

// CheckReport is what a check found. Findings are damage; Waiting counts
// differences that the next sync carries over, which are none.
type CheckReport struct {
	Account   string    `json:"account"`
	Mailboxes int       `json:"mailboxes"`
	Messages  int       `json:"messages"`  // compared with their files
	OnServer  int       `json:"on_server"` // compared with the server
	Bytes     int64     `json:"bytes"`     // read from disk
	Waiting   int       `json:"waiting"`
	Findings  []Finding `json:"findings"`
	Offline   bool      `json:"offline"`
}

// Finding is one thing that is not as it must be.
type Finding struct {
	Mailbox  string `json:"mailbox,omitempty"`
	Message  string `json:"message,omitempty"`
	Problem  string `json:"problem"`
	Repaired bool   `json:"repaired,omitempty"`
}

// checker is one check of one account.
type checker struct {
	*Engine
	req   CheckRequest
	db    *state.DB
	store *maildir.Store
	rep   *CheckReport
	boxes []*state.Mailbox
	// broken are rows that say something untrue. Repair forgets them: then
	// the next sync pairs file and message anew, by content, and what has no
	// counterpart is copied. So a repair never removes mail.
	broken  map[int64][]*state.Message
	recheck map[int64]bool // mailboxes whose cursor is not to be trusted
}

// Check verifies that the state is whole, that every file is the message that
// was synced, byte for byte, and that the server holds the messages that the
// state says it holds.
func (e *Engine) Check(ctx context.Context, req CheckRequest) (rep *CheckReport, err error) {
	rep = &CheckReport{Account: e.account.Name, Findings: []Finding{}, Offline: req.Offline}
	unlock, err := lock(filepath.Join(e.account.StateDir, e.account.Name+".lock"))
	if err != nil {
		return rep, err
	}
	defer unlock()
	exists, err := state.Exists(e.statePath())
	if err != nil {
		return rep, err
	}
	if !exists {
		return rep, &mail.Error{Op: "check", Kind: mail.KindConfig, Err: errors.New("the account was never synced"),
			Hint: "satchel sync " + e.account.Name}
	}
	db, err := state.Open(ctx, e.statePath(), e.stateOptions)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, _, err := e.openMaildir(ctx, db, true)
	if err != nil {
		return rep, err
	}
	c := &checker{Engine: e, req: req, db: db, store: store, rep: rep,
		broken: map[int64][]*state.Message{}, recheck: map[int64]bool{}}
	return rep, c.run(ctx)
}

func (c *checker) run(ctx context.Context) error {
	findings, err := c.db.Check(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		c.rep.Findings = append(c.rep.Findings, Finding{Problem: "state: " + f})
	}
	if c.boxes, err = c.db.Mailboxes(ctx); err != nil {
		return err
	}
	c.rep.Mailboxes = len(c.boxes)
	for _, mb := range c.boxes {
		if err := c.folder(ctx, mb); err != nil {
			return err
		}
	}
	if !c.req.Offline {
		if err := c.server(ctx); err != nil {
			return err
		}
	}
	if c.req.Repair {
		return c.repair(ctx)
	}
	return nil
}

func (c *checker) found(mb *state.Mailbox, row *state.Message, format string, args ...any) {
	f := Finding{Mailbox: mb.Name, Problem: fmt.Sprintf(format, args...)}
	if row != nil {
		f.Message = fmt.Sprintf("uid %d, file %s", row.UID, row.Base)
		c.broken[mb.ID] = append(c.broken[mb.ID], row)
	}
	c.rep.Findings = append(c.rep.Findings, f)
}

// folder reads every file of a mailbox and compares it with the base.
func (c *checker) folder(ctx context.Context, mb *state.Mailbox) error {
	l, err := c.store.Scan(ctx, mb.Name)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		if n, cerr := c.db.Count(ctx, mb.ID); cerr == nil && errors.Is(err, mail.ErrGone) {
			c.rep.Waiting += n // the folder was removed
			return nil
		}
		c.found(mb, nil, "the folder cannot be read: %v", err)
		return nil
	}
	files := make(map[string]maildir.File, len(l.Files))
	for _, f := range l.Files {
		files[f.Base()] = f
	}
	err = c.db.Range(ctx, mb.ID, mail.UIDRange{Start: 0, Stop: ^mail.UID(0)}, func(row *state.Message) error {
		f, ok := files[row.Base]
		if !ok {
			c.rep.Waiting++
			return nil
		}
		delete(files, row.Base)
		content, err := c.store.Inspect(ctx, f)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			if !errors.Is(err, mail.ErrGone) {
				c.found(mb, row, "the file cannot be read: %v", err)
			}
			return nil
		}
		c.rep.Messages++
		c.rep.Bytes += content.DiskSize
		want, got := row.Digest, content.Digest
		if row.Form == mail.FormRaw {
			got = content.RawDigest
		}
		if got != want {
			c.found(mb, row, "the file is not what was synced: %d bytes, should be %d; digest %s, should be %s",
				content.DiskSize, row.DiskSize, got, want)
			return nil
		}
		if f.Name != row.Base+row.Info || f.New != row.New {
			c.rep.Waiting++
		}
		return nil
	})
	c.rep.Waiting += len(files)
	return err
}

// server compares UIDs and sizes with what the server has.
func (c *checker) server(ctx context.Context) error {
	client, err := remote.New(c.remoteOptions())
	if err != nil {
		return err
	}
	conn, err := client.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	boxes, err := conn.Overview(ctx)
	if err != nil {
		return err
	}
	var reqs []remote.ChangesRequest
	for _, mb := range c.boxes {
		if slices.ContainsFunc(boxes, func(b remote.Mailbox) bool { return b.Name == mb.Name && b.Selectable }) {
			reqs = append(reqs, remote.ChangesRequest{Mailbox: mb.Name, ReadOnly: true, ListNew: true})
			continue
		}
		n, err := c.db.Count(ctx, mb.ID)
		if err != nil {
			return err
		}
		c.rep.Waiting += n
	}
	return conn.Changes(ctx, reqs, func(ch *remote.Changes) error {
		i := slices.IndexFunc(c.boxes, func(mb *state.Mailbox) bool { return mb.Name == ch.Mailbox })
		if i < 0 {
			return nil
		}
		return c.compare(ctx, c.boxes[i], ch)
	})
}

func (c *checker) compare(ctx context.Context, mb *state.Mailbox, ch *remote.Changes) error {
	switch {
	case ch.Err != nil:
		c.found(mb, nil, "the server does not open it: %v", ch.Err)
		return nil
	case mb.Cursor.UIDValidity != 0 && ch.Cursor.UIDValidity != mb.Cursor.UIDValidity:
		c.rep.Waiting += len(ch.New) // paired anew by the next sync
		return nil
	}
	there := make(map[mail.UID]*remote.NewMessage, len(ch.New))
	for i := range ch.New {
		there[ch.New[i].UID] = &ch.New[i]
	}
	err := c.db.Range(ctx, mb.ID, mail.UIDRange{Start: 0, Stop: ^mail.UID(0)}, func(row *state.Message) error {
		m := there[row.UID]
		delete(there, row.UID)
		switch {
		case m == nil:
			c.rep.Waiting++
			return nil
		case m.HasMeta && m.Size != row.Size:
			c.found(mb, row, "the server's message has %d bytes, the synced one %d", m.Size, row.Size)
		case !m.Flags.Equal(row.RemoteFlags):
			c.rep.Waiting++
			// Nothing would report the flags again if the cursor were past
			// this change.
			if ch.Cursor.HighestModSeq != 0 && ch.Cursor.HighestModSeq == mb.Cursor.HighestModSeq {
				c.recheck[mb.ID] = true
				c.rep.Findings = append(c.rep.Findings, Finding{Mailbox: mb.Name, Message: fmt.Sprintf("uid %d", row.UID),
					Problem: fmt.Sprintf("flags on the server are %q, the state says %q", m.Flags, row.RemoteFlags)})
			}
		}
		c.rep.OnServer++
		return nil
	})
	if err != nil {
		return err
	}
	for uid := range there {
		c.rep.Waiting++
		if uid < mb.Cursor.UIDNext && ch.Cursor == mb.Cursor {
			c.recheck[mb.ID] = true
			c.rep.Findings = append(c.rep.Findings, Finding{Mailbox: mb.Name, Message: fmt.Sprintf("uid %d", uid),
				Problem: "the server has it, the state does not know it and takes the mailbox for read"})
		}
	}
	return nil
}

// repair forgets what is untrue and makes the next sync look at the mailboxes
// concerned from the start.
func (c *checker) repair(ctx context.Context) error {
	if len(c.rep.Findings) == 0 {
		return nil
	}
	err := c.db.Update(ctx, func(tx *state.Tx) error {
		for _, mb := range c.boxes {
			stateBroken := slices.ContainsFunc(c.rep.Findings, func(f Finding) bool { return f.Mailbox == "" })
			if len(c.broken[mb.ID]) == 0 && !c.recheck[mb.ID] && !stateBroken {
				continue
			}
			for _, row := range c.broken[mb.ID] {
				if err := tx.DeleteMessage(row.ID); err != nil {
					return err
				}
			}
			// The UIDVALIDITY is kept, since the rows that stay hold by it.
			mb.Cursor = mail.Cursor{UIDValidity: mb.Cursor.UIDValidity}
			mb.CurMTime, mb.NewMTime, mb.DirMTime = 0, 0, 0
			if err := tx.PutMailbox(mb); err != nil {
				return err
			}
		}
		return tx.Mend()
	})
	if err != nil {
		return err
	}
	for i := range c.rep.Findings {
		f := &c.rep.Findings[i]
		f.Repaired = f.Message != "" || strings.HasPrefix(f.Problem, "state: ")
	}
	return nil
}
