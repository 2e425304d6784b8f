package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// liarWorld has forty messages in INBOX and five in Archive, synced before the
// server begins to lie.
func liarWorld(t *testing.T, lies imaptest.Lie, o imaptest.Options) (*world, *imaptest.Liar) {
	t.Helper()
	liar := imaptest.NewLiar(1, 1, 0)
	w := newWorld(t, liar.Install(o))
	w.acct.NoFsync = true
	w.opts.SearchGain = 1
	must(w, w.srv.CreateMailbox("Archive"))
	for i := range 45 {
		w.srv.Append([]string{"INBOX", "Archive"}[i/40], nil, time.Unix(1_700_000_000+int64(i), 0), w.message())
	}
	w.sync()
	w.quiet()
	liar.Tell(lies)
	return w, liar
}

// calm syncs beside a liar, and fails the test unless the run came to an end
// without an error, and without going round in circles.
func (w *world) calm() *mailsync.Report {
	w.t.Helper()
	rep := w.sync()
	if rep.Cycles > 3 {
		w.t.Errorf("%d cycles", rep.Cycles)
	}
	return rep
}

// toldLie is a lie of a server that has a level.
type toldLie struct {
	lie    string
	level  string
	notice string // part of what is said, once
}

func toldLies() (list []toldLie) {
	for _, l := range []string{"qresync", "condstore", "plain"} {
		for _, lie := range []string{"appenduid-none", "appenduid-zero", "appenduid-wrong", "copyuid-none", "copyuid-uneven",
			"copyuid-wrong", "size", "star", "exists", "status", "uidnext-none"} {
			list = append(list, toldLie{lie, l, ""})
		}
		list = append(list, toldLie{"move", l, "MOVE"}, toldLie{"uidnext-back", l, "UIDNEXT"})
	}
	list = append(list, toldLie{"search", "condstore", ""}, toldLie{"search", "plain", ""})
	for _, lie := range []string{"vanished-most", "vanished-open", "vanished-huge", "vanished-one", "vanished-less"} {
		list = append(list, toldLie{lie, "qresync", "vanished"})
	}
	list = append(list, toldLie{"enabled", "qresync", "QRESYNC"}, toldLie{"modseq-back", "qresync", "HIGHESTMODSEQ"},
		toldLie{"modseq-back", "condstore", "HIGHESTMODSEQ"}, toldLie{"modseq-none", "qresync", ""}, toldLie{"modseq-zero", "condstore", ""})
	return list
}

// TestLieIsSurvived: with one lie told all the time, each kind of change still
// arrives on both sides, is told of at most once, and the next run, which
// remembers, has nothing to do.
func TestLieIsSurvived(t *testing.T) {
	for _, x := range toldLies() {
		t.Run(x.level+"/"+x.lie, func(t *testing.T) {
			t.Parallel()
			w, liar := liarWorld(t, imaptest.Lies()[x.lie], imaptest.Options{Caps: levels()[x.level]})
			said := map[string]int{}
			note := func(notices []string) {
				for _, n := range notices {
					said[n]++
				}
			}
			if strings.HasPrefix(x.lie, "vanished-") && x.lie != "vanished-one" && x.lie != "vanished-less" {
				note(w.brakeHolds())
			}
			for round := range 3 {
				w.bothWork()
				note(w.calm().Notices)
				w.agree()
				rep := w.calm()
				note(rep.Notices)
				if rep.Changed() {
					t.Fatalf("round %d: the second run did %v", round, rep.Counts)
				}
			}
			x.isSaidOnce(t, said)
			// Some lies are told only where the engine still asks.
			if told := liar.Told(); len(told) == 0 && x.lie != "star" {
				t.Error("the lie was never told")
			}
		})
	}
}

// brakeHolds is a run that believes most of the mailbox to be gone. That pulls the brake,
// and the run after it knows better.
func (w *world) brakeHolds() (notices []string) {
	w.t.Helper()
	serverSide{w}.deliver("INBOX", w.message(), nil)
	before := w.localSnapshot()
	rep, err := w.trySync(mailsync.Request{})
	if mail.KindOf(err) != mail.KindBrake || !strings.Contains(mail.HintOf(err), "--full") {
		w.t.Fatalf("no brake: %v (%s)", err, mail.HintOf(err))
	}
	if d := diff(before, w.localSnapshot()); d != "" {
		w.t.Fatalf("the brake did not hold:\n%s", d)
	}
	return rep.Notices
}

// bothWork does something of each kind on both sides.
func (w *world) bothWork() {
	server, disk := serverSide{w}, diskSide{w, nil}
	there, here := server.list("INBOX"), disk.list("INBOX")
	server.remove(there[0])
	server.flag(there[1], []string{`\Flagged`}, nil)
	server.deliver("INBOX", w.message(), []string{`\Seen`})
	server.move(there[2], "Archive")
	must(w, disk.keep(here[len(here)-1], "Archive"))
	disk.flag(here[len(here)-2], []string{`\Answered`}, nil)
	disk.remove(here[len(here)-3])
	disk.put("INBOX", w.message())
}

func (x toldLie) isSaidOnce(t *testing.T, said map[string]int) {
	t.Helper()
	found := x.notice == ""
	for n, times := range said {
		if times > 1 {
			t.Errorf("said %d times: %s", times, n)
		}
		found = found || strings.Contains(n, x.notice)
	}
	if !found {
		t.Errorf("nothing was said of %s: %v", x.notice, said)
	}
}

// keep moves a file and keeps its name; put delivers one.
func (d diskSide) keep(h handle, to string) error {
	return renameFile(d.w, h, to)
}

func (d diskSide) put(mailbox string, content []byte) {
	d.w.n++
	writeFile(d.w, mailbox, fmt.Sprintf("%d.%d.elsewhere", time.Now().Unix(), d.w.n), content)
}

// TestStoreThatDoesNothing: the change stays in the Maildir, is a problem, and
// is made once the server does it.
func TestStoreThatDoesNothing(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			w, liar := liarWorld(t, imaptest.LieStore, imaptest.Options{Caps: caps})
			h := diskSide{w, nil}.list("INBOX")[3]
			diskSide{w, nil}.flag(h, []string{`\Flagged`}, nil)
			for range 2 {
				rep := w.besideLiar()
				if len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Error, "did nothing") || rep.Cycles > 2 {
					t.Errorf("%d cycles, problems %v", rep.Cycles, rep.Problems)
				}
			}
			flagged := func() bool {
				return slices.ContainsFunc(w.files("INBOX"), func(f diskFile) bool { return slices.Contains(f.flags.Names(), `\Flagged`) })
			}
			if !flagged() {
				t.Error("the flag was taken back")
			}
			liar.Tell(0)
			w.sync()
			w.agree()
			w.quiet()
			if !flagged() {
				t.Error("the flag was taken back")
			}
		})
	}
}

// TestExpungeThatDoesNothing: the removal waits, and is not undone.
func TestExpungeThatDoesNothing(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			w, liar := liarWorld(t, imaptest.LieExpunge, imaptest.Options{Caps: caps})
			d := diskSide{w, nil}
			d.remove(d.list("INBOX")[3])
			for range 2 {
				rep := w.besideLiar()
				if len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Error, "did nothing") || rep.Cycles > 2 {
					t.Errorf("%d cycles, problems %v", rep.Cycles, rep.Problems)
				}
				if n := len(d.list("INBOX")); n != 39 {
					t.Errorf("%d files", n)
				}
			}
			liar.Tell(0)
			w.sync()
			if end := w.agree(); len(end["INBOX"]) != 39 {
				t.Errorf("%d messages", len(end["INBOX"]))
			}
			w.quiet()
		})
	}
}

// TestFetchThatOmits: a message that is not sent is asked for again, reported,
// and never taken for removed.
func TestFetchThatOmits(t *testing.T) {
	w, liar := liarWorld(t, imaptest.LieFetch, imaptest.Options{})
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	rep := w.besideLiar()
	if len(rep.Problems) == 0 || rep.Counts["local-remove"] > 0 {
		t.Errorf("problems %v, did %v", rep.Problems, rep.Counts)
	}
	liar.Tell(0)
	w.sync()
	w.agree()
	w.quiet()
}

// TestUIDValidityZero: the mailbox stays as it is, the others go on.
func TestUIDValidityZero(t *testing.T) {
	w, liar := liarWorld(t, imaptest.LieUIDValidity, imaptest.Options{})
	before := w.localSnapshot()
	serverSide{w}.remove(serverSide{w}.list("INBOX")[0])
	rep := w.besideLiar()
	if len(rep.Problems) != 1 || rep.Changed() {
		t.Errorf("problems %v, did %v", rep.Problems, rep.Counts)
	}
	if now := w.localSnapshot(); len(now["INBOX"]) != len(before["INBOX"]) {
		t.Error("the folder changed")
	}
	liar.Tell(0)
	w.sync()
	w.agree()
	w.quiet()
}

// TestDistrustIsForgotten: --full, and time, give a server another chance.
func TestDistrustIsForgotten(t *testing.T) {
	w, liar := liarWorld(t, imaptest.LieModSeqBack, imaptest.Options{})
	levelOf := func() string {
		for _, mb := range w.status().Mailboxes {
			if mb.Name == "INBOX" {
				return mb.Level
			}
		}
		return ""
	}
	change := func() { serverSide{w}.deliver("INBOX", w.message(), nil) }
	change()
	w.sync()
	liar.Tell(0)
	change()
	w.sync()
	if l := levelOf(); l != "plain" {
		t.Errorf("level %q beside a liar", l)
	}
	if _, err := w.trySync(mailsync.Request{Full: true}); err != nil {
		t.Fatal(err)
	}
	change()
	w.sync()
	if l := levelOf(); l != "qresync" {
		t.Errorf("level %q after a full run", l)
	}
	liar.Tell(imaptest.LieModSeqBack)
	change()
	w.sync()
	liar.Tell(0)
	w.opts.Now = func() time.Time { return time.Now().AddDate(0, 0, 31) }
	change()
	w.sync()
	if l := levelOf(); l != "qresync" {
		t.Errorf("level %q after a month", l)
	}
	w.agree()
}

func renameFile(w *world, h handle, to string) error {
	from := diskFile{file: h.key.(maildir.File)}
	dst := from.file
	dst.Folder = to
	return os.Rename(w.path(from.file), w.path(dst))
}

func writeFile(w *world, folder, name string, content []byte) {
	w.t.Helper()
	f := maildir.File{Folder: folder, New: true, Name: name}
	tmp := filepath.Join(filepath.Dir(filepath.Dir(w.path(f))), "tmp", name)
	must(w, os.WriteFile(tmp, []byte(strings.ReplaceAll(string(content), "\r\n", "\n")), 0o600))
	must(w, os.Rename(tmp, w.path(f)))
}

// TestStoreUnverified: the server says OK to STORE, does nothing, and refuses to
// say what flags the message has. The run says so, and the change arrives once
// the server does it.
func TestStoreUnverified(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			var bad atomic.Bool
			w := newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
				switch {
				case !bad.Load():
				case verb == "UID STORE":
					return imaptest.Action{Reply: "OK Store completed"}
				case verb == "UID FETCH" && strings.HasSuffix(line, " (UID FLAGS)") && !strings.Contains(line, ":"):
					return imaptest.Action{Reply: "NO Not now"}
				}
				return imaptest.Action{}
			}})
			w.acct.NoFsync = true
			server, disk := serverSide{w}, diskSide{w, nil}
			for range 3 {
				server.deliver("INBOX", w.message(), nil)
			}
			w.sync()
			disk.flag(disk.list("INBOX")[1], []string{`\Flagged`}, nil)
			bad.Store(true)
			for range 2 {
				rep := w.besideLiar()
				if len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Error, "refuses to say") {
					t.Errorf("%d cycles, problems %v", rep.Cycles, rep.Problems)
				}
			}
			bad.Store(false)
			w.sync()
			if end := w.agree(); !strings.Contains(strings.Join(end["INBOX"], " "), `\Flagged`) {
				t.Error("the flag was taken back")
			}
			w.quiet()
		})
	}
}
