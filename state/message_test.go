package state_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"satchel/state"
	"satchel/sync/mail"
)

func TestMailboxes(t *testing.T) {
	db := open(t)
	want := []*state.Mailbox{
		{Name: "Archive"},
		{Name: "INBOX", Cursor: mail.Cursor{UIDValidity: ^mail.UIDValidity(0), UIDNext: ^mail.UID(0), HighestModSeq: 1<<63 - 1, Messages: 1 << 31},
			Permanent: mail.NewFlags(`\Seen`, "work"), PermanentAny: true, ReadOnly: true, Refused: mail.NewFlags("$Forwarded", "x"), MailboxID: "F-1",
			DirMTime: 1, CurMTime: -2, NewMTime: 3, Inode: ^uint64(0)},
		{Name: "Lists/Grüße/日本", PermanentAny: true},
	}
	write(t, db, func(tx *state.Tx) error {
		for _, i := range []int{2, 0, 1} {
			if err := tx.PutMailbox(want[i]); err != nil {
				return err
			}
		}
		return nil
	})
	check := func() {
		t.Helper()
		got, err := db.Mailboxes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{})); diff != "" {
			t.Fatalf("(-put +got):\n%s", diff)
		}
	}
	check()
	want[0].Name, want[0].Cursor.UIDValidity, want[0].Inode = "Arch", 7, 9 // an update keeps the row
	write(t, db, func(tx *state.Tx) error { return tx.PutMailbox(want[0]) })
	check()
	if err := db.Update(t.Context(), func(tx *state.Tx) error { return tx.PutMailbox(&state.Mailbox{Name: "INBOX"}) }); err == nil {
		t.Fatal("two mailboxes of one name")
	}
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(want[1], 1, "x")) })
	write(t, db, func(tx *state.Tx) error { return tx.DeleteMailbox(want[1].ID) })
	want = slices.Delete(want, 1, 2)
	check()
	if n, err := db.Count(t.Context(), 0); n != 0 || err != nil {
		t.Fatalf("%d messages outlived their mailbox (%v)", n, err)
	}
}

// same checks that a row is read as it was put.
func same(t *testing.T, db *state.DB, want *state.Message) {
	t.Helper()
	got, err := db.Get(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{}), cmpopts.IgnoreUnexported(state.Message{})); diff != "" {
		t.Fatalf("(-put +got):\n%s", diff)
	}
}

// fullRow is a message with something in each field; it is not delivered yet.
func fullRow(inbox *state.Mailbox) *state.Message {
	return &state.Message{MailboxID: inbox.ID, UID: ^mail.UID(0), Base: "1700000000.M1P2.höst\xff", New: true, Info: ":2,abFS",
		LocalFlags: mail.NewFlags(`\Seen`, "work", "$x"), RemoteFlags: mail.NewFlags(`\Flagged`, "work"),
		Digest: mail.Digest{1, 2, 3, 31: 9}, Size: 1 << 40, DiskSize: 1 << 40, Form: mail.FormRaw, Date: -5, EmailID: "M1", Pending: true}
}

func TestMessages(t *testing.T) {
	db := open(t)
	inbox, archive := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Archive")
	full := fullRow(inbox)
	bare := &state.Message{MailboxID: archive.ID, UID: 1, Base: "b"}
	write(t, db, func(tx *state.Tx) error { return errors.Join(tx.PutMessage(full), tx.PutMessage(bare)) })
	same(t, db, full)
	same(t, db, bare)

	write(t, db, func(tx *state.Tx) error { return tx.Delivered(full.ID) })
	full.Pending = false
	full.MailboxID, full.UID, full.New, full.Info = archive.ID, 2, false, ":2,"
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(full) })
	same(t, db, full)
	if m, err := db.ByUID(t.Context(), inbox.ID, ^mail.UID(0)); m != nil || err != nil {
		t.Errorf("%+v %v", m, err)
	}
	if counts, err := db.Counts(t.Context()); err != nil || counts[inbox.ID] != 0 || counts[archive.ID] != 2 {
		t.Errorf("counts %v %v", counts, err)
	}
	// One UID, one row; and a failed transaction leaves nothing behind.
	err := db.Update(t.Context(), func(tx *state.Tx) error {
		return errors.Join(tx.DeleteMessages(bare.ID), tx.PutMessage(message(archive, 2, "c")))
	})
	if err == nil {
		t.Fatal("two messages of one UID")
	}
	same(t, db, bare)
	write(t, db, func(tx *state.Tx) error { return tx.Detach(archive.ID) })
	if m, err := db.Get(t.Context(), bare.ID); m != nil || err != nil {
		t.Errorf("%+v %v", m, err)
	}
}

// TestPending: a message that is not delivered yet is no candidate for anything.
func TestPending(t *testing.T) {
	db := open(t)
	inbox, archive := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Archive")
	full, bare := fullRow(inbox), message(archive, 1, "b") // without an EMAILID
	write(t, db, func(tx *state.Tx) error { return errors.Join(tx.PutMessage(full), tx.PutMessage(bare)) })
	if list, err := db.Unfinished(t.Context()); err != nil || !cmp.Equal(list.Pending, map[int64]bool{inbox.ID: true}) {
		t.Errorf("pending: %v %v", list, err)
	}
	for name, n := range map[string]func() ([]*state.Message, error){
		"digest": func() ([]*state.Message, error) { return db.ByDigest(t.Context(), full.Digest) },
		"emailid": func() ([]*state.Message, error) {
			found, err := db.ByEmailID(t.Context(), []string{full.EmailID})
			return found[full.EmailID], err
		},
	} {
		if list, err := n(); err != nil || len(list) != 0 {
			t.Errorf("by %s: a pending message is a candidate (%v)", name, err)
		}
	}
	write(t, db, func(tx *state.Tx) error { return tx.Delivered(full.ID) })
	full.Pending = false
	same(t, db, full)
	if list, err := db.ByDigest(t.Context(), full.Digest); err != nil || len(list) != 1 {
		t.Errorf("by digest: %d, %v", len(list), err)
	}
	if list, err := db.ByEmailID(t.Context(), []string{""}); err != nil || len(list) != 0 {
		t.Errorf("no EMAILID names %d messages (%v)", len(list), err)
	}
}

// putNames makes messages of two mailboxes whose names must be sorted by bytes, and
// returns one mailbox and its names.
func putNames(t *testing.T, db *state.DB) (inbox *state.Mailbox, names []string) {
	t.Helper()
	inbox = putMailbox(t, db, "INBOX")
	other := putMailbox(t, db, "Other")
	names = []string{"a", "B", "b", "a.1", "ä", "\xff", "10", "9", "a ", "Z\x01", "aa", "_"}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	write(t, db, func(tx *state.Tx) error {
		for i, n := range names {
			for _, m := range []*state.Message{message(inbox, mail.UID(i*10+1), n), message(other, mail.UID(i+1), n+"x")} {
				m.New, m.Info, m.Pending = i%2 == 0, ":2,"+fmt.Sprint(i), i == 3
				if err := tx.PutMessage(m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return inbox, names
}

func TestNames(t *testing.T) {
	db := open(t)
	inbox, names := putNames(t, db)
	var got []string
	err := db.Names(t.Context(), inbox.ID, func(n *state.Name) error {
		i := slices.Index(names, n.Base)
		if i < 0 || n.New != (i%2 == 0) || n.Info != ":2,"+fmt.Sprint(i) || n.Pending != (i == 3) {
			t.Errorf("%+v", *n)
		}
		if m, err := db.Get(t.Context(), n.ID); err != nil || m == nil || m.Base != n.Base {
			t.Errorf("a read within a read: %v %v", m, err)
		}
		got = append(got, n.Base)
		return nil
	})
	want := slices.Sorted(slices.Values(names)) // by bytes, as Go compares
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("order %q, want %q (%v)", got, want, err)
	}
	stop := errors.New("enough")
	if err := db.Names(t.Context(), inbox.ID, func(*state.Name) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Names: %v", err)
	}
}

func TestRange(t *testing.T) {
	db := open(t)
	inbox, names := putNames(t, db)
	uids := func(r mail.UIDRange) (list []mail.UID) {
		t.Helper()
		if err := db.Range(t.Context(), inbox.ID, r, func(m *state.Message) error { list = append(list, m.UID); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := uids(mail.UIDRange{Start: 0, Stop: ^mail.UID(0)})
	if len(all) != len(names) || !slices.IsSorted(all) {
		t.Errorf("all: %v", all)
	}
	for _, test := range []struct {
		r    mail.UIDRange
		want []mail.UID
	}{
		{mail.UIDRange{Start: 11, Stop: 31}, []mail.UID{11, 21, 31}},
		{mail.UIDRange{Start: 12, Stop: 20}, nil},
		{mail.UIDRange{Start: 101, Stop: ^mail.UID(0)}, []mail.UID{101, 111}},
		{mail.UIDRange{Start: 31, Stop: 11}, nil},
	} {
		if got := uids(test.r); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.r, got, test.want)
		}
	}
	var stream []mail.UID
	if err := db.UIDs(t.Context(), inbox.ID, 0, func(u mail.UID) { stream = append(stream, u) }); err != nil || !slices.Equal(stream, all) {
		t.Errorf("%v %v", stream, err)
	}
	stop := errors.New("enough")
	if err := db.Range(t.Context(), inbox.ID, mail.UIDRange{Stop: 100}, func(*state.Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Range: %v", err)
	}
}
