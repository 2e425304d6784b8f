package sync_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestLostStateBesideOddParts: a part of a message that comes under another
// label, or not whole, and a Message-ID that the server does not find, say
// nothing about whether the message is here.
func TestLostStateBesideOddParts(t *testing.T) {
	for name, lie := range map[string]imaptest.Lie{
		"label": imaptest.LiePartLabel, "other": imaptest.LiePartOther, "short": imaptest.LiePartShort, "id": imaptest.LieMessageID,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 20
			liar := imaptest.NewLiar(1, 1, 0)
			w := manyMessages(t, n, 3000, liar.Install(imaptest.Options{}))
			must(w, os.RemoveAll(w.acct.StateDir))
			liar.Tell(lie)
			rep := w.sync()
			if liar.Told()[lie] == 0 {
				t.Error("the lie was not told")
			}
			if rep.Counts["download"]+rep.Counts["upload"] != 0 {
				t.Errorf("transferred: %v", rep.Counts)
			}
			if st := w.srv.Stats(); name == "label" && st.BytesOut > n*2000 {
				t.Errorf("%d bytes received to pair %d messages by their parts", st.BytesOut, n)
			}
			liar.Tell(0)
			if got := len(w.agree()["INBOX"]); got != n {
				t.Errorf("%d messages", got)
			}
			w.quiet()
		})
	}
}

// TestLostStateWithOddIDs: a Message-ID that two programs read differently does
// not make two messages of one.
func TestLostStateWithOddIDs(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	for name, header := range map[string]string{
		"spaced":  "Message-ID : <spaced@test>\r\n",
		"folded":  "Message-ID:\r\n <folded@\r\n test>\r\n",
		"encoded": "Message-ID: =?utf-8?q?=3Cencoded=40test=3E?=\r\n",
		"late":    strings.Repeat("X-Filling: "+strings.Repeat("x", 900)+"\r\n", 340) + "Message-ID: <late@test>\r\n",
		"none":    "",
		"twice":   "Message-ID : <first@test>\r\nMessage-ID: <second@test>\r\n",
	} {
		w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1700000000, 0),
			fmt.Appendf(nil, "%sSubject: %s\r\n\r\n%s", header, name, strings.Repeat("body\r\n", 300)))
	}
	w.sync()
	for _, clear := range []func(){
		func() { must(w, os.RemoveAll(w.acct.StateDir)) },
		func() { w.srv.SetUIDValidity("INBOX", 99) },
	} {
		clear()
		if rep := w.sync(); rep.Counts["download"]+rep.Counts["upload"] != 0 {
			t.Errorf("transferred: %v", rep.Counts)
		}
		if n := len(w.agree()["INBOX"]); n != 6 {
			t.Errorf("%d messages", n)
		}
	}
	w.quiet()
}

// TestPartIsNoMessage: what is shorter than its RFC822.SIZE is a part of a
// message, which is not stored as the message, but said, and tried again.
func TestPartIsNoMessage(t *testing.T) {
	for _, n := range []int{1, 12} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			liar := imaptest.NewLiar(1, 1, 0)
			w := newWorld(t, liar.Install(imaptest.Options{}))
			for range n {
				w.srv.Append("INBOX", nil, time.Unix(1700000000, 0), fmt.Appendf(w.message(), "%s\r\n", strings.Repeat("x", 600)))
			}
			liar.Tell(imaptest.LieBody)
			rep := w.besideLiar()
			if len(rep.Problems) != n || rep.Problems[0].Kind != "message" || !strings.Contains(rep.Problems[0].Error, "and sends") {
				t.Errorf("problems: %+v", rep.Problems)
			}
			if got := w.localSnapshot()["INBOX"]; len(got) > 0 {
				t.Errorf("stored: %q", got)
			}
			liar.Tell(0)
			w.sync()
			w.agree()
			w.quiet()
		})
	}
}

// TestPartOnce: a body that was cut short once is fetched again in the same run.
func TestPartOnce(t *testing.T) {
	cut := 0
	w := newWorld(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		if before, after, is := strings.Cut(line, "BODY[] {732}\r\n"); is && cut == 0 {
			cut++
			return before + "BODY[] {150}\r\n" + after[:150] + after[732:]
		}
		return line
	}})
	b := w.message()
	w.srv.Append("INBOX", nil, time.Unix(1700000000, 0), append(b, strings.Repeat("x", 730-len(b))+"\r\n"...))
	w.sync()
	if cut == 0 {
		t.Error("nothing was cut")
	}
	w.agree()
	w.quiet()
}

// TestWrongSizes: where RFC822.SIZE is an estimate, or just wrong, messages come
// down all the same, also the only one.
func TestWrongSizes(t *testing.T) {
	for _, n := range []int{1, 40} {
		for _, off := range []int{-9, 13} {
			w := newWorld(t, imaptest.ExchangeOptions(imaptest.Exchange{SizeOff: off}))
			for range n {
				w.srv.Append("INBOX", nil, time.Unix(1700000000, 0), w.message())
			}
			w.srv.ResetStats()
			w.sync()
			if got := len(w.agree()["INBOX"]); got != n {
				t.Errorf("%d messages of %d", got, n)
			}
			if got := w.srv.Stats().Commands["UID FETCH"]; got > 30 {
				t.Errorf("%d FETCHes for %d messages", got, n)
			}
			w.quiet()
		}
	}
}
