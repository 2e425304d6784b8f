package sync_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

func (w *world) check(req mailsync.CheckRequest) *mailsync.CheckReport {
	w.t.Helper()
	e, err := mailsync.New(w.acct, mailsync.Options{})
	must(w, err)
	defer e.Close()
	rep, err := e.Check(context.Background(), req)
	if err != nil {
		w.t.Fatalf("check: %v", err)
	}
	return rep
}

// sound fails the test if a check finds anything, or anything that waits.
func (w *world) sound() {
	w.t.Helper()
	rep := w.check(mailsync.CheckRequest{})
	if len(rep.Findings) > 0 || rep.Waiting > 0 {
		w.t.Fatalf("%d wait, findings %+v", rep.Waiting, rep.Findings)
	}
}

// update changes the state as no sync would.
func (w *world) update(f func(db *state.DB, tx *state.Tx) error) {
	w.t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, filepath.Join(w.acct.StateDir, w.acct.Name+".db"), state.Options{})
	must(w, err)
	defer db.Close()
	must(w, db.Update(ctx, func(tx *state.Tx) error { return f(db, tx) }))
}

// row returns the row of a message in INBOX.
func (w *world) row(db *state.DB, uid mail.UID) *state.Message {
	w.t.Helper()
	ctx := context.Background()
	boxes, err := db.Mailboxes(ctx)
	must(w, err)
	i := slices.IndexFunc(boxes, func(mb *state.Mailbox) bool { return mb.Name == "INBOX" })
	row, err := db.ByUID(ctx, boxes[i].ID, uid)
	must(w, err)
	if row == nil {
		w.t.Fatalf("no row of uid %d", uid)
	}
	return row
}

// breakRow changes the row of a message in INBOX.
func breakRow(uid mail.UID, f func(*state.Message)) func(*world) {
	return func(w *world) {
		w.update(func(db *state.DB, tx *state.Tx) error {
			row := w.row(db, uid)
			f(row)
			return tx.PutMessage(row)
		})
	}
}

func forgetRow(uid mail.UID) func(*world) {
	return func(w *world) {
		w.update(func(db *state.DB, tx *state.Tx) error { return tx.DeleteMessages(w.row(db, uid).ID) })
	}
}

// rewrite changes the file of the nth message in INBOX, by Message-ID.
func rewrite(n int, f func(string) string) func(*world) {
	return func(w *world) {
		path := w.fileOf(n)
		b, err := os.ReadFile(path)
		must(w, err)
		info, err := os.Stat(path)
		must(w, err)
		must(w, os.WriteFile(path, []byte(f(string(b))), 0o600))
		must(w, os.Chtimes(path, info.ModTime(), info.ModTime())) // as a failing disk would
	}
}

func (w *world) fileOf(n int) string {
	w.t.Helper()
	for _, f := range w.files("INBOX") {
		if contentID(w.content(f.file)) == fmt.Sprintf("%d@test", n) {
			return w.path(f.file)
		}
	}
	w.t.Fatalf("no file of message %d", n)
	return ""
}

// long is a message of which only a part is looked at to recognise it.
func (w *world) long() []byte {
	return append(w.message(), strings.Repeat(strings.Repeat("0123456789", 7)+"\r\n", 100)...)
}

// TestCheckGuessedSizes: a server that guesses RFC822.SIZE is not damaged.
func TestCheckGuessedSizes(t *testing.T) {
	w := newWorld(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		before, after, ok := strings.Cut(line, "RFC822.SIZE ")
		if !ok {
			return line
		}
		size, rest := after, ""
		if i := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			size, rest = after[:i], after[i:]
		}
		n, err := strconv.Atoi(size)
		if err != nil {
			return line
		}
		// An eighth too much: a size that no body could have is a partial body.
		return fmt.Sprintf("%sRFC822.SIZE %d%s", before, n+n/8, rest)
	}})
	for range 40 {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.sync()
	w.srv.ResetStats()
	w.sound()
	if st := w.srv.Stats(); st.Commands["UID FETCH"] > 3 { // the list, the Message-IDs, a few contents
		t.Errorf("%v", st.Commands)
	}
	breakRow(3, func(m *state.Message) { m.Digest[0]++ })(w)
	if rep := w.check(mailsync.CheckRequest{}); len(rep.Findings) != 1 {
		t.Errorf("%+v", rep.Findings)
	}
}

// TestCheckWaiting: differences that a sync carries over are no damage.
func TestCheckWaiting(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	for range 4 {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
	}
	w.sync()
	w.srv.Expunge("INBOX", 1)
	w.srv.StoreFlags("INBOX", 2, []string{`\Flagged`}, nil)
	must(w, os.Remove(w.fileOf(3)))
	must(w, os.Rename(w.fileOf(4), w.fileOf(4)+"F"))
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	must(w, w.srv.CreateMailbox("New"))
	must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, "Local", "cur"), 0o700))
	must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, "Local", "new"), 0o700))
	rep := w.check(mailsync.CheckRequest{})
	if len(rep.Findings) > 0 || rep.Waiting != 7 {
		t.Errorf("%d wait, findings %+v", rep.Waiting, rep.Findings)
	}
	w.check(mailsync.CheckRequest{Repair: true})
	w.sync()
	w.agree()
	w.sound()
}

// TestCheckUnreadable: what cannot be read is found; what only may not be
// read is not fetched a second time.
func TestCheckUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("nothing is unreadable for root")
	}
	w := newWorld(t, imaptest.Options{})
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	w.sync()
	path := w.fileOf(1)
	must(w, os.Chmod(path, 0))
	rep := w.check(mailsync.CheckRequest{Repair: true})
	if len(rep.Findings) != 1 || rep.Findings[0].Repaired {
		t.Errorf("%+v", rep.Findings)
	}
	must(w, os.Chmod(path, 0o600))
	w.quiet()
	w.sound()
}

func TestCheckErrors(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	ask := func() error {
		e, err := mailsync.New(w.acct, mailsync.Options{})
		must(w, err)
		_, err = e.Check(context.Background(), mailsync.CheckRequest{})
		return err
	}
	if err := ask(); mail.KindOf(err) != mail.KindConfig {
		t.Errorf("never synced: %v", err)
	}
	w.sync()
	must(w, os.Rename(w.acct.Maildir, w.acct.Maildir+"x"))
	if err := ask(); mail.KindOf(err) != mail.KindBrake {
		t.Errorf("no Maildir: %v", err)
	}
	must(w, os.Rename(w.acct.Maildir+"x", w.acct.Maildir))
	w.srv.Close()
	if err := ask(); mail.KindOf(err) != mail.KindConnection {
		t.Errorf("no server: %v", err)
	}
	w.check(mailsync.CheckRequest{Offline: true})
}
