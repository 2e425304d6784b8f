package sync_test

import (
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// unkept are the ways in which a mailbox does not store flags.
func unkept() map[string]func(*world, string) {
	return map[string]func(*world, string){
		"announced": func(w *world, box string) { w.srv.SetPermanentFlags(box, `\Seen`, `\Deleted`) },
		"dropped":   func(w *world, box string) { w.srv.SetDrops(box, `\Flagged`, `\Answered`, "work") },
	}
}

// unkeptWorld has a message with flags in INBOX, and a mailbox Shared that stores
// only one of them.
func unkeptWorld(t *testing.T, caps imaptest.Caps, limit func(*world, string)) *world {
	t.Helper()
	w := newWorld(t, imaptest.Options{Caps: caps})
	w.acct.NoFsync = true
	must(w, w.srv.CreateMailbox("Shared"))
	unkeptIn(w, limit)
	return w
}

func unkeptIn(w *world, limit func(*world, string)) {
	w.t.Helper()
	limit(w, "Shared")
	w.srv.Append("Shared", nil, time.Now(), w.message()) // so that it is known
	w.srv.Append("INBOX", strings.Fields(unkeptAll), time.Now(), w.message())
	w.sync()
	w.quiet()
}

const unkeptAll = `\Flagged \Answered \Seen work`

// apart fails the test unless the flagged message of a mailbox has all its flags
// on disk and one on the server, now and after more runs, which say nothing
// more and send nothing.
func (w *world) apart(mailbox string) {
	w.t.Helper()
	for i := range 3 {
		w.srv.ResetStats()
		rep := w.quiet()
		if i == 2 {
			rep = w.full()
		}
		if rep.Changed() || len(rep.Notices) > 0 || w.srv.Stats().Commands["UID STORE"] > 0 {
			w.t.Errorf("a further run did %v, said %v, sent %v", rep.Counts, rep.Notices, w.srv.Stats().Commands)
		}
	}
	found := false
	for _, f := range w.files(mailbox) {
		found = found || describe("", f.flags.Names()) == describe("", strings.Fields(unkeptAll))
	}
	if !found {
		w.t.Errorf("on disk: %v", w.localSnapshot()[mailbox])
	}
	for _, m := range w.srv.Messages(mailbox) {
		if got := describe("", m.Flags); len(m.Flags) > 0 && got != describe("", []string{`\Seen`}) {
			w.t.Errorf("on the server: %s", got)
		}
	}
}

// TestUnkeptFlags: flags that the mailbox does not store to which a message is
// moved, copied or uploaded stay on the file.
func TestUnkeptFlags(t *testing.T) {
	for kind, limit := range unkept() {
		for level, caps := range levels() {
			for name, do := range map[string]func(*world){
				"move": func(w *world) { w.mvOnly("INBOX", "Shared", "=") },
				"copy": func(w *world) {
					_, disk := w.hands()
					must(w, w.store.Copy(t.Context(), disk.list("INBOX")[0].key.(maildir.File), maildir.File{Folder: "Shared", Name: "copy:2,FRSa"}))
				},
				"upload": func(w *world) {
					_, disk := w.hands()
					disk.deliver("Shared", w.message(), strings.Fields(unkeptAll))
				},
			} {
				t.Run(kind+"/"+name+"/"+level, func(t *testing.T) {
					w := unkeptWorld(t, caps, limit)
					do(w)
					rep := w.sync()
					if !noticeAbout(rep.Notices, `\Flagged`) {
						t.Errorf("said %v", rep.Notices)
					}
					w.apart("Shared")
				})
			}
		}
	}
}

// TestUnkeptFlagsAfterCrash: the connection breaks behind the command, so that
// the next run has to find out what became of it.
func TestUnkeptFlagsAfterCrash(t *testing.T) {
	for verb, do := range map[string]func(*world){
		"UID MOVE": func(w *world) { w.mvOnly("INBOX", "Shared", "=") },
		"UID COPY": func(w *world) {
			_, disk := w.hands()
			must(w, w.store.Copy(t.Context(), disk.list("INBOX")[0].key.(maildir.File), maildir.File{Folder: "Shared", Name: "copy:2,FRSa"}))
		},
		"APPEND": func(w *world) {
			_, disk := w.hands()
			disk.deliver("Shared", w.message(), strings.Fields(unkeptAll))
		},
	} {
		t.Run(verb, func(t *testing.T) {
			var broken switchable
			w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, v, _ string) imaptest.Action {
				if broken.is() && v == verb {
					broken.set(false)
					return imaptest.Action{Fault: imaptest.DropAfter}
				}
				return imaptest.Action{}
			}})
			must(w, w.srv.CreateMailbox("Shared"))
			unkeptIn(w, unkept()["announced"])
			broken.set(true)
			do(w)
			if _, err := w.trySync(mailsync.Request{}); err != nil {
				w.sync()
			}
			if broken.is() {
				t.Fatal("the command was not sent")
			}
			w.sync()
			w.apart("Shared")
		})
	}
}

// TestUnkeptFlagsOfTheirMove: another client moved the message there.
func TestUnkeptFlagsOfTheirMove(t *testing.T) {
	w := unkeptWorld(t, imaptest.DefaultCaps, unkept()["announced"])
	w.srv.Move("INBOX", w.srv.Messages("INBOX")[0].UID, "Shared")
	w.sync()
	w.apart("Shared")
}

// TestUnkeptFlagsComeBack: what the server did not store is sent when it
// announces to store it, and where the message moves on to.
func TestUnkeptFlagsComeBack(t *testing.T) {
	for name, then := range map[string]func(*world) string{
		"right": func(w *world) string {
			w.srv.SetPermanentFlags("Shared", `\Seen`, `\Deleted`, `\Flagged`, `\Answered`, `\*`)
			w.srv.Append("Shared", nil, time.Now(), w.message())
			return "Shared"
		},
		"move": func(w *world) string {
			for _, f := range w.files("Shared") {
				if f.flags.System != 0 {
					must(w, w.store.Rename(t.Context(), f.file, maildir.File{Folder: "INBOX", Name: f.file.Name}))
				}
			}
			return "INBOX"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := unkeptWorld(t, imaptest.DefaultCaps, unkept()["announced"])
			w.mvOnly("INBOX", "Shared", "=")
			w.sync()
			w.apart("Shared")
			box := then(w)
			w.sync()
			w.quiet()
			if s := strings.Join(w.agree()[box], "\n"); !strings.Contains(s, "| "+strings.TrimPrefix(describe("", strings.Fields(unkeptAll)), " | ")) {
				t.Errorf("in %s: %s", box, s)
			}
		})
	}
}
