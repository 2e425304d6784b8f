package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	"satchel/sync/remote/imaptest"
)

// Budgets are counted on the server in memory, so they fail when somebody
// adds a round trip, and never because a machine is slow.

func TestNothingToDoBudget(t *testing.T) {
	for _, n := range []int{1, 500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			w.acct.NoFsync = true
			w.srv.Append("INBOX", nil, time.Now(), w.message())
			for i := 1; i < n; i++ {
				must(w, w.srv.CreateMailbox(fmt.Sprintf("box%03d", i)))
				w.srv.Append(fmt.Sprintf("box%03d", i), nil, time.Now(), w.message())
			}
			w.sync()
			w.quiet()
			w.srv.ResetStats()
			rep := w.quiet()
			st := w.srv.Stats()
			// Login, then ENABLE, NAMESPACE and LIST-STATUS together, then
			// LOGOUT.
			if st.RoundTrips > 3 || st.Connections != 1 {
				t.Errorf("%d round trips on %d connections, commands %v", st.RoundTrips, st.Connections, st.Commands)
			}
			if rep.RoundTrips > 3 {
				t.Errorf("the report says %d round trips", rep.RoundTrips)
			}
			if st.Commands["SELECT"] > 0 || st.Commands["UID FETCH"] > 0 {
				t.Errorf("asked about mailboxes that did not change: %v", st.Commands)
			}
		})
	}
}

func TestLargeMailboxNothingToDo(t *testing.T) {
	n := 20000
	w := newWorld(t, imaptest.Options{})
	w.acct.NoFsync = true
	for range n {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Now(), w.message())
	}
	w.sync()
	w.quiet()
	w.srv.ResetStats()
	w.quiet()
	if st := w.srv.Stats(); st.BytesOut > 2048 {
		t.Errorf("%d bytes received for a mailbox of %d messages in which nothing happened", st.BytesOut, n)
	}
}

// manyMessages puts n messages of size bytes into a mailbox and syncs.
func manyMessages(t *testing.T, n, size int, o imaptest.Options) *world {
	w := newWorld(t, o)
	w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
	must(w, w.srv.CreateMailbox("Archive"))
	for i := range n {
		body := fmt.Appendf(w.message(), "%s\r\n", strings.Repeat("x", size))
		w.srv.Append("INBOX", []string{`\Seen`}, time.Now().Add(-time.Duration(i)*time.Second), body)
	}
	w.sync()
	w.quiet()
	w.srv.ResetStats()
	return w
}

func TestMovesOnDiskBudget(t *testing.T) {
	const n = 300
	w := manyMessages(t, n, 20000, imaptest.Options{})
	for i, f := range w.files("INBOX") {
		to := f.file
		to.Folder = "Archive"
		if i%2 == 0 {
			to.Name = fmt.Sprintf("%d.renamed:2,S", i)
		}
		must(w, os.Rename(w.path(f.file), w.path(to)))
	}
	rep := w.sync()
	st := w.srv.Stats()
	if rep.Counts["remote-move"] != n {
		t.Errorf("did %v", rep.Counts)
	}
	if st.BytesIn > n*100 || st.BytesOut > n*300 || st.RoundTrips > 10 {
		t.Errorf("%d moves cost %d bytes sent, %d received, %d round trips", n, st.BytesIn, st.BytesOut, st.RoundTrips)
	}
	w.agree()
	w.quiet()
}

func TestMovesOnServerBudget(t *testing.T) {
	const n = 300
	for name, x := range map[string]struct {
		caps      imaptest.Caps
		bytes     int64 // for each message
		roundTrip int
	}{
		"by identity": {imaptest.DefaultCaps.With(imaptest.CapObjectID), 250, 8},
		"by evidence": {imaptest.DefaultCaps, 1000, 12},
	} {
		t.Run(name, func(t *testing.T) {
			w := manyMessages(t, n, 20000, imaptest.Options{Caps: x.caps})
			for _, m := range w.srv.Messages("INBOX") {
				w.srv.Move("INBOX", m.UID, "Archive")
			}
			rep := w.sync()
			st := w.srv.Stats()
			if rep.Counts["local-move"] != n {
				t.Errorf("did %v", rep.Counts)
			}
			if st.BytesIn > n*100 || st.BytesOut > n*x.bytes || st.RoundTrips > x.roundTrip {
				t.Errorf("%d moves cost %d bytes sent, %d received, %d round trips", n, st.BytesIn, st.BytesOut, st.RoundTrips)
			}
			w.agree()
			w.quiet()
		})
	}
}

// TestLostState: a known message is recognised after the state was lost, and
// nothing that both sides hold is transferred.
func TestLostState(t *testing.T) {
	const n = 200
	w := manyMessages(t, n, 5000, imaptest.Options{})
	must(w, os.RemoveAll(w.acct.StateDir))
	rep := w.sync()
	if rep.Counts["download"]+rep.Counts["upload"] != 0 {
		t.Errorf("transferred: %v", rep.Counts)
	}
	if st := w.srv.Stats(); st.BytesOut > n*1400 {
		t.Errorf("%d bytes received to pair %d messages", st.BytesOut, n)
	}
	w.agree()
	w.quiet()
}

func TestUIDValidityChanged(t *testing.T) {
	const n = 200
	w := manyMessages(t, n, 5000, imaptest.Options{})
	w.srv.SetUIDValidity("INBOX", 77)
	w.srv.ResetStats()
	rep := w.sync()
	if rep.Counts["download"]+rep.Counts["upload"] != 0 {
		t.Errorf("transferred: %v", rep.Counts)
	}
	w.agree()
	w.quiet()
}

// TestMaildirPlusPlus syncs with the other layout.
func TestMaildirPlusPlus(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.Layout = maildir.MaildirPP
	must(w, w.srv.CreateMailbox("Archive/2026.x"))
	w.srv.Append("Archive/2026.x", nil, time.Now(), w.message())
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	w.sync()
	w.agree()
	w.quiet()
	if _, err := os.Stat(filepath.Join(w.acct.Maildir, ".Archive.2026%2Ex", "new")); err != nil {
		t.Error(err)
	}
}
