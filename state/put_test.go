package state_test

import (
	"errors"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// Of a message that was read only what differs is written. It must be written
// where the database holds something else than was read: after a transaction
// that was undone, when its UID was parked, and for a copy.
func TestPutWhatDiffers(t *testing.T) {
	db := open(t)
	inbox, other := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Other")
	put := func(list ...*state.Message) {
		t.Helper()
		write(t, db, func(tx *state.Tx) error { return tx.PutMessages(list) })
		for _, m := range list {
			got, err := db.Get(t.Context(), m.ID)
			if err != nil || got == nil {
				t.Fatal(got, err)
			}
			if m.Differs() != true || got.Differs() {
				t.Error("what was written is not known to be there until it is read; what was read is")
			}
			want := *got // with what it was read as
			want.MailboxID, want.UID, want.Base, want.New, want.Info, want.Pending = m.MailboxID, m.UID, m.Base, m.New, m.Info, m.Pending
			want.LocalFlags, want.RemoteFlags = m.LocalFlags, m.RemoteFlags
			want.Digest, want.Size, want.DiskSize, want.Form, want.Date, want.EmailID = m.Digest, m.Size, m.DiskSize, m.Form, m.Date, m.EmailID
			want.Essence = m.Essence
			if *got != want {
				t.Errorf("wrote %+v, read %+v", want, *got)
			}
		}
	}
	put(message(inbox, 1, "a"), message(inbox, 2, "b"))
	read := func(uid mail.UID) *state.Message {
		t.Helper()
		m, err := db.ByUID(t.Context(), inbox.ID, uid)
		if err != nil || m == nil {
			t.Fatal(m, err)
		}
		return m
	}
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
		func(m *state.Message) { m.MailboxID = other.ID },
	} {
		m := read(1)
		change(m)
		undone := errors.New("undone")
		if err := db.Update(t.Context(), func(tx *state.Tx) error { return errors.Join(tx.PutMessage(m), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		put(m)
		m.MailboxID = inbox.ID
		put(m)
	}

	a, b := read(1), read(2)
	write(t, db, func(tx *state.Tx) error {
		return errors.Join(tx.ParkUIDs(a, b), tx.PutMessages([]*state.Message{a, b}))
	})
	a, b = read(1), read(2)
	a.UID, b.UID = 2, 1
	write(t, db, func(tx *state.Tx) error {
		return errors.Join(tx.ParkUIDs(a, b), tx.PutMessages([]*state.Message{a, b}))
	})
	if read(1).ID != b.ID || read(2).ID != a.ID {
		t.Error("they did not change places")
	}

	source := read(1)
	twin := *source
	twin.ID, twin.MailboxID, twin.UID, twin.Base = 0, other.ID, 9, "twin"
	put(&twin)
	twin.MailboxID, twin.UID = source.MailboxID, 10 // back to what the source was read as
	put(&twin)
	if err := db.Update(t.Context(), func(tx *state.Tx) error {
		gone := message(inbox, 99, "z")
		gone.ID = 12345
		return tx.PutMessage(gone)
	}); !errors.Is(err, mail.ErrGone) {
		t.Errorf("a row that is not there: %v", err)
	}
}
