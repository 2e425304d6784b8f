package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// A file that was torn is noticed by check, with words for people.
func TestCheckTornFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home.db")
	db, err := state.Open(t.Context(), path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mb := putMailbox(t, db, "INBOX")
	write(t, db, func(tx *state.Tx) error {
		for i := range 2000 {
			if err := tx.PutMessage(message(mb, mail.UID(i+1), fmt.Sprintf("%06d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data)/2+3*4096; i++ {
		data[i] = 0xa5
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err = state.Open(t.Context(), path, state.Options{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Range(t.Context(), mb.ID, mail.AllUIDs(), func(*state.Message) error { return nil })
	if mail.KindOf(err) != mail.KindConfig || !strings.Contains(mail.HintOf(err), "move it away") || !strings.Contains(err.Error(), path) {
		t.Errorf("reading: %v, hint %q", err, mail.HintOf(err))
	}
	findings, err := db.Check(t.Context())
	if len(findings) == 0 || !strings.HasPrefix(findings[0], "the file is damaged: ") {
		t.Fatalf("findings %q, error %v", findings, err)
	}
}

// Every rule that Check has is broken once, and mended.
func TestCheckFinds(t *testing.T) {
	const insert = `INSERT INTO message(mailbox_id, uid, base, digest, size, disk_size) VALUES`
	const plain = `UPDATE message SET is_new=0, info=''; `
	for _, test := range []struct {
		name, damage, want string
	}{
		{"nothing", `SELECT 1`, ``},
		{"digest", `UPDATE message SET digest=x'0102' WHERE uid=7`, `INBOX: uid 7 (x): a digest of 2 bytes`},
		{"no UID", `UPDATE message SET uid=0 WHERE uid=7`, `INBOX: uid 0 (x): no UID`},
		{"wide UID", `UPDATE message SET uid=4294967296 WHERE uid=7`, `INBOX: uid 4294967296 (x): a UID of more than 32 bits`},
		{"no name", `UPDATE message SET base='' WHERE uid=7`, `INBOX: uid 7 (): no file name`},
		{"a name that is not known", `UPDATE message SET file_name=1 WHERE uid=7`, `INBOX: uid 7 (x): a file name :2,S that is said not to be known`},
		{"a way to know it", `UPDATE message SET file_name=3, info='' WHERE uid=7`, `INBOX: uid 7 (x): file_name 3 is not known`},
		{"size", `UPDATE message SET size=-1 WHERE uid=7`, `INBOX: uid 7 (x): a size of -1 bytes`},
		{"form", `UPDATE message SET form=9 WHERE uid=7`, `INBOX: uid 7 (x): form 9 is not known`},
		{"raw", `UPDATE message SET form=1 WHERE uid=7`, `INBOX: uid 7 (x): kept byte for byte, but of 120 bytes on the server and 100 on disk`},
		{"shrunk", `UPDATE message SET size=99 WHERE uid=7`, `INBOX: uid 7 (x): larger on disk (100 bytes) than on the server (99), where lines end in CRLF`},
		{"mailbox", `UPDATE message SET mailbox_id=99 WHERE uid=7`, `mailbox row 99: uid 7 (x): its mailbox is not in the state`},
		{"one file twice", plain + insert + `(1, 8, 'x', zeroblob(32), 0, 0)`, `INBOX: uid 7 (x): shares its file with uid 8`},
		{"one name twice", plain + `UPDATE message SET info=':2,S'; ` + insert + `(1, 8, 'x', zeroblob(32), 0, 0)`, ``},
		{"one name twice, not known exactly", `UPDATE message SET file_name=1, info=''; ` + insert + `(1, 8, 'x', zeroblob(32), 0, 0); UPDATE message SET file_name=1, info=''`, ``},
		{"one file twice, in two mailboxes", plain + `INSERT INTO mailbox(id, name) VALUES(2, 'A'); ` + insert + `(2, 8, 'x', zeroblob(32), 0, 0)`, ``},
		{"one file twice, on its way", plain + insert + `(1, 8, 'x', zeroblob(32), 0, 0); INSERT INTO intent(kind, message_id, mailbox, home, base) VALUES('local-move', 1, 'A', 'INBOX', 'x')`, ``},
		{"pending", `UPDATE message SET pending=1; INSERT INTO run(started, finished, outcome, scope) VALUES(1, 2, 'ok', 'all')`,
			`INBOX: uid 7 (x): called undelivered, though the last run ended well`},
		{"pending after a stopped run", `UPDATE message SET pending=1; INSERT INTO run(started, finished, outcome, scope) VALUES(1, 2, 'ok', 'all'), (3, 0, '', 'all')`, ``},
		{"pending after a run of a part", `UPDATE message SET pending=1; INSERT INTO run(started, finished, outcome) VALUES(1, 2, 'ok')`, ``},
		{"flags", `UPDATE message SET local_flags='SX' WHERE uid=7`, `INBOX: uid 7 (x): local flags "SX" cannot be read`},
		{"flags out of order", `UPDATE message SET remote_flags='SF' WHERE uid=7`, `INBOX: uid 7 (x): remote flags "SF" cannot be read`},
		{"cursor", `UPDATE mailbox SET uidvalidity=0, uidnext=5`, `INBOX: UIDNEXT 5 and mod-sequence 0 without UIDVALIDITY`},
		{"cursor out of range", `UPDATE mailbox SET messages=-1`, `INBOX: cursor out of range`},
		{"UIDs beyond the cursor", `UPDATE mailbox SET uidnext=3`, ``},
		{"nameless", `UPDATE mailbox SET name=''`, `mailbox row 1: no name`},
		{"intent", `INSERT INTO intent(kind, message_id, mailbox, home) VALUES('trash', 5, 'Trash', 'INBOX')`, `Trash: intent 1 (trash): is about row 5, which does not exist`},
		{"intent of a kind", `INSERT INTO intent(kind, mailbox) VALUES('dance', 'A')`, `A: intent 1: its kind "dance" is not known`},
		{"intent without a message", `INSERT INTO intent(kind, mailbox, home) VALUES('trash', 'A', 'B')`, `the file is damaged: CHECK constraint failed in intent`},
		{"intent's digest", `INSERT INTO intent(kind, mailbox, digest) VALUES('append', 'A', x'00')`, `A: intent 1 (append): a digest of 1 bytes`},
		{"intent's size", `INSERT INTO intent(kind, mailbox, size) VALUES('append', 'A', -3)`, `A: intent 1 (append): a size of -3 bytes`},
		{"intent's flags", `INSERT INTO intent(kind, mailbox, flags_add) VALUES('remote-flags', 'A', '? ?')`, `A: intent 1: added flags "? ?" cannot be read`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "home.db")
			db, err := state.Open(t.Context(), path, state.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			mb := putMailbox(t, db, "INBOX")
			write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(mb, 7, "x")) })
			raw(t, path, "PRAGMA foreign_keys=0", "PRAGMA ignore_check_constraints=1", test.damage)
			findings, err := db.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(findings, "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			write(t, db, func(tx *state.Tx) error { return tx.Mend() })
			sound(t, db)
		})
	}
}
