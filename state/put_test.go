package state_test

import (
	"errors"
	"fmt"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// putBoxes is a state with two mailboxes.
type putBoxes struct {
	*testing.T
	db           *state.DB
	inbox, other *state.Mailbox
}

// put writes messages, and checks that they are read as they were written.
func (b *putBoxes) put(list ...*state.Message) {
	b.Helper()
	write(b, b.db, func(tx *state.Tx) error { return tx.PutMessages(list) })
	for _, m := range list {
		got, err := b.db.Get(b.Context(), m.ID)
		if err != nil || got == nil {
			b.Fatal(got, err)
		}
		if m.Differs() != true || got.Differs() {
			b.Error("what was written is not known to be there until it is read; what was read is")
		}
		want := *got // with what it was read as
		want.MailboxID, want.UID, want.Base, want.New, want.Info, want.Pending = m.MailboxID, m.UID, m.Base, m.New, m.Info, m.Pending
		want.LocalFlags, want.RemoteFlags = m.LocalFlags, m.RemoteFlags
		want.Digest, want.Size, want.DiskSize, want.Form, want.Date, want.EmailID = m.Digest, m.Size, m.DiskSize, m.Form, m.Date, m.EmailID
		want.Essence = m.Essence
		if *got != want {
			b.Errorf("wrote %+v, read %+v", want, *got)
		}
	}
}

func (b *putBoxes) read(uid mail.UID) *state.Message {
	b.Helper()
	m, err := b.db.ByUID(b.Context(), b.inbox.ID, uid)
	if err != nil || m == nil {
		b.Fatal(m, err)
	}
	return m
}

// Of a message that was read only what differs is written. It must be written
// where the database holds something else than was read: after a transaction
// that was undone, when its UID was parked, and for a copy.
func TestPutWhatDiffers(t *testing.T) {
	db := open(t)
	b := &putBoxes{t, db, putMailbox(t, db, "INBOX"), putMailbox(t, db, "Other")}
	b.put(message(b.inbox, 1, "a"), message(b.inbox, 2, "b"))
	for _, change := range []func(m *state.Message){
		func(*state.Message) {},
		func(m *state.Message) { m.LocalFlags = mail.NewFlags(`\Seen`) },
		func(m *state.Message) { m.New, m.Info = true, "" },
		func(m *state.Message) { m.EmailID, m.Date = "M1", 7 },
		func(m *state.Message) { m.Base, m.Pending = "c", true },
		func(m *state.Message) {
			m.Base, m.Info, m.Digest, m.RemoteFlags = "d", ":2,S", mail.Digest{1}, mail.NewFlags("x")
		},
		func(m *state.Message) { m.Identify(mail.Digest{7}) },
		func(m *state.Message) { m.Identify(m.Digest) },
		func(m *state.Message) { m.MailboxID = b.other.ID },
	} {
		m := b.read(1)
		change(m)
		undone := errors.New("undone")
		if err := b.db.Update(b.Context(), func(tx *state.Tx) error { return errors.Join(tx.PutMessage(m), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		b.put(m)
		m.MailboxID = b.inbox.ID
		b.put(m)
	}
	b.changePlaces()
	b.putTwin()
}

// changePlaces exchanges the UIDs of two messages.
func (b *putBoxes) changePlaces() {
	b.Helper()
	x, y := b.read(1), b.read(2)
	write(b, b.db, func(tx *state.Tx) error {
		return errors.Join(tx.ParkUIDs(x, y), tx.PutMessages([]*state.Message{x, y}))
	})
	x, y = b.read(1), b.read(2)
	x.UID, y.UID = 2, 1
	write(b, b.db, func(tx *state.Tx) error {
		return errors.Join(tx.ParkUIDs(x, y), tx.PutMessages([]*state.Message{x, y}))
	})
	if b.read(1).ID != y.ID || b.read(2).ID != x.ID {
		b.Error("they did not change places")
	}
}

// putTwin writes a copy, and a row that is not there.
func (b *putBoxes) putTwin() {
	b.Helper()
	source := b.read(1)
	twin := *source
	twin.ID, twin.MailboxID, twin.UID, twin.Base = 0, b.other.ID, 9, "twin"
	b.put(&twin)
	twin.MailboxID, twin.UID = source.MailboxID, 10 // back to what the source was read as
	b.put(&twin)
	if err := b.db.Update(b.Context(), func(tx *state.Tx) error {
		gone := message(b.inbox, 99, "z")
		gone.ID = 12345
		return tx.PutMessage(gone)
	}); !errors.Is(err, mail.ErrGone) {
		b.Errorf("a row that is not there: %v", err)
	}
}

// TestWithoutUID: any number of rows of a mailbox have no UID, and are found by that.
func TestWithoutUID(t *testing.T) {
	db := open(t)
	inbox, other := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Other")
	a, b, c, d := message(inbox, 0, "a"), message(inbox, 0, "b"), message(inbox, 7, "c"), message(other, 7, "d")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessages([]*state.Message{a, b, c, d}) })
	bases := func(list []*state.Message) (s string) {
		for _, m := range list {
			s += fmt.Sprintf("%s%d ", m.Base, m.UID)
		}
		return s
	}
	show := func() string {
		t.Helper()
		none, err := db.WithoutUID(t.Context(), inbox.ID)
		if err != nil {
			t.Fatal(err)
		}
		var all []*state.Message
		if err := db.All(t.Context(), inbox.ID, func(m *state.Message) error { all = append(all, m); return nil }); err != nil {
			t.Fatal(err)
		}
		return bases(none) + "of " + bases(all)
	}
	if got := show(); got != "a0 b0 of a0 b0 c7 " {
		t.Error(got)
	}
	if u, err := db.Unfinished(t.Context()); err != nil || len(u.Pending) != 0 || len(u.WithoutUID) != 1 || !u.WithoutUID[inbox.ID] {
		t.Errorf("%+v, %v", u, err)
	}
	write(t, db, func(tx *state.Tx) error {
		return errors.Join(tx.DetachOthers(inbox.ID, b, c), tx.PutMessages([]*state.Message{b, c}))
	})
	if got := show(); got != "b0 c0 of b0 c0 " {
		t.Error(got)
	}
	c.UID = 8
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(c) })
	if got := show(); got != "b0 of b0 c8 " {
		t.Error(got)
	}
}

// TestMessageIDs: no row gets the ID of one that is gone, or an intent would speak of another
// message. That holds for the next process, too.
func TestMessageIDs(t *testing.T) {
	path := t.TempDir() + "/home.db"
	last := int64(0)
	for k := range 3 {
		db, err := state.Open(t.Context(), path, state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		mb := &state.Mailbox{Name: fmt.Sprint(k)}
		a, b := message(mb, 1, "a"), message(mb, 2, "b")
		write(t, db, func(tx *state.Tx) error {
			err := tx.PutMailbox(mb)
			a.MailboxID, b.MailboxID = mb.ID, mb.ID
			return errors.Join(err, tx.PutMessages([]*state.Message{a, b}))
		})
		if a.ID <= last || b.ID <= a.ID {
			t.Errorf("%d and %d after %d", a.ID, b.ID, last)
		}
		last = b.ID
		write(t, db, func(tx *state.Tx) error { return tx.DeleteMessages(a.ID, b.ID) })
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
