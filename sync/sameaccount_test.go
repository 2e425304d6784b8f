package sync_test

import (
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// TestAnotherAccount: mail of one account does not go to another one, and a host
// that got another name is the same.
func TestAnotherAccount(t *testing.T) {
	w, _ := manyWorld(t, 2, 10)
	w.acct.Host = "localhost"
	w.quiet()
	other := newWorld(t, imaptest.Options{})
	for range 3 {
		other.n += 100
		other.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), other.message())
	}
	before := other.remoteSnapshot()
	dial := w.acct.Dial
	w.acct.Dial, w.acct.Host, w.acct.AllowCleartext = other.acct.Dial, "elsewhere.example.org", true
	for _, dry := range []bool{true, false, false} {
		_, err := w.trySync(mailsync.Request{DryRun: dry})
		if mail.KindOf(err) != mail.KindBrake || !strings.Contains(err.Error(), "ann at localhost:143") ||
			!strings.Contains(err.Error(), "elsewhere.example.org") || !strings.Contains(mail.HintOf(err), "mv "+w.statePath()) {
			t.Fatalf("%v, hint %q", err, mail.HintOf(err))
		}
	}
	if d := diff(before, other.remoteSnapshot()); d != "" {
		t.Errorf("the other account was changed:\n%s", d)
	}
	w.acct.Dial, w.acct.Host = dial, "localhost"
	w.quiet()
	w.agree()
}
