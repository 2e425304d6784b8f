package sync_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// harm is one way in which disk, state and server come to disagree.
type harm struct {
	name    string
	damage  func(*world)
	offline bool   // found without the server as well
	problem string // part of a finding
	message string // part of the message that is named
	online  string // problem, where the server tells more
	empty   bool   // an empty file goes
	more    int    // versions that there are then beyond the five messages
	rounds  int    // of check --repair and sync; 0: one
}

// harms are those of TestCheckHeals.
func harms() []harm {
	middle := func(s string) string { return s[:5000] + "x" + s[5001:] }
	return []harm{
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
	}
}

// TestCheckHeals: what is wrong is found, and named; repair and a sync heal
// it, and every version of every message is on both sides, once.
func TestCheckHeals(t *testing.T) {
	for _, tt := range harms() {
		for _, without := range [][]string{nil, {"QRESYNC"}, {"QRESYNC", "CONDSTORE"}} {
			t.Run(tt.name+" without "+strings.Join(without, " and "), func(t *testing.T) {
				t.Parallel()
				w := sixMessages(t, without)
				tt.damage(w)
				if tt.problem == "flags on the server are" && slices.Contains(without, "CONDSTORE") {
					return // every sync compares them
				}
				tt.isFound(w)
				want := w.versions()
				if len(want) != 6+tt.more {
					t.Fatalf("%d versions, want %d", len(want), 6+tt.more)
				}
				tt.isMended(w)
				w.sync()
				w.quiet()
				tt.areKept(w, want)
				w.sound()
			})
		}
	}
}

// sixMessages is a world in which five long messages and a short one are in sync.
func sixMessages(t *testing.T, without []string) *world {
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
	return w
}

// isFound checks that a finding names the problem, without the server too where that is promised.
func (tt harm) isFound(w *world) {
	w.t.Helper()
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
			w.t.Fatalf("offline %v: findings %+v", offline, rep.Findings)
		}
	}
}

// versions returns every version of every message that there is on a side.
func (w *world) versions() map[string]bool {
	all := map[string]bool{}
	for _, s := range []snapshot{w.localSnapshot(), w.remoteSnapshot()} {
		for name, list := range s {
			for _, m := range list {
				content, _, _ := strings.Cut(m, " | ")
				all[name+" "+content] = true
			}
		}
	}
	return all
}

// isMended checks that repairs mend all in as many rounds as are needed, and no sooner.
func (tt harm) isMended(w *world) {
	w.t.Helper()
	for round := 1; ; round++ {
		rep := w.check(mailsync.CheckRequest{Repair: true})
		w.check(mailsync.CheckRequest{Repair: true}) // once more spoils nothing
		if round < tt.rounds {
			if !slices.ContainsFunc(rep.Findings, func(f mailsync.Finding) bool { return !f.Repaired }) {
				w.t.Errorf("round %d claims to mend all: %+v", round, rep.Findings)
			}
			w.sync()
			continue
		}
		for _, f := range rep.Findings {
			if !f.Repaired {
				w.t.Errorf("not mended: %+v", f)
			}
		}
		return
	}
}

// areKept checks that both sides have each version once.
func (tt harm) areKept(w *world, versions map[string]bool) {
	w.t.Helper()
	got := map[string]bool{}
	for name, list := range w.agree() {
		for _, m := range list {
			content, _, _ := strings.Cut(m, " | ")
			if got[name+" "+content] {
				w.t.Errorf("doubled: %s %.40q", name, content)
			}
			got[name+" "+content] = true
		}
	}
	for m := range versions {
		if !got[m] && (!tt.empty || m != "INBOX ") {
			w.t.Errorf("lost: %.60q", m)
		}
	}
}
