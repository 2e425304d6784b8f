package quirk

import (
	"errors"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// Which flags a server keeps in a mailbox is said by PERMANENTFLAGS, and by
// experience: some refuse a keyword all the same, and some answer OK and drop
// it. A flag that the server does not keep stays on the local side. Were it
// believed to be there, the next look would take it for removed.

// slashed are the flags that IMAP itself defines; the rest are keywords, for
// which \* stands (RFC 3501 §2.3.2).
const slashed = mail.Draft | mail.Flagged | mail.Answered | mail.Seen | mail.Deleted

// Keywords returns those of f that are keywords to a server.
func Keywords(f mail.Flags) mail.Flags { return f.Minus(mail.Flags{System: slashed}) }

// ErrRefused is a change of flags of which part was refused. What became of it
// shows in the next cycle, which knows what to leave out.
var ErrRefused = fmt.Errorf("flags refused: %w", mail.ErrChanged)

// ErrUnverified is a change of flags of which the server would not say what became
// of it. The journal keeps it, and the next cycle sees.
var ErrUnverified = fmt.Errorf("what became of the flags is not known: %w", mail.ErrChanged)

// MaxUnverified is how many cycles may find out before the run reports it.
const MaxUnverified = 3

// ErrUnseen is why: the server does not say what flags a message has.
var ErrUnseen = errors.New("the server answered OK, and refuses to say what flags the message has now")

// DescribeFlags says in pm what the server keeps in the mailbox. What EXAMINE
// answers is about a read-only session. session.mu is held.
func (s *Quirks) DescribeFlags(pm *plan.Mailbox, mb *view.Mailbox) {
	pm.HoldsAny, pm.KeepsAll = true, s.keepsAll(mb.Name)
	if mb.Row != nil {
		pm.Holds, pm.HoldsAny, pm.ReadOnly, pm.Refused = mb.Row.Permanent, mb.Row.PermanentAny, mb.Row.ReadOnly, mb.Row.Refused
	}
	if ch := mb.Changes; ch != nil && !s.Examines() {
		pm.Holds, pm.HoldsAny, pm.ReadOnly = ch.Permanent, ch.PermanentAny, ch.ReadOnly
	}
	if pm.HoldsAny && !pm.Holds.IsEmpty() {
		// \* is about keywords; an empty list means that nothing is known.
		pm.Refused = pm.Refused.Union(mail.Flags{System: slashed &^ pm.Holds.System})
	}
}

// LearnPermanent notes in the row which flags the server keeps.
func (s *Quirks) LearnPermanent(mb *view.Mailbox) {
	if ch := mb.Changes; !s.Examines() {
		mb.Row.Permanent, mb.Row.PermanentAny, mb.Row.ReadOnly = ch.Permanent, ch.PermanentAny, ch.ReadOnly
	}
}

// PermanentFlags returns what is known of the flags that the server keeps.
func (s *Quirks) PermanentFlags(mb *view.Mailbox) *plan.Mailbox {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	pm := &plan.Mailbox{Name: mb.Name}
	s.DescribeFlags(pm, mb)
	return pm
}

// Denies reports whether the server lets less be done in a mailbox than a
// change in the folder may need. That may have changed since, and shows only
// when the mailbox is opened.
func (s *Quirks) Denies(mb *view.Mailbox) bool {
	pm := s.PermanentFlags(mb)
	return pm.ReadOnly || pm.KeepsAll
}

// ForgetRefused drops what experience said about flags when the server begins
// to say something else, and reports whether it does.
func ForgetRefused(mb *view.Mailbox, ch *remote.Changes) bool {
	if mb.Row == nil || mb.Row.Permanent.Equal(ch.Permanent) && mb.Row.PermanentAny == ch.PermanentAny {
		return false
	}
	mb.Row.Refused, mb.Announces = mail.Flags{}, true
	return true
}

// SawSupported notes that the server has flags that it was believed to refuse.
func SawSupported(mb *view.Mailbox, flags mail.Flags) {
	if mb.Row != nil && !mb.Row.Refused.IsEmpty() {
		mb.Row.Refused = mb.Row.Refused.Minus(flags)
	}
}

// NoticeUnsupported says, once, which keywords a mailbox of the server does not store.
func (s *Quirks) NoticeUnsupported(mailbox string, flags mail.Flags) {
	s.Rep.Notice("%s: the server does not store %s; it stays in the Maildir", mailbox, flags)
}

// IsRefusal reports whether the server answered NO or BAD.
func IsRefusal(err error) bool {
	var re *remote.ResponseError
	return errors.As(err, &re)
}

// Single cuts a change into changes of one flag.
func Single(d mail.Delta) []mail.Delta {
	var parts []mail.Delta
	for _, n := range d.Add.Names() {
		parts = append(parts, mail.Delta{Add: mail.NewFlags(n)})
	}
	for _, n := range d.Remove.Names() {
		parts = append(parts, mail.Delta{Remove: mail.NewFlags(n)})
	}
	return parts
}
