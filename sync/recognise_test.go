package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/sync/imaptest"
)

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

// A mailbox was deleted and made again on the server, empty or with what it held,
// while a message was moved out of its folder.
func TestMovedOutOfMailboxMadeAnew(t *testing.T) {
	for _, empty := range []bool{true, false} {
		w := newWorld(t, imaptest.Options{})
		server, disk := w.hands()
		server.create("Work")
		server.create("Archive")
		for range 3 {
			server.deliver("Work", w.message(), nil)
		}
		w.sync()
		before := w.srv.Messages("Work")
		must(w, w.srv.DeleteMailbox("Work"))
		server.create("Work")
		if !empty {
			for _, m := range before {
				w.srv.Append("Work", m.Flags, m.Date, m.Content)
			}
		}
		disk.move(disk.list("Work")[0], "Archive")
		w.sync()
		if end := w.agree(); len(end["Work"]) != 2 || len(end["Archive"]) != 1 {
			t.Errorf("empty %v: %v", empty, end)
		}
		w.quiet()
	}
}

// Of two messages of one content each side removes the one in the Archive, and
// one side moves the other one there. What is there then is the one that the other
// side has still, or both would be gone.
func TestMovedToWhereItsLikeWas(t *testing.T) {
	for name, move := range map[string]func(serverSide, diskSide){
		"on disk": func(_ serverSide, d diskSide) {
			f := d.list("Work")[0].key.(maildir.File)
			must(d.w, os.Rename(d.w.path(f), d.w.path(maildir.File{Folder: "Archive", New: f.New, Name: "1.other.elsewhere"})))
		},
		"on the server": func(s serverSide, _ diskSide) { s.move(s.list("Work")[0], "Archive") },
	} {
		for _, policy := range []conflict.EditVsDelete{conflict.Keep, conflict.Delete} {
			for level, caps := range levels() {
				t.Run(fmt.Sprint(name, " ", policy, " ", level), func(t *testing.T) {
					w := newBroken(t, caps)
					w.acct.Policy.EditVsDelete = policy
					server, disk := w.hands()
					content := w.message()
					for _, box := range []string{"Archive", "Work"} {
						server.create(box)
						server.deliver(box, content, nil)
					}
					w.sync()
					server.remove(server.list("Archive")[0])
					disk.remove(disk.list("Archive")[0])
					move(server, disk)
					w.resume("Archive 1@test")
				})
			}
		}
	}
}

// Another client clears a flag of a message, whose mailbox is another one then:
// the one of before, or the one of now, was made anew. The flag does not come back
// from disk, where the user sets another one, also when the run dies that follows.
func TestFlagsBesideMailboxMadeAnew(t *testing.T) {
	for name, then := range map[string]func(serverSide){
		"moved to it":     func(s serverSide) { s.remake("Other"); s.move(s.list("Work")[0], "Other") },
		"moved out of it": func(s serverSide) { s.move(s.list("Work")[0], "Other"); s.remake("Work") },
		"renamed":         func(s serverSide) { s.w.mvServer("Work", "New"); s.create("Work") },
	} {
		prepare := func(w *world) {
			server, disk := w.hands()
			server.create("Work")
			server.create("Other")
			server.deliver("Work", w.message(), []string{`\Seen`, `\Answered`})
			server.deliver("Other", w.message(), nil)
			w.sync()
			server.flag(server.list("Work")[0], nil, []string{`\Seen`})
			then(server)
			disk.flag(disk.list("Work")[0], []string{`\Flagged`}, nil)
		}
		check := func(w *world) {
			place := "Other"
			if name == "renamed" {
				place = "New"
			}
			w.resume(place+" 1@test", "Other 2@test")
			if got := w.remoteSnapshot()[place]; !strings.HasSuffix(got[0], `| \Answered \Flagged`) {
				w.t.Errorf("the server has %q", got)
			}
		}
		for level, caps := range levels() {
			t.Run(name+" "+level, func(t *testing.T) {
				w := newBroken(t, caps).world
				prepare(w)
				check(w)
				everyStep(t, caps, prepare, check)
			})
		}
	}
}
