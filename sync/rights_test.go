package sync_test

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestReadOnlyMailbox: changes on disk wait and are reported once, nothing is
// sent for them, mail comes down, and all is done once the server allows it.
func TestReadOnlyMailbox(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			w.acct.NoFsync = true
			must(w, w.srv.CreateMailbox("Shared"))
			for range 4 {
				w.srv.Append("Shared", nil, time.Now(), w.message())
			}
			w.sync()
			w.srv.SetReadOnly("Shared", true)
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			list := disk.list("Shared")
			disk.remove(list[0])
			disk.move(list[1], "INBOX")
			disk.flag(list[2], []string{`\Flagged`}, nil)
			disk.deliver("Shared", w.message(), []string{`\Seen`})
			said := 0
			for i := range 4 {
				w.srv.Append("Shared", nil, time.Now(), w.message())
				w.srv.ResetStats()
				rep := w.sync()
				said += len(rep.Notices)
				if i > 0 {
					if n := w.srv.Stats().Commands; n["UID STORE"]+n["UID MOVE"]+n["APPEND"]+n["UID EXPUNGE"] > 0 {
						t.Errorf("tried again: %v", n)
					}
				}
				if rep.Counts["download"] != 1 {
					t.Errorf("run %d did %v", i, rep.Counts)
				}
			}
			if said == 0 || said > 3 {
				t.Errorf("said %d times", said)
			}
			if n := len(w.srv.Messages("Shared")); n != 8 {
				t.Errorf("%d messages on the server", n)
			}
			w.srv.SetReadOnly("Shared", false)
			w.sync()
			w.quiet()
			if n := len(w.srv.Messages("Shared")); n != 7 || len(w.srv.Messages("INBOX")) != 1 {
				t.Errorf("once it could be written: %d messages in Shared, %d in INBOX", n, len(w.srv.Messages("INBOX")))
			}
			if n := len(w.files("Shared")); n != 7 {
				t.Errorf("%d files", n)
			}
		})
	}
}

// TestNoRightToDelete: PERMANENTFLAGS without \Deleted, as a server with ACLs
// says it.
func TestNoRightToDelete(t *testing.T) {
	w, disk := heldWorld(t, imaptest.Options{PermanentFlags: []string{`\Seen`, `\Flagged`}})
	disk.remove(disk.list("INBOX")[0])
	if rep := w.sync(); rep.Changed() || len(rep.Notices) != 1 {
		t.Errorf("did %v, said %v", rep.Counts, rep.Notices)
	}
	w.srv.ResetStats()
	if rep := w.quiet(); len(rep.Notices) > 0 || w.srv.Stats().Commands["UID STORE"] > 0 {
		t.Errorf("said %v, sent %v", rep.Notices, w.srv.Stats().Commands)
	}
	if len(w.srv.Messages("INBOX")) != 1 {
		t.Error("the message is gone")
	}
}

// TestRightIsTriedAgain: the server refuses while it announces no \Deleted. What
// waits is tried again a day later, and when the announcement changes.
func TestRightIsTriedAgain(t *testing.T) {
	for name, announces := range map[string]bool{"later": false, "announced": true} {
		t.Run(name, func(t *testing.T) {
			var may, says atomic.Bool
			w, disk := heldWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
				if verb == "UID STORE" && strings.Contains(line, "Deleted") && !may.Load() {
					return imaptest.Action{Reply: "NO [NOPERM] Permission denied"}
				}
				return imaptest.Action{}
			}, Mangle: func(_ *imaptest.Conn, line string) string {
				if strings.HasPrefix(line, "* OK [PERMANENTFLAGS ") && !says.Load() {
					return `* OK [PERMANENTFLAGS (\Seen \*)] Limited`
				}
				return line
			}})
			now := time.Now()
			w.opts.Now = func() time.Time { return now }
			disk.remove(disk.list("INBOX")[0])
			if rep := w.sync(); rep.Changed() || len(rep.Notices) != 1 || len(rep.Problems) > 0 {
				t.Errorf("did %v, said %v", rep.Counts, rep.Notices)
			}
			w.srv.ResetStats()
			if w.quiet(); w.srv.Stats().Commands["UID STORE"] > 0 {
				t.Error("tried again at once")
			}
			may.Store(true)
			if announces {
				says.Store(true)
			} else {
				now = now.Add(25 * time.Hour)
			}
			w.sync()
			if n := len(w.srv.Messages("INBOX")); n != 0 {
				t.Errorf("%d messages left", n)
			}
			w.quiet()
		})
	}
}
