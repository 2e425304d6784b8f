package state_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// Among finds just what lies in the set, each once and in the order of UIDs,
// however the set is cut into single UIDs, short ranges and long ones.
func TestAmong(t *testing.T) {
	db := open(t)
	mb, other := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Archive")
	var all []mail.UID
	var list []*state.Message
	for uid := mail.UID(1); uid < 3000; uid += 1 + uid%3 {
		all = append(all, uid)
		list = append(list, message(mb, uid, fmt.Sprint("a", uid)), message(other, uid, fmt.Sprint("b", uid)))
	}
	insert(t, db, list)
	rng := rand.New(rand.NewPCG(1, 2))
	sets := []mail.UIDSet{nil, {mail.AllUIDs()}, {{Start: 2900, Stop: mail.MaxUID}}, {{Start: mail.MaxUID, Stop: mail.MaxUID}}}
	for range 40 {
		var set mail.UIDSet
		for at := 1 + rng.IntN(50); at < 3100; at += 2 + rng.IntN(60) {
			length := rng.IntN(1 + 150*rng.IntN(2))
			set = append(set, mail.UIDRange{Start: mail.UID(at), Stop: mail.UID(at + length)})
			at += length
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		want := slices.DeleteFunc(slices.Clone(all), func(u mail.UID) bool { return !set.Contains(u) })
		var got []mail.UID
		if err := db.Among(t.Context(), mb.ID, set, func(m *state.Message) error {
			if m.MailboxID != mb.ID {
				t.Fatalf("a message of mailbox %d", m.MailboxID)
			}
			got = append(got, m.UID)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", set, got, want)
		}
	}
}
