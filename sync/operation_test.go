package sync_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestPlanSpeaksOfMail: a plan names messages by subject and sender, wherever they
// are, and tells programs what it would do in fields; of many alike only the first
// ones are looked up, so that a plan of a first sync stays cheap.
func TestPlanSpeaksOfMail(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	for range 4 {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
	}
	w.sync()
	must(w, os.Remove(w.fileOf(1)))
	w.srv.Expunge("INBOX", 2)
	w.srv.StoreFlags("INBOX", 3, []string{`\Flagged`}, []string{`\Seen`})
	must(w, os.WriteFile(w.fileOf(4)+".new:2,S", []byte("From: me\n\nmine\n"), 0o600))
	fresh := 0
	for range 30 {
		fresh += len(w.message())
		w.n--
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	plan := func(full bool) *mailsync.Report {
		rep, err := w.trySync(mailsync.Request{DryRun: true, Full: full})
		must(w, err)
		return rep
	}
	rep := plan(false)
	byOp := map[string]mailsync.Operation{}
	named := 0
	for _, o := range rep.Operations {
		byOp[o.Op] = o
		if o.Op != "download" {
			continue
		}
		if o.Named {
			named++
			if want := fmt.Sprintf("message %d", o.UID); o.Subject != want || o.From != "ann@example.org" || o.Bytes == 0 {
				t.Errorf("%+v", o)
			}
		}
	}
	if named != 20 || rep.Counts["download"] != 30 {
		t.Errorf("%d downloads of %d are named", named, rep.Counts["download"])
	}
	for op, want := range map[string]string{
		"remote-remove": "remote-remove INBOX: message 1, from ann@example.org",
		"local-remove":  "local-remove INBOX: message 2, from ann@example.org",
		"local-flags":   `local-flags INBOX +\Flagged -\Seen: message 3, from ann@example.org`,
		"upload":        "upload INBOX: no subject, from me (18 bytes)",
	} {
		if got := byOp[op].String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if o := byOp["remote-remove"]; o.UID != 1 || !strings.Contains(o.File, ".") {
		t.Errorf("%+v", o)
	}
	if rep.Planned.Download != int64(fresh) || rep.Planned.Upload != 18 {
		t.Errorf("%+v, want %d down", rep.Planned, fresh)
	}
	for _, o := range plan(true).Operations {
		if !o.Named {
			t.Errorf("a full plan does not name %+v", o)
		}
	}
}

// TestPlanNamesEachGroup: moves to two places are two groups, and of each the
// first ones are named, as they are printed.
func TestPlanNamesEachGroup(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	must(w, w.srv.CreateMailbox("A"))
	must(w, w.srv.CreateMailbox("B"))
	const each = mailsync.NamedOperations + 2
	for range 2 * each {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.sync()
	for i := range 2 * each {
		from := w.fileOf(i + 1)
		must(w, os.Rename(from, strings.Replace(from, "/INBOX/", []string{"/A/", "/B/"}[i%2], 1)))
	}
	rep, err := w.trySync(mailsync.Request{DryRun: true})
	must(w, err)
	named := map[mailsync.Group]int{}
	for _, o := range rep.Operations {
		if o.Named {
			named[o.Group()]++
		}
	}
	for _, to := range []string{"A", "B"} {
		if n := named[mailsync.Group{Op: "remote-move", Mailbox: "INBOX", To: to}]; n != mailsync.NamedOperations {
			t.Errorf("%d moves to %s are named", n, to)
		}
	}
}
