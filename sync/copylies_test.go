package sync_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestCopyThatLies: a server without MOVE, or with one that moves nothing, says
// OK to COPY and copies nothing, or a part, or names wrong copies. No message is
// lost, no run doubles one, and once the server is honest both sides agree on
// what the user did: where all copies are missing, when the user says so a day later,
// because a server that is behind looks the same.
func TestCopyThatLies(t *testing.T) {
	servers := map[string]imaptest.Caps{
		"without MOVE":             imaptest.DefaultCaps.Without(imaptest.CapMove),
		"without MOVE and UIDPLUS": imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapUIDPlus),
		"plain":                    levels()["plain"].Without(imaptest.CapMove),
		"with MOVE":                imaptest.DefaultCaps,
	}
	for server, caps := range servers {
		uidplus := caps.Has(imaptest.CapUIDPlus)
		for _, name := range []string{"copy", "copy-some", "copyuid-swapped", "copyuid-short", "copyuid-zero", "copyuid-none", "copyuid-wrong"} {
			if !uidplus && strings.HasPrefix(name, "copyuid") {
				continue
			}
			for _, trash := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/trash %t", server, name, trash), func(t *testing.T) {
					t.Parallel()
					copyThatLies(t, caps, imaptest.Lies()[name], trash)
				})
			}
		}
	}
}

func copyThatLies(t *testing.T, caps imaptest.Caps, lie imaptest.Lie, trash bool) {
	liar := imaptest.NewLiar(1, 1, 0)
	w := newWorld(t, liar.Install(imaptest.Options{Caps: caps}))
	w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	for _, box := range []string{"Archive", "Trash"} {
		must(w, w.srv.CreateMailbox(box))
	}
	w.srv.SetSpecialUse("Trash", `\Trash`)
	if trash {
		w.acct.Policy.Removal = conflict.Trash
	}
	server, disk := serverSide{w}, diskSide{w, nil}
	for range 6 {
		server.deliver("INBOX", w.message(), []string{`\Seen`})
	}
	w.sync()
	w.quiet()
	to := "Archive"
	if trash {
		to = "Trash"
	}
	for _, h := range disk.list("INBOX")[:4] {
		if trash {
			disk.remove(h)
		} else {
			must(w, disk.keep(h, to))
		}
	}
	liar.Tell(lie | imaptest.LieMove)
	for run := range 3 {
		rep := w.besideLiar()
		have := w.remoteSnapshot()
		if lost := 6 - distinct(have); lost != 0 {
			t.Fatalf("run %d: %d messages are lost on the server", run, lost)
		}
		if n := len(have[to]); n > 4 {
			t.Fatalf("run %d: %d copies of 4 messages", run, n)
		}
		if lie == imaptest.LieCopy && (len(rep.Problems) != 4 || !strings.Contains(rep.Problems[0].Error, "shows no copy")) {
			t.Errorf("run %d: problems %v", run, rep.Problems)
		}
	}
	if told := liar.Told(); told[lie] == 0 {
		t.Error("the lie was not told")
	}
	liar.Tell(0)
	if lie&(imaptest.LieCopy|imaptest.LieCopySome) != 0 {
		before := len(w.remoteSnapshot()[to])
		for _, full := range []bool{true, false} { // early, and a day later without a word
			if now = now.Add(14 * time.Hour); !full && lie == imaptest.LieCopySome {
				break // those that came prove that the others did not
			}
			if rep, err := w.trySync(mailsync.Request{Full: full}); err != nil || len(rep.Problems) != 4-before || len(w.remoteSnapshot()[to]) != before {
				t.Fatalf("full %t: %d copies, %d before; %v, problems %v", full, len(w.remoteSnapshot()[to]), before, err, rep.Problems)
			}
		}
	}
	if rep, err := w.trySync(mailsync.Request{Full: true}); err != nil || len(rep.Problems) > 0 {
		t.Fatalf("an honest server: %v, %v", err, rep.Problems)
	}
	w.sync()
	if have := w.agree(); len(have["INBOX"]) != 2 || len(have[to]) != 4 || distinct(have) != 6 {
		t.Errorf("INBOX %d, %s %d, %d in all", len(have["INBOX"]), to, len(have[to]), distinct(have))
	}
	w.quiet()
}

// distinct counts messages by their content.
func distinct(s snapshot) int {
	all := map[string]bool{}
	for _, box := range s {
		for _, m := range box {
			content, _, _ := strings.Cut(m, " | ")
			all[content] = true
		}
	}
	return len(all)
}

// copyUnseen copies a message on disk and has a server without COPYUID say OK to
// the COPY and not do it. It returns that server, and its clock.
func copyUnseen(t *testing.T) (w *world, liar *imaptest.Liar, now *time.Time) {
	liar = imaptest.NewLiar(1, 1, 0)
	w = newWorld(t, liar.Install(imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus)}))
	w.acct.NoFsync = true
	now = new(time.Time)
	*now = time.Now()
	w.opts.Now = func() time.Time { return *now }
	must(w, w.srv.CreateMailbox("Archive"))
	server, disk := serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 2))}
	server.deliver("INBOX", w.message(), []string{`\Seen`})
	w.sync()
	disk.copy(disk.list("INBOX")[0], "Archive")
	liar.Tell(imaptest.LieCopy)
	for range 2 {
		rep := w.besideLiar()
		if len(rep.Problems) != 1 || rep.Cycles > 3 || len(w.files("Archive")) != 1 {
			t.Errorf("problems %v, %d cycles, %d files", rep.Problems, rep.Cycles, len(w.files("Archive")))
		}
	}
	if n := liar.Told()[imaptest.LieCopy]; n != 1 {
		t.Fatalf("asked for the copy %d times", n)
	}
	liar.Tell(0)
	return w, liar, now
}

// TestCopyOfACopyThatLies: a file copied on disk, and a server that copies
// nothing on its side. The file stays, and the run says so and ends. A server that
// is behind looks the same, so the copy is asked for once more when the user says so
// with --full, a day later, by a plan that says so, and not before.
func TestCopyOfACopyThatLies(t *testing.T) {
	w, _, now := copyUnseen(t)
	for _, full := range []bool{true, false} { // early, and a day later without a word
		*now = now.Add(14 * time.Hour)
		for _, dry := range []bool{true, false} {
			rep, err := w.trySync(mailsync.Request{DryRun: dry, Full: full})
			if must(w, err); len(rep.Problems) != 1 || rep.Changed() || len(rep.Operations) > 0 || len(w.remoteSnapshot()["Archive"]) > 0 {
				t.Errorf("dry %t: problems %v, operations %v, did %v", dry, rep.Problems, rep.Operations, rep.Counts)
			}
		}
	}
	rep, err := w.trySync(mailsync.Request{DryRun: true, Full: true})
	if must(w, err); len(rep.Problems) > 0 || rep.Counts["remote-copy"] != 1 {
		t.Errorf("problems %v, plans %v", rep.Problems, rep.Counts)
	}
	rep, err = w.trySync(mailsync.Request{Full: true})
	if must(w, err); len(rep.Problems) > 0 {
		t.Errorf("problems %v", rep.Problems)
	}
	if have := w.agree(); len(have["Archive"]) != 1 {
		t.Errorf("%d in Archive", len(have["Archive"]))
	}
	w.quiet()
}

// TestCopyThatNeverCame: a UID that was given out since, and that no message has,
// shows that the server is not behind: the copy is made at once.
func TestCopyThatNeverCame(t *testing.T) {
	w, _, _ := copyUnseen(t)
	w.srv.Append("Archive", nil, time.Unix(1_700_000_000, 0), w.message())
	w.srv.Expunge("Archive", 1)
	w.sync()
	if have := w.agree(); len(have["Archive"]) != 1 {
		t.Errorf("%d in Archive", len(have["Archive"]))
	}
	w.quiet()
}

// TestCopyUIDOfNoMessage: a server says OK to COPY and names a UID that no message
// gets. Its UIDNEXT does not come to that UID, as if it were behind; when the user says
// so a day later the copy is made after all, and the file was there all the time.
func TestCopyUIDOfNoMessage(t *testing.T) {
	liar := imaptest.NewLiar(1, 1, 0)
	w := newWorld(t, liar.Install(imaptest.Options{Caps: imaptest.DefaultCaps}))
	w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	must(w, w.srv.CreateMailbox("Archive"))
	server, disk := serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 2))}
	server.deliver("INBOX", w.message(), []string{`\Seen`})
	w.sync()
	disk.copy(disk.list("INBOX")[0], "Archive")
	liar.Tell(imaptest.LieCopy)
	for range 3 {
		w.besideLiar()
		if n := len(w.files("Archive")); n != 1 || liar.Told()[imaptest.LieCopy] != 1 {
			t.Fatalf("%d files, asked for the copy %d times", n, liar.Told()[imaptest.LieCopy])
		}
		now = now.Add(8 * time.Hour)
	}
	liar.Tell(0)
	now = now.Add(time.Hour)
	if rep, err := w.trySync(mailsync.Request{}); err != nil || rep.Changed() || len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Hint, "--full") {
		t.Errorf("a day later: %v, did %v, problems %v", err, rep.Counts, rep.Problems)
	}
	if rep, err := w.trySync(mailsync.Request{Full: true}); err != nil || len(rep.Problems) > 0 {
		t.Errorf("--full: %v, problems %v", err, rep.Problems)
	}
	if have := w.agree(); len(have["Archive"]) != 1 || len(have["INBOX"]) != 1 {
		t.Errorf("%d in Archive, %d in INBOX", len(have["Archive"]), len(have["INBOX"]))
	}
	w.quiet()
}

// TestCopyNotShownYet: a server that is behind does not show the copies that a run
// asked for, those of an emulated MOVE neither. Once it
// shows them, no message is there twice, and no original went before its copy was seen.
func TestCopyNotShownYet(t *testing.T) {
	for name, caps := range map[string]imaptest.Caps{
		"COPYUID": imaptest.DefaultCaps.Without(imaptest.CapMove), "no COPYUID": imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapUIDPlus),
	} {
		for _, move := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, move %t", name, move), func(t *testing.T) {
				w := newWorld(t, imaptest.Options{Caps: caps})
				w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
				must(w, w.srv.CreateMailbox("Archive"))
				server, disk := serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 2))}
				for range 3 {
					server.deliver("INBOX", w.message(), []string{`\Seen`})
				}
				w.sync()
				for _, h := range disk.list("INBOX")[:2] {
					if move {
						must(w, disk.keep(h, "Archive"))
					} else {
						disk.copy(h, "Archive")
					}
				}
				w.srv.Lag(w.srv.Remember(), 1)
				for range 3 {
					_, err := w.trySync(mailsync.Request{})
					if must(w, err); len(w.srv.Messages("INBOX")) != 3 || len(w.srv.Messages("Archive")) != 2 || len(w.files("Archive")) != 2 {
						t.Fatalf("%d messages in INBOX, %d in Archive, %d files there", len(w.srv.Messages("INBOX")), len(w.srv.Messages("Archive")), len(w.files("Archive")))
					}
				}
				w.srv.CatchUp()
				w.sync()
				want := 3
				if move {
					want = 1
				}
				if have := w.agree(); len(have["INBOX"]) != want || len(have["Archive"]) != 2 {
					t.Errorf("%d in INBOX, %d in Archive", len(have["INBOX"]), len(have["Archive"]))
				}
				w.quiet()
			})
		}
	}
}
