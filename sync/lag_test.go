package sync_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// lagging shows INBOX as it was when it had fewer messages, in all that it says
// of it, as a replica does that is behind.
type lagging struct {
	mu   sync.Mutex
	next int // the lowest UID that it does not know yet; 0: it is not behind
	gone int // how many below that were expunged
}

func (l *lagging) behind(next int) { l.mu.Lock(); defer l.mu.Unlock(); l.next = next }

func (l *lagging) phrases() (uidNext, messages, uid, exists *regexp.Regexp) {
	return regexp.MustCompile(`UIDNEXT \d+`), regexp.MustCompile(`MESSAGES \d+`), regexp.MustCompile(`[( ]UID (\d+)`), regexp.MustCompile(`^\* \d+ EXISTS`)
}

// mangle is for [imaptest.Options]. UIDs and sequence numbers are the same in
// these tests, and the only mailbox is INBOX.
func (l *lagging) mangle(_ *imaptest.Conn, line string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == 0 || !strings.HasPrefix(line, "* ") {
		return line
	}
	uidNext, messages, uid, exists := l.phrases()
	switch {
	case strings.Contains(line, " FETCH ("):
		if m := uid.FindStringSubmatch(line); m != nil {
			if n, _ := strconv.Atoi(m[1]); n >= l.next {
				return ""
			}
		}
	case strings.HasPrefix(line, "* STATUS "), strings.HasPrefix(line, "* OK [UIDNEXT"):
		line = messages.ReplaceAllString(uidNext.ReplaceAllString(line, fmt.Sprintf("UIDNEXT %d", l.next)), fmt.Sprintf("MESSAGES %d", l.next-1-l.gone))
	case exists.MatchString(line):
		line = fmt.Sprintf("* %d EXISTS", l.next-1-l.gone)
	case strings.HasPrefix(line, "* SEARCH"):
		kept := "* SEARCH"
		for _, f := range strings.Fields(line)[2:] {
			if n, err := strconv.Atoi(f); err != nil || n < l.next {
				kept += " " + f
			}
		}
		line = kept
	case strings.HasPrefix(line, "* ESEARCH"):
		if i := strings.Index(line, " ALL "); i >= 0 {
			line = line[:i] + l.upTo(line[i+5:])
		}
	}
	return line
}

// upTo cuts a set of ranges, which go upwards.
func (l *lagging) upTo(set string) string {
	set, rest, _ := strings.Cut(set, " ")
	var kept []string
	for part := range strings.SplitSeq(set, ",") {
		low, high, isRange := strings.Cut(part, ":")
		a, _ := strconv.Atoi(low)
		b, _ := strconv.Atoi(high)
		switch {
		case a >= l.next:
		case isRange && b >= l.next:
			kept = append(kept, fmt.Sprintf("%d:%d", a, l.next-1))
		default:
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return rest
	}
	return strings.TrimSpace(" ALL " + strings.Join(kept, ",") + " " + rest)
}

// TestReplicaBehind: a server that shows a mailbox as it was some messages ago
// takes nothing from disk and gets nothing twice.
func TestReplicaBehind(t *testing.T) {
	for level, caps := range levels() {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %v", level, full), func(t *testing.T) {
				l := &lagging{}
				w := newWorld(t, imaptest.Options{Caps: caps, Mangle: l.mangle})
				w.acct.MaxDeletePct = 100
				for range 6 {
					w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				}
				w.sync()
				l.behind(4)
				for range 2 {
					if _, err := w.trySync(mailsync.Request{Full: full}); err != nil {
						t.Fatal(err)
					}
				}
				l.behind(0)
				if n := len(w.files("INBOX")); n != 6 {
					t.Errorf("%d files", n)
				}
				w.sync()
				w.quiet()
				if n := len(w.agree()["INBOX"]); n != 6 {
					t.Errorf("%d messages", n)
				}
			})
		}
	}
}

// TestUploadNotListedYet: a server that says OK to an upload, and not which message it
// became, may list it hours later, and tell the UIDNEXT of before meanwhile. A replica
// may be behind even that. The file goes up once.
func TestUploadNotListedYet(t *testing.T) {
	for level, caps := range levels() {
		for _, next := range []int{3, 4} {
			t.Run(fmt.Sprint(level, " UIDNEXT ", next), func(t *testing.T) {
				l := &lagging{}
				w := newWorld(t, imaptest.Options{Caps: caps.Without(imaptest.CapUIDPlus), Mangle: l.mangle})
				now := time.Now()
				w.opts.Now = func() time.Time { return now }
				for range 3 {
					w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				}
				w.sync()
				w.deliverNew("INBOX", 2)
				l.behind(next)
				for range 3 {
					rep, err := w.trySync(mailsync.Request{})
					must(w, err)
					if n := len(w.srv.Messages("INBOX")); n != 5 || len(w.files("INBOX")) != 5 {
						t.Fatalf("%d messages, %d files; problems %q", n, len(w.files("INBOX")), texts(rep))
					}
					now = now.Add(7 * time.Hour)
				}
				l.behind(0)
				w.sync()
				w.quiet()
				if n := len(w.agree()["INBOX"]); n != 5 {
					t.Errorf("%d messages", n)
				}
			})
		}
	}
}

// TestUploadNotShownYet: a message that the server took, with its UID, and does
// not show for a while keeps its file, and goes up once.
func TestUploadNotShownYet(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			l := &lagging{}
			w := newWorld(t, imaptest.Options{Caps: caps, Mangle: l.mangle})
			w.acct.MaxDeletePct = 100
			for range 3 {
				w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			w.deliverNew("INBOX", 2)
			l.behind(4)
			for range 2 {
				if _, err := w.trySync(mailsync.Request{}); err != nil {
					t.Log(err)
				}
				if n := len(w.files("INBOX")); n != 5 {
					t.Fatalf("%d files", n)
				}
			}
			l.behind(0)
			w.sync()
			w.quiet()
			if n := len(w.agree()["INBOX"]); n != 5 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestRemovedBeforeShown: a file that is removed while the server, which said what it
// became, does not show it. The message goes once it is shown, and does not come back.
func TestRemovedBeforeShown(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			w.acct.MaxDeletePct = 100
			for range 3 {
				w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			disk := diskSide{w, nil}
			before := len(w.srv.Messages("INBOX"))
			w.srv.Lag(w.srv.Remember(), 1)
			disk.put("INBOX", w.message())
			w.sync()
			for _, h := range disk.list("INBOX") {
				if strings.Contains(h.key.(maildir.File).Name, "elsewhere") {
					disk.remove(h)
				}
			}
			for range 2 {
				if rep := w.sync(); rep.Changed() {
					t.Errorf("did %v", rep.Counts)
				}
			}
			w.srv.CatchUp()
			w.sync()
			w.quiet()
			if n := len(w.agree()["INBOX"]); n != before {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestRenumberedIsNotBehind: a mailbox that was brought back under its
// UIDVALIDITY with other UIDs is no replica that is behind: no UID says anything
// of a message any more, so none is removed for one that is not there.
func TestRenumberedIsNotBehind(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			w.acct.MaxDeletePct = 100
			for range 8 {
				w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			w.srv.Expunge("INBOX", 1, 2, 3, 6, 7, 8)
			validity, _, _ := w.srv.UIDState("INBOX")
			w.srv.SetUIDValidity("INBOX", validity) // 4 and 5 are 2 and 3 now
			for range 3 {
				if _, err := w.trySync(mailsync.Request{}); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(w.agree()["INBOX"]); n != 8 {
				t.Errorf("%d messages", n)
			}
			w.quiet()
		})
	}
}

// TestBehindAndFewer: where all is paired anew because a mailbox is behind, a
// message that it does not show although it has come as far is paired anew, too:
// it may be behind that one as well.
func TestBehindAndFewer(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			l := &lagging{}
			w := newWorld(t, imaptest.Options{Caps: caps, Mangle: l.mangle})
			w.acct.MaxDeletePct = 100
			for range 6 {
				w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			w.srv.Expunge("INBOX", 2)
			l.gone = 1
			l.behind(4)
			rep, err := w.trySync(mailsync.Request{})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(w.files("INBOX")); n != 6 || rep.Counts["local-remove"] > 0 {
				t.Errorf("%d files, did %v", n, rep.Counts)
			}
			l.behind(0)
			w.sync()
			w.quiet()
			if n := len(w.agree()["INBOX"]); n != 6 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestRenamedBackThere: a mailbox that got another name here, and is back under the old
// one there, may be shown by a replica that is behind. So nothing is concluded for a day,
// and then it has the old name on both sides; at once where MAILBOXID proves it.
func TestRenamedBackThere(t *testing.T) {
	for name, caps := range map[string]imaptest.Caps{"unproven": imaptest.DefaultCaps, "proven": imaptest.DefaultCaps.With(imaptest.CapObjectID)} {
		t.Run(name, func(t *testing.T) {
			w := renameWorld(t, imaptest.Options{Caps: caps}, maildir.Nested)
			defer w.close()
			now := time.Now()
			w.opts.Now = func() time.Time { return now }
			before := w.agree()
			w.mv("A", "Z")
			w.sync()
			w.mvServer("Z", "A")
			if name == "unproven" {
				rep, err := w.trySync(mailsync.Request{})
				if err != nil || len(rep.Counts) > 0 || len(rep.Problems) != 1 {
					t.Errorf("the same day: %v, did %v, problems %v", err, rep.Counts, rep.Problems)
				}
				now = now.Add(25 * time.Hour)
			}
			rep := w.sync()
			if rep.Counts["upload"]+rep.Counts["download"] > 0 {
				t.Errorf("did %v", rep.Counts)
			}
			if d := diff(before, w.agree()); d != "" {
				t.Error(d)
			}
			w.quiet()
		})
	}
}
