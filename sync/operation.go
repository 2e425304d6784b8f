package sync

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"satchel/maildir"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// Operation is one operation of a plan, as programs and people see it. All
// fields are always there; what does not apply is empty or 0.
type Operation struct {
	Op      string   `json:"op"`      // its name, as in the counts of a report
	Mailbox string   `json:"mailbox"` // that is changed; of moves and copies the source
	To      string   `json:"to"`      // where moves, copies and renames lead
	UID     mail.UID `json:"uid"`
	File    string   `json:"file"` // the unique part of its name
	Add     []string `json:"flags_added"`
	Remove  []string `json:"flags_removed"`
	Bytes   int64    `json:"bytes"` // of the message, if it is to be transferred
	Subject string   `json:"subject"`
	From    string   `json:"from"`
	// Named: Subject and From were looked for. Of many operations of one group
	// that is done for the first ones, unless the plan is a full one.
	Named bool `json:"named"`
}

// Group is what the operations of a plan are counted by.
type Group struct{ Op, Mailbox, To string }

// Group returns the one that o belongs to.
func (o Operation) Group() Group { return Group{o.Op, o.Mailbox, o.To} }

// String is how the lines of its operations begin.
func (g Group) String() string {
	s := g.Op + " " + g.Mailbox
	if g.To != "" {
		s += " -> " + g.To
	}
	return s
}

// HeldBack is an operation that a plan leaves out. Its JSON form is its text.
type HeldBack struct {
	Group Group
	Why   string
	Text  string // the whole line, with the message and why
}

// String is the line that people read.
func (h HeldBack) String() string { return h.Text }

// MarshalText is the line that programs read.
func (h HeldBack) MarshalText() ([]byte, error) { return []byte(h.Text), nil }

// NamedOperations is for how many operations of a group a plan looks for sender
// and subject.
const NamedOperations = 20

// headBytes is how much of a message on the server is read in search of sender
// and subject.
const headBytes = 8 << 10

// String is the line that people read.
func (o Operation) String() string {
	s := o.Group().String()
	for _, f := range o.Add {
		s += " +" + f
	}
	for _, f := range o.Remove {
		s += " -" + f
	}
	if name := o.name(); name != "" {
		s += ": " + name
	}
	if o.Bytes > 0 {
		s += fmt.Sprintf(" (%d bytes)", o.Bytes)
	}
	return s
}

// name is what people know a message by, as far as it is known.
func (o Operation) name() string {
	switch {
	case o.Subject != "" && o.From != "":
		return o.Subject + ", from " + o.From
	case o.From != "":
		return "no subject, from " + o.From
	case o.Subject != "":
		return o.Subject
	case o.UID != 0:
		return fmt.Sprintf("uid %d", o.UID)
	}
	return o.File
}

// operation is what a report says of an operation of the planner.
func operation(op *plan.Op) Operation {
	o := Operation{Op: op.Kind.String(), Mailbox: op.Mailbox, To: op.To, Add: []string{}, Remove: []string{}}
	o.Add = append(o.Add, op.Delta.Add.Names()...)
	o.Remove = append(o.Remove, op.Delta.Remove.Names()...)
	if op.Item == nil {
		return o
	}
	m := ref(op.Item)
	if op.Source != nil {
		m = ref(op.Source)
	}
	o.UID = m.uid
	if m.file.Name != "" {
		o.File = m.file.Base()
	} else if m.row != nil {
		o.File = m.row.Base
	}
	if op.Kind == plan.Download || op.Kind == plan.Upload {
		o.Bytes = op.Item.Size
	}
	return o
}

// countedAs is what an operation is to people: the removal of what an emulated
// move left behind is the end of that move.
func countedAs(op *plan.Op) plan.Kind {
	if op.Kind == plan.RemoteRemove && op.Item != nil && op.Item.Left {
		return plan.RemoteMove
	}
	return op.Kind
}

// told is operation, as the run will count it.
func (s *session) told(op *plan.Op) Operation {
	o := operation(op)
	if kind := countedAs(op); kind != op.Kind {
		o.Op = kind.String()
		if i := s.postponedBefore(ref(op.Item).row.ID); i != nil && i.Mailbox != o.Mailbox {
			o.To = i.Mailbox
		}
	}
	return o
}

// tellPlan puts the operations of a plan into the report, with sender and
// subject where that costs little.
func (s *session) tellPlan(ctx context.Context, ops []plan.Op) error {
	told := map[Group]int{}
	waits, err := s.waitingRemovals(ctx, ops)
	if err != nil {
		return err
	}
	wanted := map[string]map[mail.UID][]int{} // by mailbox, the operations about messages that only the server has
	for i := range ops {
		op := &ops[i]
		if op.Kind.Silent() || s.endsStump(op) || s.wouldHoldBack(op) || waits(op) {
			continue
		}
		o := s.told(op)
		s.rep.count(countedAs(op), op.Mailbox)
		switch op.Kind {
		case plan.Download:
			s.rep.Planned.Download += o.Bytes
		case plan.Upload:
			s.rep.Planned.Upload += o.Bytes
		}
		g := o.Group()
		if told[g]++; op.Item != nil && (s.req.Full || told[g] <= NamedOperations) {
			o.Named = true
			m := ref(op.Item)
			if op.Source != nil {
				m = ref(op.Source)
			}
			if !s.nameHere(m.file, &o) && m.uid != 0 {
				place := op.Item.Remote.Mailbox
				if op.Source != nil {
					place = op.Source.Remote.Mailbox
				}
				if wanted[place] == nil {
					wanted[place] = map[mail.UID][]int{}
				}
				wanted[place][m.uid] = append(wanted[place][m.uid], len(s.rep.Operations))
			}
		}
		s.rep.Operations = append(s.rep.Operations, o)
	}
	if err := s.nameThere(ctx, wanted); err != nil {
		return err
	}
	return s.tellTrash(ctx, ops)
}

// nameHere reads sender and subject from a file.
func (s *session) nameHere(f maildir.File, o *Operation) bool {
	if f.Name == "" || strings.Contains(f.Name, infoUnknown) {
		return false
	}
	h, err := s.store.OpenServerForm(f, mail.FormRaw)
	if err != nil {
		return false // renamed since; the server may have it
	}
	o.Subject, o.From = readHead(h)
	_ = h.Close() // only read
	return true
}

// nameThere asks the server for sender and subject of messages that are not
// here, all in one flight. What it does not tell stays without a name.
func (s *session) nameThere(ctx context.Context, wanted map[string]map[mail.UID][]int) error {
	var reqs []remote.ProbeRequest
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if len(wanted[name]) == 0 || mb.remote == nil {
			continue
		}
		req := remote.ProbeRequest{Mailbox: name, UIDValidity: s.validity(mb)}
		for uid := range wanted[name] {
			req.Items = append(req.Items, remote.ProbeItem{UID: uid, Length: headBytes})
		}
		reqs = append(reqs, req)
	}
	if len(reqs) == 0 {
		return nil
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	failed, err := c.Probe(ctx, reqs, func(mailbox string, p remote.Probe) error {
		for _, i := range wanted[mailbox][p.UID] {
			o := &s.rep.Operations[i]
			o.Subject, o.From = readHead(bytes.NewReader(p.Part))
		}
		return nil
	})
	for name, err := range failed {
		s.log.Debug("no names for a plan", "mailbox", name, "err", err)
	}
	if err != nil && fatal(ctx, err) {
		return err
	}
	return nil
}
