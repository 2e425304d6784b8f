package state

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"satchel/sync/mail"
)

// breaks are statements that each break an invariant.
func breaks() []string {
	return []string{
		`UPDATE message SET uid=0 WHERE uid=2`,
		`UPDATE message SET uid=5000000000 WHERE uid=2`,
		`UPDATE message SET base='' WHERE uid=2`,
		`UPDATE message SET base='a' WHERE uid=2`,
		`UPDATE message SET file_name=2, info=':2,' WHERE uid=2`,
		`UPDATE message SET file_name=3 WHERE uid=2`,
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
		`INSERT INTO intent(kind, message_id, mailbox, home) VALUES('trash', 99, 'A', 'B')`,
		`INSERT INTO intent(kind, mailbox) VALUES('dance', 'A')`,
		`INSERT INTO intent(kind, mailbox, digest) VALUES('append', 'A', x'00')`,
		`INSERT INTO intent(kind, mailbox, size, digest) VALUES('append', 'A', -1, zeroblob(32))`,
		`INSERT INTO intent(kind, mailbox, flags_add, digest) VALUES('append', 'A', 'SF', zeroblob(32))`,
	}
}

// TestMend: after each break of an invariant Check has something to say, and
// after Mend nothing; what was whole is kept.
func TestMend(t *testing.T) {
	for _, query := range breaks() {
		t.Run(query, func(t *testing.T) {
			m := newMending(t)
			m.mend()
			boxes, err := m.db.Mailboxes(m.ctx)
			if err != nil || len(boxes) != 2 || boxes[0].Cursor != m.cursor || len(m.check()) > 0 {
				t.Fatalf("mended what was whole: %v, %v", boxes, err)
			}
			if _, err := m.db.write.ExecContext(m.ctx, "PRAGMA ignore_check_constraints=1; "+query+"; PRAGMA ignore_check_constraints=0"); err != nil {
				t.Fatal(err)
			}
			if len(m.check()) == 0 {
				t.Fatal("Check finds nothing")
			}
			before := m.count()
			m.mend()
			if left := m.check(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			after := m.count()
			if after < 2 {
				t.Errorf("%d rows are left", after)
			}
			if after < before {
				m.looksAnew()
			}
		})
	}
}

// mending is a state of two mailboxes with two messages each.
type mending struct {
	*testing.T
	ctx    context.Context
	db     *DB
	cursor mail.Cursor // of both mailboxes
}

func newMending(t *testing.T) *mending {
	t.Helper()
	m := &mending{T: t, ctx: context.Background(), cursor: mail.Cursor{UIDValidity: 7, UIDNext: 9, HighestModSeq: 11, Messages: 2}}
	var err error
	if m.db, err = Open(m.ctx, filepath.Join(t.TempDir(), "a.db"), Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.db.Close() })
	if err := m.db.Update(m.ctx, m.fill); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mending) fill(tx *Tx) error {
	for _, name := range []string{"INBOX", "Work"} {
		mb := &Mailbox{Name: name, Cursor: m.cursor, CurMTime: 5}
		if err := tx.PutMailbox(mb); err != nil {
			return err
		}
		for uid, base := range []string{"a", "b"} {
			row := &Message{MailboxID: mb.ID, UID: mail.UID(uid + 1), Base: base, Size: 10, DiskSize: 9, Digest: mail.Digest{byte(uid)}}
			if name == "Work" {
				row.UID += 10
			}
			if err := tx.PutMessage(row); err != nil {
				return err
			}
		}
	}
	_, err := tx.exec(`INSERT INTO run(started, finished, outcome, scope) VALUES(1, 2, 'ok', 'all')`)
	return err
}

func (m *mending) check() []string {
	m.Helper()
	findings, err := m.db.Check(m.ctx)
	if err != nil {
		m.Fatal(err)
	}
	return findings
}

func (m *mending) mend() {
	m.Helper()
	if err := m.db.Update(m.ctx, (*Tx).Mend); err != nil {
		m.Fatal(err)
	}
}

func (m *mending) count() int {
	m.Helper()
	n, err := m.db.Count(m.ctx, 0)
	if err != nil {
		m.Fatal(err)
	}
	return n
}

// looksAnew checks that the mailbox in which rows are gone has no cursor and no stamp.
func (m *mending) looksAnew() {
	m.Helper()
	boxes, err := m.db.Mailboxes(m.ctx)
	if err != nil {
		m.Fatal(err)
	}
	i := slices.IndexFunc(boxes, func(mb *Mailbox) bool { return mb.Name == "INBOX" })
	if i >= 0 && (boxes[i].Cursor.UIDNext != 0 || boxes[i].CurMTime != 0) {
		m.Errorf("rows are gone, and the mailbox is not looked at anew: %+v", boxes[i])
	}
}
