package sync_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"satchel/conflict"
	mailsync "satchel/sync"
	"satchel/sync/remote/imaptest"
)

// TestCopyThatLies: a server without MOVE, or with one that moves nothing, says
// OK to COPY and copies nothing, or a part, or names wrong copies. No message is
// lost, no run doubles one, and once the server is honest both sides agree on
// what the user did.
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
		if lie == imaptest.LieCopy && (len(rep.Problems) != 4 || !strings.Contains(rep.Problems[0].Error, "did nothing")) {
			t.Errorf("run %d: problems %v", run, rep.Problems)
		}
	}
	if told := liar.Told(); told[lie] == 0 {
		t.Error("the lie was not told")
	}
	liar.Tell(0)
	if rep, err := w.trySync(mailsync.Request{}); err != nil || len(rep.Problems) > 0 {
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

// TestCopyOfACopyThatLies: a file copied on disk, and a server that copies
// nothing on its side. The file stays, and the run says so and ends.
func TestCopyOfACopyThatLies(t *testing.T) {
	liar := imaptest.NewLiar(1, 1, 0)
	w := newWorld(t, liar.Install(imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus)}))
	w.acct.NoFsync = true
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
	liar.Tell(0)
	w.sync()
	if have := w.agree(); len(have["Archive"]) != 1 {
		t.Errorf("%d in Archive", len(have["Archive"]))
	}
	w.quiet()
}
