package report

import (
	"fmt"

	"satchel/sync/mail"
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

// Group returns the one that o belongs to.
func (o Operation) Group() Group { return Group{o.Op, o.Mailbox, o.To} }

// Group is what the operations of a plan are counted by.
type Group struct{ Op, Mailbox, To string }

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
