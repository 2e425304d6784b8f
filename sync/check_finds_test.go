package sync_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// swapUIDs makes the state believe that two messages of INBOX changed places,
// as behind a COPYUID that named them in the wrong order.
func swapUIDs(a, b mail.UID) func(*world) {
	return func(w *world) {
		w.update(func(db *state.DB, tx *state.Tx) error {
			x, y := w.row(db, a), w.row(db, b)
			if err := tx.DeleteMessages(x.ID, y.ID); err != nil {
				return err
			}
			x.ID, y.ID, x.UID, y.UID = 0, 0, b, a
			if err := tx.PutMessage(x); err != nil {
				return err
			}
			return tx.PutMessage(y)
		})
	}
}

// breakCursor changes what the state says of INBOX.
func breakCursor(f func(*state.Mailbox)) func(*world) {
	return func(w *world) {
		w.update(func(db *state.DB, tx *state.Tx) error {
			boxes, err := db.Mailboxes(context.Background())
			if err != nil {
				return err
			}
			i := slices.IndexFunc(boxes, func(mb *state.Mailbox) bool { return mb.Name == "INBOX" })
			f(boxes[i])
			return tx.PutMailbox(boxes[i])
		})
	}
}

// alikes are messages of one size; with the same Message-ID, nothing that a
// list tells of them differs.
func alikes(id string) [][]byte {
	var all [][]byte
	for _, c := range []string{"a", "b", "c", "d"} {
		head := "Message-ID: <" + strings.ReplaceAll(id, "*", c) + "@test>\r\n"
		if id == "" {
			head = ""
		}
		all = append(all, []byte(head+"Subject: alike\r\n\r\nbody "+strings.Repeat(c, 3000)+"\r\n"))
	}
	return all
}

// rest makes a folder look as if nothing had happened in it for long, so that
// its times are trusted.
func (w *world) rest(folder string) {
	w.t.Helper()
	for _, dir := range []string{"cur", "new", ""} {
		at := time.Now().Add(-time.Hour)
		must(w, os.Chtimes(filepath.Join(w.acct.Maildir, folder, dir), at, at))
	}
}

// disagreement is something that no sync would notice.
type disagreement struct {
	name    string
	ids     string // Message-IDs of the messages; "" none
	damage  func(*world)
	full    bool // only --full promises to find it
	offline bool // found without the server as well
	kind    mailsync.FindingKind
	held    bool // it stays until a person decides
	more    int  // versions beyond the four messages
}

// disagreements are those of TestCheckFinds.
func disagreements() []disagreement {
	seen := mail.NewFlags(`\Seen`)
	return []disagreement{
		{name: "messages changed places", ids: "*", damage: swapUIDs(1, 2), kind: mailsync.FoundContent},
		{name: "messages of one Message-ID changed places", ids: "x", damage: swapUIDs(1, 2), kind: mailsync.FoundContent},
		{name: "messages without a Message-ID changed places", damage: swapUIDs(1, 2), kind: mailsync.FoundContent},
		{name: "another content on the server", ids: "*", damage: func(w *world) {
			w.srv.Rewrite("INBOX", 2, []byte(strings.ReplaceAll(string(alikes("*")[1]), "bbbb", "xxxx")))
		}, kind: mailsync.FoundContent, full: true, more: 1},
		{name: "another content on the server, of another size", ids: "*", damage: func(w *world) {
			w.srv.Rewrite("INBOX", 2, append(alikes("*")[1], "more\r\n"...))
		}, kind: mailsync.FoundContent, more: 1},
		{name: "the file of a removed message, whose UID is another's", ids: "*", damage: func(w *world) {
			swapUIDs(1, 2)(w)
			for _, f := range w.files("INBOX") {
				if contentID(w.content(f.file)) == "a@test" {
					must(w, os.Remove(w.path(f.file)))
				}
			}
		}, kind: mailsync.FoundContent},
		{name: "flags of the file alone", ids: "*", damage: breakRow(2, func(m *state.Message) { m.LocalFlags, m.RemoteFlags = mail.Flags{}, mail.Flags{} }),
			kind: mailsync.FoundFlags, offline: true},
		{name: "flags of both sides differ in the state", ids: "*", damage: breakRow(2, func(m *state.Message) { m.RemoteFlags = mail.Flags{} }),
			kind: mailsync.FoundFlags, offline: true},
		{name: "a keyword of the file that it does not show", ids: "*", damage: breakRow(2, func(m *state.Message) {
			m.LocalFlags = seen.Union(mail.NewFlags("work"))
			m.RemoteFlags = m.LocalFlags
		}), kind: mailsync.FoundFlags, offline: true},
		{name: "flags on the server changed behind the cursor", ids: "*", damage: func(w *world) {
			w.srv.StoreFlags("INBOX", 2, []string{`\Flagged`}, nil)
			_, _, modseq := w.srv.UIDState("INBOX")
			breakCursor(func(mb *state.Mailbox) { mb.Cursor.HighestModSeq = mail.ModSeq(modseq) })(w)
		}, kind: mailsync.FoundFlags},
		{name: "flags changed behind the cursor, then others", ids: "*", damage: func(w *world) {
			w.srv.StoreFlags("INBOX", 2, []string{`\Flagged`}, nil)
			_, _, modseq := w.srv.UIDState("INBOX")
			breakCursor(func(mb *state.Mailbox) { mb.Cursor.HighestModSeq = mail.ModSeq(modseq) })(w)
			w.srv.StoreFlags("INBOX", 3, []string{`\Answered`}, nil)
		}, kind: mailsync.FoundFlags},
		{name: "a cursor ahead of the server's UIDs", ids: "*", damage: breakCursor(func(mb *state.Mailbox) { mb.Cursor.UIDNext += 7 }), kind: mailsync.FoundCursor},
		{name: "a cursor ahead of the server's mod-sequences", ids: "*", damage: breakCursor(func(mb *state.Mailbox) { mb.Cursor.HighestModSeq += 7 }), kind: mailsync.FoundCursor},
		{name: "a cursor ahead of the rows", ids: "*", damage: func(w *world) {
			w.srv.Append("INBOX", nil, time.Now(), w.message())
			_, next, modseq := w.srv.UIDState("INBOX")
			breakCursor(func(mb *state.Mailbox) {
				mb.Cursor.UIDNext, mb.Cursor.HighestModSeq, mb.Cursor.Messages = mail.UID(next), mail.ModSeq(modseq), 5
			})(w)
		}, kind: mailsync.FoundUnknown, more: 1},
		{name: "a row of no message", ids: "*", damage: func(w *world) {
			w.srv.Expunge("INBOX", 2)
			_, next, modseq := w.srv.UIDState("INBOX")
			breakCursor(func(mb *state.Mailbox) {
				mb.Cursor.UIDNext, mb.Cursor.HighestModSeq, mb.Cursor.Messages = mail.UID(next), mail.ModSeq(modseq), 3
			})(w)
		}, kind: mailsync.FoundMissing, held: true},
		{name: "a row lost", ids: "*", damage: forgetRow(2), kind: mailsync.FoundUnknown},
		{name: "a row lost, without the server", ids: "*", damage: forgetRow(2), kind: mailsync.FoundCursor, offline: true},
		{name: "a journal that outlived its run", ids: "*", damage: func(w *world) {
			w.update(func(db *state.DB, tx *state.Tx) error {
				row := w.row(db, 2)
				return tx.AddIntents([]*state.Intent{state.RemoteFlags(state.Subject{Message: row.ID, Home: "INBOX"}, state.Place{Mailbox: "INBOX", UID: 2}, mail.Delta{})})
			})
		}, kind: mailsync.FoundJournal, offline: true, held: true},
		{name: "letters without a meaning", ids: "*", damage: func(w *world) {
			f := w.files("INBOX")[0]
			must(w, os.Rename(w.path(f.file), w.path(f.file)+"q"))
		}, kind: mailsync.FoundLetters, offline: true, held: true},
	}
}

// TestCheckFinds: whatever two of disk, state and server do not agree in, and no
// sync would notice, is found. A repair and a sync neither double nor lose a
// message, nor send up what was never here.
func TestCheckFinds(t *testing.T) {
	for _, tt := range disagreements() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, imaptest.Options{})
			w.acct.NoFsync = true
			for _, content := range alikes(tt.ids) {
				w.srv.Append("INBOX", []string{`\Seen`}, time.Now().Add(-time.Hour), content)
			}
			w.sync()
			w.rest("INBOX")
			w.quiet()
			w.sound()
			if rep := w.check(mailsync.CheckRequest{Full: true}); len(rep.Findings) > 0 || rep.Fetched != 4 {
				t.Fatalf("%+v", rep)
			}
			tt.damage(w)
			tt.isFound(w)
			if tt.isRepaired(w) {
				tt.isHealed(w)
			}
		})
	}
}

// isFound checks that a finding is of the kind.
func (tt disagreement) isFound(w *world) {
	w.t.Helper()
	has := func(f mailsync.Finding) bool { return f.Kind == tt.kind }
	online := tt.kind != mailsync.FoundCursor || !tt.offline
	if rep := w.check(mailsync.CheckRequest{Full: tt.full}); online && !slices.ContainsFunc(rep.Findings, has) {
		w.t.Fatalf("findings %+v", rep.Findings)
	}
	if rep := w.check(mailsync.CheckRequest{Offline: true}); tt.offline && !slices.ContainsFunc(rep.Findings, has) {
		w.t.Fatalf("without the server: findings %+v", rep.Findings)
	}
}

// isRepaired checks that a repair mends what it promises to; false where a person must decide.
func (tt disagreement) isRepaired(w *world) bool {
	w.t.Helper()
	rep := w.check(mailsync.CheckRequest{Repair: true, Full: tt.full})
	for _, f := range rep.Findings {
		if f.Repaired == tt.held {
			w.t.Errorf("repaired %v: %+v", f.Repaired, f)
		}
	}
	if tt.held && !slices.Equal(rep.Findings, w.check(mailsync.CheckRequest{}).Findings) {
		w.t.Errorf("a repair changed what it does not understand: %+v", rep.Findings)
	}
	return !tt.held
}

// isHealed checks that after a sync both sides have each message once, and nothing is found.
func (tt disagreement) isHealed(w *world) {
	w.t.Helper()
	w.sync()
	w.quiet()
	n := 0
	for _, list := range w.agree() {
		slices.Sort(list)
		if n += len(list); len(slices.Compact(list)) != n {
			w.t.Errorf("doubled: %.300q", list)
		}
	}
	if n != 4+tt.more {
		w.t.Errorf("%d messages, want %d", n, 4+tt.more)
	}
	if rep := w.check(mailsync.CheckRequest{Full: true}); len(rep.Findings) > 0 {
		w.t.Errorf("after the repair: %+v", rep.Findings)
	}
}

// TestCheckOfCopies: copies of one message are alike in all that a list tells,
// and in content as well, so nothing of them needs to be fetched.
func TestCheckOfCopies(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	must(w, w.srv.CreateMailbox("Work"))
	for _, box := range []string{"INBOX", "INBOX", "Work"} {
		w.srv.Append(box, nil, time.Now(), []byte("Message-ID: <1@test>\r\n\r\nbody\r\n"))
	}
	w.sync()
	if rep := w.check(mailsync.CheckRequest{}); len(rep.Findings) > 0 || rep.Fetched > 0 || rep.OnServer != 3 {
		t.Errorf("%+v", rep)
	}
}

// TestCheckOfUnsent: what the server lists and does not send was not compared,
// and nobody may take it for whole.
func TestCheckOfUnsent(t *testing.T) {
	var silent atomic.Bool
	w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, args string) imaptest.Action {
		if silent.Load() && verb == "UID FETCH" && strings.Contains(args, "BODY.PEEK[]") {
			return imaptest.Action{Reply: "OK FETCH completed"}
		}
		return imaptest.Action{}
	}})
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	w.sync()
	w.sound()
	silent.Store(true)
	if rep := w.check(mailsync.CheckRequest{Full: true}); len(rep.Findings) != 1 || rep.Findings[0].Kind != mailsync.FoundUnsent {
		t.Errorf("%+v", rep)
	}
}
