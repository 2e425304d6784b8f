package sync

import (
	"cmp"
	"context"
	"slices"

	"satchel/maildir"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// A run goes on until both sides are quiet: a later cycle does what an earlier one
// made possible. A dry run has one cycle, so its plan names here what it knows to
// follow.

// tellTrash names what follows a move to the trash of the server: the message
// comes down to the trash that is here, or is copied there from a mailbox that has
// the same one, or gets it by this plan. The run sees that when it has moved it.
func (s *session) tellTrash(ctx context.Context, ops []plan.Op) error {
	type moved struct {
		mailbox string
		uid     mail.UID
	}
	planned := map[moved]Operation{} // each has been asked for its name there
	for _, p := range s.rep.Operations {
		if p.Op == plan.RemoteTrash.String() {
			planned[moved{p.Mailbox, p.UID}] = p
		}
	}
	comes := comingDown(ops)
	for i := range ops {
		op := &ops[i]
		if op.Kind != plan.RemoteTrash || s.req.Push || !s.asked(op.To) {
			continue
		}
		if mb := s.mailboxes[op.To]; mb == nil || mb.frozen() {
			continue
		}
		m := ref(op.Item)
		o := operation(op)
		o.Op, o.Mailbox, o.To, o.UID, o.File, o.Bytes = plan.Download.String(), op.To, "", 0, "", op.Item.Size
		if p, ok := planned[moved{op.Mailbox, m.uid}]; ok {
			o.Subject, o.From, o.Named = p.Subject, p.From, p.Named
		}
		kind := plan.Download
		source, err := s.sameElsewhere(ctx, m)
		if err != nil {
			return err
		}
		if id := m.row.EmailID; source == "" && id != "" {
			if source = comes[id]; source == "" {
				comes[id] = op.To
			}
		}
		if source != "" {
			kind = plan.LocalCopy
			o.Op, o.Mailbox, o.To, o.Bytes = kind.String(), source, op.To, 0
		}
		s.rep.Planned.Download += o.Bytes
		s.rep.count(kind, o.Mailbox)
		s.rep.Operations = append(s.rep.Operations, o)
	}
	return nil
}

// comingDown returns, by the server's identity, a mailbox in which a message is on disk
// once the operations are done.
func comingDown(ops []plan.Op) map[string]string {
	to := map[string]string{}
	for i := range ops {
		op := &ops[i]
		if op.Kind == plan.Download || op.Kind == plan.LocalCopy {
			to[ref(op.Item).emailID] = cmp.Or(op.To, op.Mailbox)
		}
	}
	return to
}

// sameElsewhere returns a mailbox that has the same message on disk, "" if none
// has or the server does not tell what is the same.
func (s *session) sameElsewhere(ctx context.Context, m *message) (string, error) {
	rows, err := s.db.ByDigest(ctx, m.row.Digest)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		mb := s.byID[row.MailboxID]
		if other := s.messages[row.ID]; row.ID != m.row.ID && row.EmailID != "" && row.EmailID == m.row.EmailID && mb != nil && mb.folder != nil && (other == nil || other.onDisk()) {
			return mb.name, nil
		}
	}
	return "", nil
}

// following is a file that has grown since it went up, and waits for a change of
// the message as it is: the run sends it when that is made.
type following struct {
	file   *message
	folder string // where it is then
}

// grownNext returns those that the next cycle sends.
func (s *session) grownNext(ops []plan.Op) (list []following) {
	add := func(m, whole *message) {
		if folder, is := settles(ops, &m.item); is {
			list = append(list, following{whole, folder})
		}
	}
	for _, st := range s.stumps {
		if st.next != nil {
			add(st.m, st.next)
		}
	}
	for _, h := range s.halfUploads {
		if m := s.withFile(h.part.file); m != nil {
			add(m, h.whole)
		}
	}
	return list
}

// tellGrown names their uploads.
func (s *session) tellGrown(list []following) {
	for _, f := range list {
		o := operation(&plan.Op{Kind: plan.Upload, Item: &f.file.item, Mailbox: f.folder})
		o.Named = s.nameHere(f.file.file, &o)
		s.rep.Planned.Upload += o.Bytes
		s.rep.count(plan.Upload, f.folder)
		s.rep.Operations = append(s.rep.Operations, o)
	}
}

// withFile returns the message that a file was found to be, nil if it was not.
func (s *session) withFile(f maildir.File) *message {
	if i := slices.IndexFunc(s.paired, func(m *message) bool { return m.file == f }); i >= 0 {
		return s.paired[i]
	}
	for _, m := range s.messages {
		if m.file == f && m.item.Local.State.Present() {
			return m
		}
	}
	return nil
}

// settles reports whether the operations make both sides agree about a message,
// and in which folder its file is then.
func settles(ops []plan.Op, it *plan.Item) (folder string, is bool) {
	folder = it.Local.Mailbox
	local, rem := it.Local.Settled(), it.Remote.Settled()
	known := it.InBase
	for i := range ops {
		if ops[i].Item != it {
			continue
		}
		switch op := &ops[i]; op.Kind {
		case plan.RemoteFlags, plan.SettleLocal:
			local = true
		case plan.LocalFlags, plan.SettleRemote:
			rem = true
		case plan.LocalMove, plan.RemoteMove, plan.Adopt: // then both know its place, also where both had moved it
			known = true
			local = local || it.Local.Flags.Equal(it.Local.Base)
			rem = rem || it.Remote.Flags.Equal(it.Remote.Base)
			if op.Kind == plan.LocalMove {
				folder = op.To
			}
		case plan.LocalLetters:
		default:
			return "", false
		}
	}
	return folder, known && local && rem
}
