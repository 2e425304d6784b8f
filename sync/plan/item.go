package plan

import (
	"fmt"

	"satchel/conflict"
	"satchel/sync/mail"
)

// State is what one side did to a message since the base.
type State uint8

// The states. Absent is the zero value: the side never had the message.
const (
	Absent  State = iota
	Same          // as in the base
	Edited        // flags differ from the base
	Removed       // was in the base, is nowhere on this side
	Moved         // is in another mailbox than in the base; flags may differ
	New           // is not in the base
)

func (s State) String() string {
	return [...]string{"absent", "same", "edited", "removed", "moved", "new"}[s]
}

// Present reports whether the side holds the message now.
func (s State) Present() bool { return s == Same || s == Edited || s == Moved || s == New }

// Left reports whether the message is not where the base has it on this side.
func (s State) Left() bool { return s == Removed || s == Moved }

// Side is one side's view of a message. Mailbox and Key say where the message
// is now; when it was removed, they say where it was.
type Side struct {
	State   State
	Mailbox string
	Key     string     // the UID in decimal, or the file name: for people and for sorting
	Flags   mail.Flags // now
	Base    mail.Flags // what this side held after the last sync
}

// Delta returns how the side's flags changed since the base.
func (s Side) Delta() mail.Delta {
	if !s.State.Present() {
		return mail.Delta{}
	}
	return s.Flags.Diff(s.Base)
}

// Settled reports whether the side has nothing that the other one does not know,
// but for that it has the message.
func (s Side) Settled() bool {
	return s.State == Same || s.State == New && s.Flags.Equal(s.Base)
}

// edited reports whether the side changed the message in a way that counts
// against its removal on the other side.
func (s Side) edited() bool { return s.State == Moved || conflict.Edited(s.Delta()) }

// Item is one message as both sides see it. For an item without base both
// sides' Base flags are ignored.
type Item struct {
	InBase bool
	// Home is the mailbox in which the base has the message; empty if it has not.
	Home string
	// Ancestor means that the sides' Base flags hold although the item is not
	// in the base: it is new on both sides because an interrupted run copied
	// it over with these flags.
	Ancestor bool
	Local    Side
	Remote   Side
	// Trashed means that an interrupted run has put a copy into the trash, so
	// that the removal of the original is all that is left to do.
	Trashed bool
	// Left means that a Trashed item is what a move left behind: its removal ends
	// the move, and is no removal to anybody.
	Left bool
	// Unlike means that a Trashed item has other flags than its copy: somebody
	// edited it since.
	Unlike bool
	// Hidden means that the name of the file does not show the keywords in
	// Local.Flags, in the folder where it is.
	Hidden bool
	// Held says why it is not known that the message is gone from the Maildir, where
	// it is not where it was: its file may be in a place that is not synced, or
	// cannot be read. "": it is gone.
	Held string
	// Away means that its folder was removed and made again without it, since its
	// file may be elsewhere (Held). Its own removal is none that anybody made.
	Away bool
	// Awaited means that the server does not show the message yet, or that a run copied
	// it there to move it, and the server does not show the copy.
	Awaited bool
	// CopyOf is another item with the same content, which the side where
	// this item is absent may copy instead of transferring. Nil if none.
	CopyOf *Item
	// Altered means that the file is not what was synced, so that no copy of the
	// message is made from it.
	Altered bool
	// Size is the size of the server form in bytes; 0 if unknown.
	Size int64
	// Since is the run that brought the message into the base; see [Lost].
	Since int64
	// Ref is the caller's own; the planner never looks at it.
	Ref any
}

// leftover reports whether the message is one that only waits to be removed: it
// does not come back with its mailbox.
func (it *Item) leftover() bool { return it.Trashed && !it.Unlike && it.Remote.State == Same }

// where names the item for people: by its place on the server, or where that
// was last, and for what the server never had by its place on disk.
func (it *Item) where() (mailbox, key string) {
	if it.Remote.Mailbox != "" {
		return it.Remote.Mailbox, it.Remote.Key
	}
	return it.Local.Mailbox, it.Local.Key
}

// String returns "INBOX 7" or "INBOX 1700000000.M1P2.host".
func (it *Item) String() string {
	m, k := it.where()
	return fmt.Sprintf("%s %s", m, k)
}

// Mailbox is one mailbox as base and both sides see it.
type Mailbox struct {
	Name          string
	InBase        bool
	Local, Remote bool // exists on that side
	// BaseMessages is how many messages the base holds for it.
	BaseMessages int
	// Subscribed is what the server says; new folders are subscribed.
	Subscribed bool
	// Holds is what the server stores of flags (PERMANENTFLAGS); HoldsAny
	// means that it accepts new keywords (\*).
	Holds    mail.Flags
	HoldsAny bool
	// Refused is what the server does not store although Holds or HoldsAny
	// say that it does.
	Refused mail.Flags
	// KeepsAll means that the server was seen to let no message be taken out.
	KeepsAll bool
	// ReadOnly means that the server lets nothing be changed here.
	ReadOnly bool
	// Letterless means that it is not known which letters stand for keywords in
	// the folder, so that none can be set or cleared there.
	Letterless bool
	// Frozen means that a side could not be compared, so that nothing may be
	// concluded from what seems to be missing.
	Frozen bool
}

// Stores returns those of f that the server keeps for good.
func (m *Mailbox) Stores(f mail.Flags) mail.Flags {
	if !m.HoldsAny {
		f = f.Intersect(m.Holds)
	}
	return f.Minus(m.Refused)
}
