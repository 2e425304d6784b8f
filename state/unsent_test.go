package state_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/state"
	"satchel/sync/mail"
)

// TestUnsentFiles: what did not get to the server is remembered by mailbox and
// name, the last outcome only, and forgotten one by one or by its age.
func TestUnsentFiles(t *testing.T) {
	db := open(t)
	at := func(s int64) time.Time { return time.Unix(1_700_000_000+s, 0) }
	one := state.Unsent{Mailbox: "INBOX", Base: "a", Digest: mail.Digest{1}, MTime: 5, Inode: 1 << 63, Tried: at(0), Sent: 1}
	other := state.Unsent{Mailbox: "Work", Base: "a", Digest: mail.Digest{2}, Tried: at(10), Sent: 3, Answer: "NO Too large"}
	again := one
	again.Tried, again.Sent = at(20), 2
	read := func() map[string]state.Unsent {
		t.Helper()
		list, err := db.UnsentFiles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]state.Unsent{}
		for _, u := range list {
			found[u.Mailbox] = *u
		}
		return found
	}
	for _, c := range []struct {
		do   func(*state.Tx) error
		want map[string]state.Unsent
	}{
		{func(tx *state.Tx) error { return tx.PutUnsent(&one) }, map[string]state.Unsent{"INBOX": one}},
		{func(tx *state.Tx) error { return tx.PutUnsent(&other) }, map[string]state.Unsent{"INBOX": one, "Work": other}},
		{func(tx *state.Tx) error { return tx.PutUnsent(&again) }, map[string]state.Unsent{"INBOX": again, "Work": other}},
		{func(tx *state.Tx) error { return tx.ForgetUnsentBefore(at(20)) }, map[string]state.Unsent{"INBOX": again}},
		{func(tx *state.Tx) error { return tx.ForgetUnsent("INBOX", "b") }, map[string]state.Unsent{"INBOX": again}},
		{func(tx *state.Tx) error { return tx.ForgetUnsent("INBOX", "a") }, map[string]state.Unsent{}},
	} {
		write(t, db, c.do)
		if d := cmp.Diff(c.want, read()); d != "" {
			t.Error(d)
		}
	}
}

// TestConfirmIntents: only those that the server said OK to are confirmed.
func TestConfirmIntents(t *testing.T) {
	db := open(t)
	list := []*state.Intent{state.Append(state.Place{Mailbox: "INBOX"}, state.Sent{Base: "a"}), state.Copy(state.Place{Mailbox: "INBOX"}, state.Sent{Base: "b"})}
	write(t, db, func(tx *state.Tx) error { return tx.AddIntents(list) })
	write(t, db, func(tx *state.Tx) error { return tx.ConfirmIntents() })
	write(t, db, func(tx *state.Tx) error { return tx.ConfirmIntents(list[1].ID) })
	got, err := db.Intents(t.Context())
	if err != nil || len(got) != 2 || got[0].Confirmed || !got[1].Confirmed {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRenameUnsent: what is known of files that are on their way goes with the
// mailbox that they are in.
func TestRenameUnsent(t *testing.T) {
	db := open(t)
	for _, name := range []string{"A", "B"} {
		putMailbox(t, db, name)
	}
	u := state.Unsent{Mailbox: "A", Base: "a", Digest: mail.Digest{1}, Tried: time.Unix(1_700_000_000, 0), Sent: 3}
	y := state.Young{Mailbox: "B", Base: "b", Size: 10, Digest: mail.Digest{2}, Sent: time.Unix(1_700_000_000, 0)}
	write(t, db, func(tx *state.Tx) error { return errors.Join(tx.PutUnsent(&u), tx.PutYoung([]state.Young{y})) })
	write(t, db, func(tx *state.Tx) error { return tx.RenameMailboxes([][2]string{{"A", "B"}, {"B", "A"}}) })
	u.Mailbox, y.Mailbox = "B", "A"
	unsent, err := db.UnsentFiles(t.Context())
	if d := cmp.Diff([]*state.Unsent{&u}, unsent); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	young, err := db.Young(t.Context())
	if d := cmp.Diff([]state.Young{y}, young); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}
