package view

import (
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// View is what one cycle found; the next one starts with an empty view.
type View struct {
	Mailboxes    map[string]*Mailbox
	ByID         map[int64]*Mailbox
	Names        []string // sorted
	Messages     map[int64]*Message
	Ahead        Lookahead
	NewLocal     []*Message
	NewRemote    []*Message
	Paired       []*Message // new on both sides, joined
	Shared       []*Message // whose name is that of others as well: what the files hold decides
	Touched      []*Message // only the place of the file or the UID is to be noted
	Intents      []*state.Intent
	Explained    []*state.Intent         // those of them whose message was found
	Waiting      []*state.Intent         // those whose file may be on its way between two folders, or cannot be read now
	OwnDeletions []*state.Intent         // those that know of marks which are ours
	Resolved     []func(*state.Tx) error // see Resolve
	WithRows     []func(*state.Tx) error // to be noted together with new rows, which have their numbers then
	Carries      []Carry
	Unshown      bool    // the server is behind: it does not show what is known, or what it said OK to
	DroppedPairs []int64 // rows whose UID turned out to be another message's
	// What seems to be missing on a side may have moved meanwhile, on the server
	// also to a mailbox that could not be looked at.
	LocalIncomplete, RemoteIncomplete bool
	Hideouts                          Hideouts         // where on disk a missing file may be; guarded by session.mu
	Elsewhere                         []Place          // what is on disk and not synced
	SayAgain                          bool             // directories were left out: the next run looks at INBOX's again, and says so
	Queue                             []*Window        // what is not listed yet
	WaitForLabel                      []*Message       // wait until another of the same content is on disk
	Unfinished                        state.Unfinished // by row of the mailbox
	Stumps                            []*Stump         // messages whose files have grown since they went up
	HalfUploads                       []*Half          // uploads that a run died in, of files that have grown since
	SentYoung                         []state.Young    // files that were young when they went up
	GrownUp                           []state.Young    // those of them that are whole by now
	MaybeGrowing                      map[string]bool  // by base, files that a program may still be writing
	// Relisted are the mailboxes as they were behind the last answer by which a
	// message is held to be gone; nil when they were not listed then.
	Relisted []remote.Mailbox
}

// Forget empties the view of messages; the mailboxes stay.
func (v *View) Forget() {
	v.Messages = map[int64]*Message{}
	v.NewLocal, v.NewRemote, v.Paired, v.Touched = nil, nil, nil, nil
}

// Refusal is a problem that is not reported yet.
type Refusal struct {
	Mailbox, Message string
	Err              error
}

// Open is what a cycle left open, by mailbox: changes that one side has and the
// other does not. What an account that goes one way keeps back is not open: no
// run will ever carry it over.
type Open struct {
	Here, There map[string]bool // seen on disk, or on the server
	Again       bool            // changes still came
	// Kept are the mailboxes that could not be looked at, and those of which the
	// plan left something out although both sides were seen whole: a right or a
	// policy keeps it. What others
	// change meanwhile is the next run's, and no failure of this one.
	Kept map[string]bool
}

// Landing is a message by its place on the server. It holds no more than a plan
// does, since lanes change rows side by side.
type Landing struct{ Mailbox, Key string }

// Created are UIDs of one mailbox that this run filled and noted in the base.
type Created struct {
	UIDs     []mail.UID
	Moved    []mail.UID // those of them that were on the server before, elsewhere
	Nameless []mail.UID // those of them whose identity is not known
	// Sent are those that went up. Their sizes show whether the server altered
	// them, and whether each has its own UID, where a command told a set of them.
	Sent []mail.UID
	// Unseen are those that the server has not shown since, with the flags of the
	// base that it showed them without before; see arrived.
	Unseen map[mail.UID]mail.Flags
	// Taken are UIDs of messages that this run removed from the mailbox.
	Taken map[mail.UID]bool
}

// Ref returns the message that an operation is about.
func Ref(it *plan.Item) *Message { return it.Ref.(*Message) }

// Place is a directory on disk that is not synced.
type Place struct {
	Dir, Name string
	Folder    string // the mailbox that it would be, "" for none
	// Changed is when files last came or went, in nanoseconds since 1970; 0 if that
	// is not known.
	Changed int64
}

// OddEntry is an entry of cur or new that is not read: no regular file, a link,
// or a file of another user. It is no message, and holds nothing back.
type OddEntry struct {
	File maildir.File
	Err  error
}

// Carry is a change of flags that the server is to make before anything else: what somebody
// changed of the original of an emulated move goes to its copy.
type Carry struct {
	Original, Copy *Message
	Delta          mail.Delta
	// Done is noted once the server has it; nil: new rows say it.
	Done func(*state.Tx) error
}

// Resolve has the state say what was found out about dead runs, and about what waits. It is
// written before the first effect of the plan, in the order of the calls; where there is no
// effect, as in a dry run, it is found out again.
func (v *View) Resolve(note func(*state.Tx) error) { v.Resolved = append(v.Resolved, note) }

// ResolveRow has the state say what the row says now.
func (v *View) ResolveRow(row *state.Message) {
	now := row.AsItIs()
	v.Resolve(func(tx *state.Tx) error { return tx.PutMessage(now) })
}

// Window is the part of a mailbox that is not listed yet.
type Window struct {
	Mailbox *Mailbox
	Next    mail.UID // the first one
	Left    int      // messages to come, at most
	// Cursor is what SELECT said when the mailbox was listed first. Flags
	// changed since then are told again to who comes with its HIGHESTMODSEQ.
	Cursor mail.Cursor
	Last   mail.UID // the end of what is being applied
	Held   bool     // something of it could not be applied; the cursor stays
}

// Cut sets the end of a window of about n messages, supposing that they are
// spread evenly.
func (w *Window) Cut(n int) {
	end := uint64(w.Mailbox.Remote.Status.UIDNext) - 1
	if n < w.Left {
		span := (end + 1 - uint64(w.Next)) * uint64(max(n, 1)) / uint64(w.Left)
		end = min(end, uint64(w.Next)+max(span, 1)-1)
	}
	w.Last = mail.UID(end)
	w.Left = max(w.Left-n, 0)
}

// Done reports whether all of the mailbox is listed.
func (w *Window) Done() bool { return w.Next >= w.Mailbox.Remote.Status.UIDNext }

// Stump is a message of which only the beginning went up, because its file was
// still being written.
type Stump struct {
	Young   state.Young
	Message *Message // as it went up
	File    *Message // as it is now; nil when it is not to be sent yet
	Next    *Message // the same, where it is to be sent behind a change of the message
}

// Half is an upload that a run died in whose file has grown since: as it was
// announced, and as it is now.
type Half struct{ Part, Whole *Message }

// AsideKey is a message of the server.
type AsideKey struct {
	Mailbox  string
	Validity mail.UIDValidity
	UID      mail.UID
}

// FileKey names a file as the state remembers one that is not on the server.
type FileKey struct{ Mailbox, Base string }
