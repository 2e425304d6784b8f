package simulate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"satchel/sync/imaptest"
)

// Mail is an account as a second client works on it. Mailboxes go by the names
// of the server; what is not there makes the methods return zero values.
type Mail interface {
	CreateMailbox(name string) error
	DeleteMailbox(name string) error
	RenameMailbox(from, to string) error
	Mailboxes() []string
	Messages(name string) []imaptest.Message
	Append(name string, flags []string, date time.Time, content []byte) (uid uint32)
	StoreFlags(name string, uid uint32, add, remove []string) bool
	Expunge(name string, uids ...uint32) int
	Copy(from string, uid uint32, to string) (newUID uint32)
	Move(from string, uid uint32, to string) (newUID uint32)
	UIDState(name string) (uidValidity, uidNext uint32, highestModSeq uint64)
	SetUIDValidity(name string, v uint32)
}

// Claims is what a program says of itself, where the laws depend on it.
type Claims struct {
	// Moves: a message that was moved is the same message. Without it, a move
	// is a new message and a removal.
	Moves bool
	Dates bool // the dates of messages are kept
	// Header is the beginning of a header line that the program adds to what
	// it copies.
	Header string
}

// Outside is a world that others run: a server of another make, a Maildir on a
// real disk, and any program that keeps the two the same. It has the events
// and the laws of this package, without those that look into the engine.
type Outside struct {
	w      *World
	claims Claims
}

// NewOutside makes the mailboxes of a setting. The Maildir is the folder Mail
// in dir; state is the folder with the program's state, which is called sim.db
// there, or empty when no event is to touch it.
func NewOutside(h History, dir, state string, mail Mail, c Claims) (*Outside, error) {
	w := emptyWorld(h, dir)
	w.mail, w.tree = mail, newTree(filepath.Join(dir, "Mail"), false)
	w.acct.StateDir = state
	for _, name := range startBoxes()[:h.Setting.Boxes] {
		if err := w.mail.CreateMailbox(w.onWire(name)); err != nil {
			return nil, fmt.Errorf("create mailbox %s: %w", name, err)
		}
	}
	return &Outside{w, c}, w.plantOutside()
}

// Do does one event; false when there was nothing that it could be done to.
func (o *Outside) Do(e Event) bool {
	m := o.w.model
	before := map[int]string{}
	for n, t := range m.tokens {
		before[n] = fmt.Sprint(t.places)
	}
	done := alphabet()[e.Kind].do(o.w, e)
	for n, t := range m.tokens {
		if !o.claims.Dates {
			t.copied = true
		}
		was, known := before[n]
		if done && known && !o.claims.Moves && moves(e.Kind) && (was != fmt.Sprint(t.places) || e.Kind == "disk rename") {
			t.most++
			t.least++
			t.removals++
		}
	}
	return done
}

// moves reports whether an event gives messages another place or another name.
func moves(kind string) bool {
	return strings.Contains(kind, " move") || kind == "disk save" || kind == "disk rename"
}

// Begin tells that a run begins.
func (o *Outside) Begin() {
	if o.w.lost {
		o.w.model.allow(o.w.serverSnapshot(), o.w.tree.snapshot(), nil)
	}
}

// Kept is what holds at every moment.
func (o *Outside) Kept() *Violation {
	return o.w.first(func() *Violation { return o.w.notLost("after a run") }, o.w.nothingForeign)
}

// Finish ends what takes its time: files that are still being written.
func (o *Outside) Finish() {
	for len(o.w.half) > 0 {
		diskComplete(o.w, Event{})
	}
}

// Agreed demands that both sides hold the same, and what they should.
func (o *Outside) Agreed() *Violation {
	w := o.w
	server, disk := w.serverSnapshot(), w.tree.snapshot()
	v := w.first(
		func() *Violation { return same(server, disk) },
		func() *Violation { return w.numbers(server) },
		func() *Violation { return w.places(server) },
		func() *Violation { return w.flags(server) },
		o.content,
	)
	if v == nil {
		w.lost = false
		w.model.agreed(server)
		w.note("-- agreed")
	}
	return v
}

// content: bytes and dates are what they were made with.
func (o *Outside) content() *Violation {
	for _, x := range o.w.there() {
		if v := o.made(x.token, "on the server", x.msg.Content, x.msg.Date); v != nil {
			return v
		}
	}
	for _, f := range o.w.tree.all() {
		path := o.w.tree.path(f)
		b, err := os.ReadFile(path)
		if err != nil {
			return broken("bytes", "%v", err)
		}
		i, err := os.Stat(path)
		if err != nil {
			return broken("date", "%v", err)
		}
		if v := o.made(f.token, "on disk", b, i.ModTime()); v != nil {
			return v
		}
	}
	return nil
}

func (o *Outside) made(n int, where string, content []byte, date time.Time) *Violation {
	t := o.w.model.tokens[n]
	switch {
	case t == nil && n > 9000:
		return nil // a link that the history planted; no program may follow it to the server
	case t == nil || t.content == nil:
		return broken("bytes", "a message %s is none that was made: %.60q", where, content)
	case !t.holds(o.bare(content)):
		return broken("bytes", "message %d %s is %q, made was %q", n, where, plain(o.bare(content)), plain(t.content))
	case !t.copied && date.Unix() != t.date.Unix():
		return broken("date", "message %d %s is of %v, made with %v", n, where, date.UTC(), t.date.UTC())
	}
	return nil
}

// bare is a content without the line that the program adds.
func (o *Outside) bare(b []byte) []byte {
	if o.claims.Header == "" {
		return b
	}
	var out []byte
	for line := range bytes.Lines(b) {
		if !bytes.HasPrefix(line, []byte(o.claims.Header)) {
			out = append(out, line...)
		}
	}
	return out
}

// Listing names all messages of both sides, as they are kept there: what is
// the same before and after a run was left alone.
func (o *Outside) Listing() string {
	var b strings.Builder
	for _, box := range o.w.mailboxes() {
		v, _, _ := o.w.mail.UIDState(o.w.onWire(box))
		fmt.Fprintf(&b, "server %s %d\n", box, v)
		for _, m := range o.w.messages(box) {
			fmt.Fprintf(&b, "server %s %d %v\n", box, m.UID, m.Flags)
		}
	}
	for _, folder := range o.w.tree.folders() {
		fmt.Fprintf(&b, "disk %s\n", folder)
		for _, f := range o.w.tree.files(folder) {
			fmt.Fprintf(&b, "disk %s/%s/%s\n", folder, f.sub, f.name)
		}
	}
	return b.String()
}

// Mailbox chooses a mailbox of the server.
func (o *Outside) Mailbox(n int) string {
	box, _ := pick(o.w.mailboxes(), n)
	return box
}

// Note adds to what happened.
func (o *Outside) Note(format string, args ...any) { o.w.note(format, args...) }

// Notes is what happened, for people.
func (o *Outside) Notes() []string { return o.w.notes }
