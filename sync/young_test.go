package sync_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/conflict"
	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// growing is a file that a program is writing under its name in cur.
type growing struct {
	w     *world
	base  string
	text  []byte
	wrote int
}

func (w *world) grow(folder, flags string, text []byte, first int) *growing {
	w.t.Helper()
	w.n++
	g := &growing{w: w, base: fmt.Sprintf("1700000000.grows%d.host", w.n), text: text, wrote: first}
	must(w, os.WriteFile(filepath.Join(w.acct.Maildir, folder, "cur", g.base+":2,"+flags), text[:first], 0o600))
	return g
}

// path is where the file is, whatever its name has become.
func (g *growing) path() string {
	g.w.t.Helper()
	var found []string
	for _, pattern := range []string{"*/cur/", "*/new/"} {
		list, err := filepath.Glob(filepath.Join(g.w.acct.Maildir, pattern+g.base+"*"))
		must(g.w, err)
		found = append(found, list...)
	}
	if len(found) != 1 {
		g.w.t.Fatalf("the file is there as %q", found)
	}
	return found[0]
}

// goOn writes up to the n-th byte.
func (g *growing) goOn(n int) {
	g.w.t.Helper()
	h, err := os.OpenFile(g.path(), os.O_WRONLY|os.O_APPEND, 0)
	must(g.w, err)
	_, err = h.Write(g.text[g.wrote:n])
	must(g.w, err)
	must(g.w, h.Close())
	g.wrote = n
}

func (g *growing) finish() { g.goOn(len(g.text)) }

// stumpText is a message whose first half is one as well.
func (w *world) stumpText(ends string) []byte {
	text := bytes.ReplaceAll(w.message(), []byte("\r\n"), []byte(ends))
	for len(text) < 3000 {
		text = append(text, "one line after the other"+ends...)
	}
	return text
}

// only fails the test unless a mailbox holds just this message on both sides, with
// these flags.
func (w *world) only(box string, text []byte, flags string) {
	w.t.Helper()
	want := text
	if !bytes.Contains(text, []byte("\r\n")) {
		want = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	m := w.srv.Messages(box)
	if len(m) != 1 || !bytes.Equal(m[0].Content, want) {
		w.t.Errorf("%s holds %d messages on the server, the first of %d bytes; want one of %d", box, len(m), len(m[0].Content), len(want))
		return
	}
	have := slices.DeleteFunc(m[0].Flags, func(f string) bool { return f == `\Recent` })
	slices.Sort(have)
	if strings.Join(have, " ") != flags {
		w.t.Errorf("it has %q, want %q", have, flags)
	}
}

// stump is what happens while a message that was uploaded too early grows.
type stump struct {
	caps   imaptest.Caps
	trash  bool
	change func(w *world, g *growing)
	from   string // "" for INBOX
	box    string
	flags  string
	runs   int
}

func stumps() map[string]stump {
	return map[string]stump{
		"plain":           {flags: `\Seen`, runs: 1},
		"without UIDPLUS": {caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus), flags: `\Seen`, runs: 1},
		"trash":           {trash: true, flags: `\Seen`, runs: 1},
		"flags there": {change: func(w *world, _ *growing) {
			w.srv.StoreFlags("INBOX", 1, []string{`\Flagged`, "work"}, []string{`\Seen`})
		}, flags: `\Flagged work`, runs: 1},
		"flags here": {change: func(w *world, g *growing) {
			must(w, os.Rename(g.path(), strings.TrimSuffix(g.path(), ":2,S")+":2,FS"))
		}, flags: `\Flagged \Seen`, runs: 1},
		"moved there": {change: func(w *world, _ *growing) { w.srv.Move("INBOX", 1, "Work") }, box: "Work", flags: `\Seen`, runs: 1},
		"moved here": {change: func(w *world, g *growing) {
			must(w, os.Rename(g.path(), filepath.Join(w.acct.Maildir, "Work", "cur", g.base+":2,S")))
		}, box: "Work", flags: `\Seen`, runs: 1},
		"folder renamed": {change: func(w *world, _ *growing) {
			must(w, os.Rename(filepath.Join(w.acct.Maildir, "Work"), filepath.Join(w.acct.Maildir, "Play")))
		}, from: "Work", box: "Play", flags: `\Seen`, runs: 1},
		"removed there": {change: func(w *world, _ *growing) { w.srv.Expunge("INBOX", 1) }, flags: `\Seen`, runs: 1},
		"state lost": {change: func(w *world, _ *growing) {
			must(w, os.RemoveAll(w.acct.StateDir))
			w.sync()
		}, flags: `\Seen`, runs: 1},
		"made anew": {change: func(w *world, _ *growing) { w.srv.SetUIDValidity("INBOX", 4711) }, flags: `\Seen`, runs: 2},
	}
}

// TestStumpIsReplaced: a file that was still being written when it went up is
// there as a whole after the next run, with its flags and keywords, wherever it
// and its stump are by then, and nothing is there twice.
func TestStumpIsReplaced(t *testing.T) {
	for _, ends := range []string{"\n", "\r\n"} {
		for name, x := range stumps() {
			t.Run(fmt.Sprintf("%s %q", name, ends), func(t *testing.T) { x.isReplaced(t, ends) })
		}
	}
}

func (x stump) isReplaced(t *testing.T, ends string) {
	w := newWorld(t, imaptest.Options{Caps: x.caps})
	for _, box := range []string{"Work", "Trash"} {
		must(w, w.srv.CreateMailbox(box))
	}
	if x.trash {
		w.srv.SetSpecialUse("Trash", `\Trash`)
		w.acct.Policy.Removal = conflict.Trash
	}
	w.sync()
	text := w.stumpText(ends)
	from := cmp.Or(x.from, "INBOX")
	g := w.grow(from, "S", text, 1000)
	w.sync()
	if m := w.srv.Messages(from); len(m) != 1 {
		t.Fatalf("%d messages", len(m))
	}
	if x.change != nil {
		x.change(w, g)
	}
	g.finish()
	for range x.runs {
		w.sync()
	}
	box := cmp.Or(x.box, "INBOX")
	w.only(box, text, x.flags)
	w.agree()
	w.quiet()
	for other := range w.remoteSnapshot() {
		if n := len(w.srv.Messages(other)); other != box && n > 0 {
			t.Errorf("%d messages in %s", n, other)
		}
	}
	// It is not sent a third time.
	if rep := w.full(); rep.Changed() {
		t.Errorf("a full run did %v", rep.Counts)
	}
}

// TestStumpWithinARun: what grows while the run is at work is whole at its end.
func TestStumpWithinARun(t *testing.T) {
	var g *growing
	var once sync.Once
	w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "APPEND" {
			once.Do(func() { g.finish() })
		}
		return imaptest.Action{}
	}})
	w.sync()
	text := w.stumpText("\n")
	g = w.grow("INBOX", "S", text, 1000)
	w.sync()
	w.only("INBOX", text, `\Seen`)
	w.agree()
	w.quiet()
}

// TestFileThatGrowsWaits: a file that has grown since the run read it is not sent
// as it was.
func TestFileThatGrowsWaits(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	text := w.stumpText("\n")
	g := w.grow("INBOX", "S", text, 1000)
	reads := 0
	var mu sync.Mutex
	w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if op != faultfs.Open || !strings.Contains(name, "grows") {
			return nil
		}
		if reads++; reads == 2 { // the first look is over
			g.finish()
		}
		return nil
	}}
	w.sync()
	w.only("INBOX", text, `\Seen`)
	w.agree()
	w.quiet()
}

// TestRewrittenFileIsNoStump: a file whose beginning is another one by now replaces
// nothing on the server.
func TestRewrittenFileIsNoStump(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	text := w.stumpText("\n")
	g := w.grow("INBOX", "S", text, 1000)
	w.sync()
	must(w, os.WriteFile(g.path(), bytes.Repeat([]byte("garbage\n"), 500), 0o600))
	for range 2 {
		w.quiet()
	}
	w.only("INBOX", text[:1000], `\Seen`)
}

// TestOldFileIsNotLookedAt: after a while a file counts as whole.
func TestOldFileIsNotLookedAt(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.sync()
	text := w.stumpText("\n")
	g := w.grow("INBOX", "S", text, 1000)
	w.sync()
	w.syncAt(time.Now().Add(48 * time.Hour))
	g.finish()
	w.quiet()
	w.only("INBOX", text[:1000], `\Seen`)
}

// TestStumpKilled: a run is stopped at each step that it takes, when it sends the
// stump and when it replaces it. The file grows meanwhile or not. In the end the
// message is there, once and whole.
func TestStumpKilled(t *testing.T) {
	for caps, name := range map[imaptest.Caps]string{imaptest.DefaultCaps: "default", imaptest.DefaultCaps.Without(imaptest.CapUIDPlus): "without UIDPLUS"} {
		for _, second := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, replacing %t", name, second), func(t *testing.T) {
				for step := 1; ; step++ {
					w := newWorld(t, imaptest.Options{Caps: caps})
					w.acct.NoFsync = true
					w.sync()
					text := w.stumpText("\n")
					g := w.grow("INBOX", "S", text, 1000)
					if second {
						w.sync()
						g.goOn(2000)
					}
					if !w.dieAtStep(step) {
						break
					}
					g.finish()
					w.sync()
					w.sync()
					if w.only("INBOX", text, `\Seen`); t.Failed() {
						t.Fatalf("stopped at step %d", step)
					}
					w.agree()
					w.quiet()
				}
			})
		}
	}
}

// dieAtStep runs once and dies at the n-th write to the server or to the state; it
// reports whether the run came so far.
func (w *world) dieAtStep(n int) bool {
	w.t.Helper()
	var mu sync.Mutex
	steps, over := 0, false
	step := func(counts int) error {
		mu.Lock()
		defer mu.Unlock()
		if steps += counts; steps >= n {
			over = true
			return errDead
		}
		return nil
	}
	w.opts = mailsync.Options{
		FS:    &faultfs.FS{Before: func(faultfs.Op, string) error { return step(0) }},
		State: state.Options{BeforeCommit: func() error { return step(1) }},
	}
	w.lines.through(func(up bool, n int) (int, error) {
		counts := 0
		if up {
			counts = 1
		}
		if err := step(counts); err != nil {
			return 0, err
		}
		return n, nil
	}, func() error { return step(0) })
	_, _ = w.trySync(mailsync.Request{})
	w.lines.idle()
	w.opts = mailsync.Options{}
	w.lines.through(nil, nil)
	mu.Lock()
	defer mu.Unlock()
	return over
}
