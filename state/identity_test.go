package state_test

import (
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// TestByIdentity: a row is found by what identifies its file, which is its
// digest where it says nothing else, and then not by its digest.
func TestByIdentity(t *testing.T) {
	db := open(t)
	inbox := putMailbox(t, db, "INBOX")
	plain, apart := message(inbox, 1, "a"), message(inbox, 2, "b")
	plain.Digest, apart.Digest = mail.Digest{1}, mail.Digest{2}
	plain.Identify(mail.Digest{1})
	apart.Identify(mail.Digest{3})
	write(t, db, func(tx *state.Tx) error { return tx.PutMessages([]*state.Message{plain, apart}) })
	found, err := db.ByIdentity(t.Context(), []mail.Digest{{1}, {2}, {3}})
	if err != nil || len(found) != 2 || len(found[mail.Digest{1}]) != 1 || len(found[mail.Digest{3}]) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	if !plain.Essence.IsZero() || found[mail.Digest{1}][0].Identity() != (mail.Digest{1}) || found[mail.Digest{3}][0].ID != apart.ID {
		t.Errorf("found %+v and %+v", found[mail.Digest{1}][0], found[mail.Digest{3}][0])
	}
}
