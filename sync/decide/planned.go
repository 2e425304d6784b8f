package decide

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"satchel/maildir"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/report"
	"satchel/sync/view"
)

// A run goes on until both sides are quiet: a later cycle does what an earlier one
// made possible. A dry run has one cycle, so its plan names here what it knows to
// follow.

// tellTrash names what follows a move to the trash of the server: the message
// comes down to the trash that is here, or is copied there from a mailbox that has
// the same one, or gets it by this plan. The run sees that when it has moved it.
func (s *Decide) tellTrash(ctx context.Context, ops []plan.Op) error {
	type moved struct {
		mailbox string
		uid     mail.UID
	}
	planned := map[moved]report.Operation{} // each has been asked for its name there
	for _, p := range s.Rep.Operations {
		if p.Op == plan.RemoteTrash.String() {
			planned[moved{p.Mailbox, p.UID}] = p
		}
	}
	comes := comingDown(ops)
	for i := range ops {
		op := &ops[i]
		if op.Kind != plan.RemoteTrash || s.Req.Push || !s.Asked(op.To) {
			continue
		}
		if mb := s.Mailboxes[op.To]; mb == nil || mb.Frozen() {
			continue
		}
		m := view.Ref(op.Item)
		o := view.Operation(op)
		o.Op, o.Mailbox, o.To, o.UID, o.File, o.Bytes = plan.Download.String(), op.To, "", 0, "", op.Item.Size
		if p, ok := planned[moved{op.Mailbox, m.UID}]; ok {
			o.Subject, o.From, o.Named = p.Subject, p.From, p.Named
		}
		kind := plan.Download
		source, err := s.sameElsewhere(ctx, m)
		if err != nil {
			return err
		}
		if id := m.Row.EmailID; source == "" && id != "" {
			if source = comes[id]; source == "" {
				comes[id] = op.To
			}
		}
		if source != "" {
			kind = plan.LocalCopy
			o.Op, o.Mailbox, o.To, o.Bytes = kind.String(), source, op.To, 0
		}
		s.Rep.Planned.Download += o.Bytes
		s.Rep.Count(kind, o.Mailbox)
		s.Rep.Operations = append(s.Rep.Operations, o)
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
			to[view.Ref(op.Item).EmailID] = cmp.Or(op.To, op.Mailbox)
		}
	}
	return to
}

// sameElsewhere returns a mailbox that has the same message on disk, "" if none
// has or the server does not tell what is the same.
func (s *Decide) sameElsewhere(ctx context.Context, m *view.Message) (string, error) {
	rows, err := s.DB.ByDigest(ctx, m.Row.Digest)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		mb := s.ByID[row.MailboxID]
		if other := s.Messages[row.ID]; row.ID != m.Row.ID && row.EmailID != "" && row.EmailID == m.Row.EmailID && mb != nil && mb.Folder != nil && (other == nil || other.OnDisk()) {
			return mb.Name, nil
		}
	}
	return "", nil
}

// Following is a file that has grown since it went up, and waits for a change of
// the message as it is: the run sends it when that is made.
type Following struct {
	file   *view.Message
	folder string // where it is then
}

// GrownNext returns those that the next cycle sends.
func (s *Decide) GrownNext(ops []plan.Op) (list []Following) {
	add := func(m, whole *view.Message) {
		if folder, is := settles(ops, &m.Item); is {
			list = append(list, Following{whole, folder})
		}
	}
	for _, st := range s.Stumps {
		if st.Next != nil {
			add(st.Message, st.Next)
		}
	}
	for _, h := range s.HalfUploads {
		if m := s.withFile(h.Part.File); m != nil {
			add(m, h.Whole)
		}
	}
	return list
}

// TellGrown names their uploads.
func (s *Decide) TellGrown(list []Following) {
	for _, f := range list {
		o := view.Operation(&plan.Op{Kind: plan.Upload, Item: &f.file.Item, Mailbox: f.folder})
		o.Named = s.nameHere(f.file.File, &o)
		s.Rep.Planned.Upload += o.Bytes
		s.Rep.Count(plan.Upload, f.folder)
		s.Rep.Operations = append(s.Rep.Operations, o)
	}
}

// withFile returns the message that a file was found to be, nil if it was not.
func (s *Decide) withFile(f maildir.File) *view.Message {
	if i := slices.IndexFunc(s.Paired, func(m *view.Message) bool { return m.File == f }); i >= 0 {
		return s.Paired[i]
	}
	for _, m := range s.Messages {
		if m.File == f && m.Item.Local.State.Present() {
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

// CountedAs is what an operation is to people: the removal of what an emulated
// move left behind is the end of that move.
func CountedAs(op *plan.Op) plan.Kind {
	if op.Kind == plan.RemoteRemove && op.Item != nil && op.Item.Left {
		return plan.RemoteMove
	}
	return op.Kind
}

// told is operation, as the run will count it.
func (s *Decide) told(op *plan.Op) report.Operation {
	o := view.Operation(op)
	if kind := CountedAs(op); kind != op.Kind {
		o.Op = kind.String()
		if i := s.PostponedBefore(view.Ref(op.Item).Row.ID); i != nil && i.Mailbox != o.Mailbox {
			o.To = i.Mailbox
		}
	}
	return o
}

// TellPlan puts the operations of a plan into the report, with sender and
// subject where that costs little.
func (s *Decide) TellPlan(ctx context.Context, ops []plan.Op) error {
	told := map[report.Group]int{}
	waits, err := s.recovery.WaitingRemovals(ctx, ops)
	if err != nil {
		return err
	}
	wanted := map[string]map[mail.UID][]int{} // by mailbox, the operations about messages that only the server has
	for i := range ops {
		op := &ops[i]
		if op.Kind.Silent() || s.match.EndsStump(op) || s.recovery.WouldHoldBack(op) || waits(op) {
			continue
		}
		o := s.told(op)
		s.Rep.Count(CountedAs(op), op.Mailbox)
		switch op.Kind {
		case plan.Download:
			s.Rep.Planned.Download += o.Bytes
		case plan.Upload:
			s.Rep.Planned.Upload += o.Bytes
		}
		g := o.Group()
		if told[g]++; op.Item != nil && (s.Req.Full || told[g] <= report.NamedOperations) {
			o.Named = true
			m := view.Ref(op.Item)
			if op.Source != nil {
				m = view.Ref(op.Source)
			}
			if !s.nameHere(m.File, &o) && m.UID != 0 {
				place := op.Item.Remote.Mailbox
				if op.Source != nil {
					place = op.Source.Remote.Mailbox
				}
				if wanted[place] == nil {
					wanted[place] = map[mail.UID][]int{}
				}
				wanted[place][m.UID] = append(wanted[place][m.UID], len(s.Rep.Operations))
			}
		}
		s.Rep.Operations = append(s.Rep.Operations, o)
	}
	if err := s.nameThere(ctx, wanted); err != nil {
		return err
	}
	return s.tellTrash(ctx, ops)
}

// nameHere reads sender and subject from a file.
func (s *Decide) nameHere(f maildir.File, o *report.Operation) bool {
	if f.Name == "" || f.Unnamed {
		return false
	}
	h, err := s.Store.OpenServerForm(f, mail.FormRaw)
	if err != nil {
		return false // renamed since; the server may have it
	}
	o.Subject, o.From = report.ReadHead(h)
	_ = h.Close() // only read
	return true
}

// nameThere asks the server for sender and subject of messages that are not
// here, all in one flight. What it does not tell stays without a name.
func (s *Decide) nameThere(ctx context.Context, wanted map[string]map[mail.UID][]int) error {
	var reqs []remote.SampleRequest
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if len(wanted[name]) == 0 || mb.Remote == nil {
			continue
		}
		req := remote.SampleRequest{Mailbox: name, UIDValidity: s.Validity(mb)}
		for uid := range wanted[name] {
			req.Items = append(req.Items, remote.SampleItem{UID: uid, Length: report.HeadBytes})
		}
		reqs = append(reqs, req)
	}
	if len(reqs) == 0 {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	failed, err := c.FetchSamples(ctx, reqs, func(mailbox string, p remote.Sample) error {
		for _, i := range wanted[mailbox][p.UID] {
			o := &s.Rep.Operations[i]
			o.Subject, o.From = report.ReadHead(bytes.NewReader(p.Part))
		}
		return nil
	})
	for name, err := range failed {
		s.Log.Debug("no names for a plan", "mailbox", name, "err", err)
	}
	if err != nil && pool.Fatal(ctx, err) {
		return err
	}
	return nil
}
