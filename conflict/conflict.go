package conflict

import (
	"fmt"

	"satchel/sync/mail"
)

// EditVsDelete says what happens to a message that one side edited and the
// other removed.
type EditVsDelete uint8

// Keep is the default: mail is never lost.
const (
	Keep   EditVsDelete = iota // the edit wins, the message comes back
	Delete                     // the removal wins
)

// Removal says what the removal of a local message does on the server.
type Removal uint8

// Auto is the default: what a person removed can be found again.
const (
	Auto    Removal = iota // to the trash where there is one, else expunged
	Expunge                // UID EXPUNGE
	Trash                  // UID MOVE to the mailbox with the \Trash attribute; without one it waits
)

// MailboxRemoval says when the removal of a mailbox crosses to the other side.
type MailboxRemoval uint8

// WhenEmpty is the default.
const (
	WhenEmpty MailboxRemoval = iota // only when it holds no message any more
	Never
	Always // with its messages, unless the other side has new ones
)

// Policy is the user's choice for all conflicts of an account. The zero value
// holds the defaults of SPEC §3.
type Policy struct {
	EditVsDelete  EditVsDelete
	Removal       Removal
	MailboxDelete MailboxRemoval
}

// Kind names what both sides did.
type Kind uint8

// The kinds of conflict.
const (
	EditedRemoved Kind = iota // one side changed flags or place, the other removed
	MovedApart                // each side moved the message to another mailbox
	FlagsMerged               // both sides changed flags of the message
	RenamedApart              // each side gave the mailbox another name
)

func (k Kind) String() string {
	switch k {
	case EditedRemoved:
		return "edited and removed"
	case MovedApart:
		return "moved to two places"
	case FlagsMerged:
		return "flags changed on both sides"
	case RenamedApart:
		return "mailbox renamed to two names"
	}
	return fmt.Sprintf("conflict %d", uint8(k))
}

// Conflict is one message, or mailbox, that both sides changed, and how it was
// settled.
type Conflict struct {
	Kind    Kind
	Mailbox string
	Message string // "uid 7" or a file name, for people; empty: the mailbox itself
	Outcome string
}

func (c Conflict) String() string {
	if c.Message == "" {
		return fmt.Sprintf("%s: %s; %s", c.Mailbox, c.Kind, c.Outcome)
	}
	return fmt.Sprintf("%s %s: %s; %s", c.Mailbox, c.Message, c.Kind, c.Outcome)
}

// Edited reports whether a change of flags is an edit that can bring a
// removed message back: setting or clearing \Seen alone is not (SPEC §6).
func Edited(d mail.Delta) bool {
	seen := mail.Flags{System: mail.Seen}
	return !d.Add.Minus(seen).IsEmpty() || !d.Remove.Minus(seen).IsEmpty()
}

// KeepsEdited reports whether a message that was edited by d on one side and
// removed on the other stays.
func (p Policy) KeepsEdited(d mail.Delta) bool {
	return p.EditVsDelete == Keep && Edited(d)
}
