package state

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"satchel/sync/mail"
)

// TestMend: after each break of an invariant Check has something to say, and
// after Mend nothing; what was whole is kept.
func TestMend(t *testing.T) {
	for _, query := range []string{
		`UPDATE message SET uid=0 WHERE uid=2`,
		`UPDATE message SET uid=5000000000 WHERE uid=2`,
		`UPDATE message SET base='' WHERE uid=2`,
		`UPDATE message SET base='a' WHERE uid=2`,
		`UPDATE message SET digest=x'00' WHERE uid=2`,
		`UPDATE message SET size=-1 WHERE uid=2`,
		`UPDATE message SET disk_size=-1 WHERE uid=2`,
		`UPDATE message SET disk_size=1000 WHERE uid=2`,
		`UPDATE message SET form=1 WHERE uid=2`,
		`UPDATE message SET form=9 WHERE uid=2`,
		`UPDATE message SET pending=1 WHERE uid=2`,
		`UPDATE message SET local_flags='SF' WHERE uid=2`,
		`UPDATE message SET remote_flags='S  x' WHERE uid=2`,
		`PRAGMA foreign_keys=0; UPDATE message SET mailbox_id=99 WHERE uid=2; PRAGMA foreign_keys=1`,
		`UPDATE mailbox SET uidvalidity=0 WHERE name='INBOX'`,
		`UPDATE mailbox SET uidnext=-1 WHERE name='INBOX'`,
		`UPDATE mailbox SET name='' WHERE name='INBOX'`,
		`UPDATE mailbox SET permanent='SF' WHERE name='INBOX'`,
		`INSERT INTO intent(kind, message_id, digest) VALUES('append', 99, zeroblob(32))`,
		`INSERT INTO intent(kind, digest) VALUES('dance', zeroblob(32))`,
		`INSERT INTO intent(kind, digest) VALUES('append', x'00')`,
		`INSERT INTO intent(kind, size, digest) VALUES('append', -1, zeroblob(32))`,
		`INSERT INTO intent(kind, flags_add, digest) VALUES('append', 'SF', zeroblob(32))`,
	} {
		t.Run(query, func(t *testing.T) {
			ctx := context.Background()
			db, err := Open(ctx, filepath.Join(t.TempDir(), "a.db"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			cursor := mail.Cursor{UIDValidity: 7, UIDNext: 9, HighestModSeq: 11, Messages: 2}
			err = db.Update(ctx, func(tx *Tx) error {
				for _, name := range []string{"INBOX", "Work"} {
					mb := &Mailbox{Name: name, Cursor: cursor, CurMTime: 5}
					if err := tx.PutMailbox(mb); err != nil {
						return err
					}
					for uid, base := range []string{"a", "b"} {
						m := &Message{MailboxID: mb.ID, UID: mail.UID(uid + 1), Base: base, Size: 10, DiskSize: 9, Digest: mail.Digest{byte(uid)}}
						if name == "Work" {
							m.UID += 10
						}
						if err := tx.PutMessage(m); err != nil {
							return err
						}
					}
				}
				_, err := tx.exec(`INSERT INTO run(started, finished, outcome, scope) VALUES(1, 2, 'ok', 'all')`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			check := func() []string {
				t.Helper()
				findings, err := db.Check(ctx)
				if err != nil {
					t.Fatal(err)
				}
				return findings
			}
			mend := func() {
				t.Helper()
				if err := db.Update(ctx, (*Tx).Mend); err != nil {
					t.Fatal(err)
				}
			}
			mend()
			boxes, err := db.Mailboxes(ctx)
			if err != nil || len(boxes) != 2 || boxes[0].Cursor != cursor || len(check()) > 0 {
				t.Fatalf("mended what was whole: %v, %v", boxes, err)
			}
			if _, err := db.write.ExecContext(ctx, query); err != nil {
				t.Fatal(err)
			}
			if len(check()) == 0 {
				t.Fatal("Check finds nothing")
			}
			before, err := db.Count(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			mend()
			if left := check(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if boxes, err = db.Mailboxes(ctx); err != nil {
				t.Fatal(err)
			}
			after, err := db.Count(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(boxes, func(m *Mailbox) bool { return m.Name == "INBOX" })
			if after < before && i >= 0 && (boxes[i].Cursor.UIDNext != 0 || boxes[i].CurMTime != 0) {
				t.Errorf("rows are gone, and the mailbox is not looked at anew: %+v", boxes[i])
			}
			if after < 2 {
				t.Errorf("%d rows are left", after)
			}
		})
	}
}
