package sync_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/remote/imaptest"
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
