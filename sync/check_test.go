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

// TestCheckHeals: what is wrong is found, and named; repair and a sync heal
// it, and every version of every message is on both sides, once.
func TestCheckHeals(t *testing.T) {
	middle := func(s string) string { return s[:5000] + "x" + s[5001:] }
	for _, tt := range []struct {
		name    string
		damage  func(*world)
		offline bool   // found without the server as well
		problem string // part of a finding
		message string // part of the message that is named
		online  string // problem, where the server tells more
		empty   bool   // an empty file goes
		more    int    // versions that there are then beyond the five messages
		rounds  int    // of check --repair and sync; 0: one
	}{
		{name: "altered in the middle", damage: rewrite(2, middle), offline: true, problem: "the file is not what was synced", message: "uid 2, file ", more: 1},
		{name: "truncated", damage: rewrite(2, func(s string) string { return s[:3000] }), offline: true,
			problem: "3000 bytes, should be", message: "uid 2, file ", more: 1},
		{name: "emptied", damage: rewrite(2, func(string) string { return "" }), offline: true, problem: "0 bytes, should be", empty: true, more: 1},
		{name: "files changed names", damage: func(w *world) {
			a, b := w.fileOf(2), w.fileOf(3)
			must(w, os.Rename(a, a+"x"))
			must(w, os.Rename(b, a))
			must(w, os.Rename(a+"x", b))
		}, offline: true, problem: "the file is not what was synced", message: "uid 3, file "},
		{name: "row without a file name", damage: breakRow(2, func(m *state.Message) { m.Base = "" }), offline: true, problem: "state: INBOX: uid 2"},
		{name: "row without a UID", damage: breakRow(2, func(m *state.Message) { m.UID = 0 }), offline: true, problem: "no UID"},
		{name: "size below zero", damage: breakRow(2, func(m *state.Message) { m.Size = -1 }), offline: true, problem: "a size of"},
		{name: "unknown form", damage: breakRow(2, func(m *state.Message) { m.Form = 7 }), offline: true, problem: "form 7"},
		{name: "larger on disk", damage: breakRow(2, func(m *state.Message) { m.DiskSize = m.Size + 1 }), offline: true, problem: "larger on disk"},
		{name: "pending for ever", damage: breakRow(2, func(m *state.Message) { m.Pending = true }), offline: true, problem: "called undelivered"},
		{name: "two rows of one file", damage: func(w *world) {
			w.update(func(db *state.DB, tx *state.Tx) error {
				row := w.row(db, 2)
				row.Base = w.row(db, 3).Base
				return tx.PutMessage(row)
			})
		}, offline: true, problem: "shares its file"},
		{name: "two rows of one file, the wrong one first", damage: func(w *world) {
			w.update(func(db *state.DB, tx *state.Tx) error {
				row := w.row(db, 3)
				row.Base = w.row(db, 2).Base
				return tx.PutMessage(row)
			})
		}, offline: true, problem: "shares its file"},
		{name: "wrong digest", damage: breakRow(2, func(m *state.Message) { m.Digest[0]++ }), offline: true, problem: "the file is not what was synced", online: "the state says digest"},
		{name: "wrong size", damage: breakRow(2, func(m *state.Message) { m.Size++ }), offline: true, problem: "the state says", message: "uid 2"},
		{name: "row lost", damage: forgetRow(2), problem: "the state does not know it", message: "uid 2"},
		{name: "row lost, then new mail", damage: func(w *world) {
			forgetRow(2)(w)
			w.srv.Append("INBOX", nil, time.Now(), w.message())
		}, problem: "the state does not know it", more: 1},
		{name: "all rows lost", damage: func(w *world) {
			for uid := range mail.UID(5) {
				forgetRow(uid + 1)(w)
			}
		}, problem: "the state does not know it"},
		{name: "row of another message", damage: func(w *world) {
			forgetRow(3)(w)
			breakRow(2, func(m *state.Message) { m.UID = 3 })(w)
		}, problem: "the server's message has", message: "uid 3"},
		{name: "flags that nothing reports", damage: breakRow(2, func(m *state.Message) {
			m.RemoteFlags = mail.NewFlags(`\Flagged`)
			m.LocalFlags = m.RemoteFlags
		}), problem: "flags on the server are"},
		{name: "altered, and a row lost", damage: func(w *world) {
			rewrite(2, middle)(w)
			forgetRow(3)(w)
		}, problem: "the state does not know it", more: 1, rounds: 2},
		{name: "altered, and removed on the server", damage: func(w *world) {
			rewrite(2, middle)(w)
			w.srv.Expunge("INBOX", 2)
		}, offline: true, problem: "the file is not what was synced", more: 0},
	} {
		for _, without := range [][]string{nil, {"QRESYNC"}, {"QRESYNC", "CONDSTORE"}} {
			t.Run(tt.name+" without "+strings.Join(without, " and "), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, imaptest.Options{})
				w.acct.NoFsync = true
				w.acct.WithoutCaps = without
				must(w, w.srv.CreateMailbox("Work"))
				for range 4 {
					w.srv.Append("INBOX", []string{`\Seen`}, time.Now().Add(-time.Hour), w.long())
				}
				w.srv.Append("INBOX", nil, time.Now(), w.message())
				w.srv.Append("Work", nil, time.Now(), w.message())
				w.sync()
				w.quiet()
				w.sound()
				tt.damage(w)
				if tt.problem == "flags on the server are" && slices.Contains(without, "CONDSTORE") {
					return // every sync compares them
				}
				for _, offline := range []bool{true, false} {
					if offline && !tt.offline {
						continue
					}
					problem := tt.problem
					if !offline && tt.online != "" {
						problem = tt.online
					}
					if rep := w.check(mailsync.CheckRequest{Offline: offline}); !slices.ContainsFunc(rep.Findings, func(f mailsync.Finding) bool {
						return strings.Contains(f.Problem, problem) && strings.Contains(f.Message, tt.message) && !f.Repaired &&
							(f.Mailbox == "INBOX" || strings.HasPrefix(f.Problem, "state: "))
					}) {
						t.Fatalf("offline %v: findings %+v", offline, rep.Findings)
					}
				}
				// Every version of every message that there is on a side.
				want := map[string]bool{}
				for _, s := range []snapshot{w.localSnapshot(), w.remoteSnapshot()} {
					for name, list := range s {
						for _, m := range list {
							content, _, _ := strings.Cut(m, " | ")
							want[name+" "+content] = true
						}
					}
				}
				if len(want) != 6+tt.more {
					t.Fatalf("%d versions, want %d", len(want), 6+tt.more)
				}
				for round := 1; ; round++ {
					rep := w.check(mailsync.CheckRequest{Repair: true})
					w.check(mailsync.CheckRequest{Repair: true}) // once more spoils nothing
					if round < tt.rounds {
						if !slices.ContainsFunc(rep.Findings, func(f mailsync.Finding) bool { return !f.Repaired }) {
							t.Errorf("round %d claims to mend all: %+v", round, rep.Findings)
						}
						w.sync()
						continue
					}
					for _, f := range rep.Findings {
						if !f.Repaired {
							t.Errorf("not mended: %+v", f)
						}
					}
					break
				}
				w.sync()
				w.quiet()
				got := map[string]bool{}
				for name, list := range w.agree() {
					for _, m := range list {
						content, _, _ := strings.Cut(m, " | ")
						if got[name+" "+content] {
							t.Errorf("doubled: %s %.40q", name, content)
						}
						got[name+" "+content] = true
					}
				}
				for m := range want {
					if !got[m] && (!tt.empty || m != "INBOX ") {
						t.Errorf("lost: %.60q", m)
					}
				}
				w.sound()
			})
		}
	}
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
