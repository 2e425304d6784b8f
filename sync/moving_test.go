package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestMovesOn: another client moves a message on each time that its mailbox is
// about to be read, so no look at the server finds it. As long as it goes on
// like this, nothing is concluded from that, and when it rests the file is
// moved after it, under its own name and without a transfer.
func TestMovesOn(t *testing.T) {
	box := func(i int) string { return fmt.Sprintf("Box%d", i) }
	for level, caps := range levels() {
		for _, hops := range []int{1, 2, 3, 5, 8} {
			t.Run(fmt.Sprintf("%s/%d", level, hops), func(t *testing.T) {
				var w *world
				var mu sync.Mutex
				at, moving := 0, false
				w = newWorld(t, imaptest.Options{Caps: caps.With(imaptest.CapObjectID), Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
					mu.Lock()
					defer mu.Unlock()
					if moving && at < hops && verb == "SELECT" && strings.Contains(line, box(at)) {
						w.srv.Move(box(at), w.srv.Messages(box(at))[0].UID, box(at+1))
						at++
					}
					return imaptest.Action{}
				}})
				for i := range hops + 1 {
					must(w, w.srv.CreateMailbox(box(i)))
				}
				w.srv.Append(box(0), nil, time.Unix(1_700_000_000, 0), w.message())
				w.sync()
				name, _, _ := strings.Cut(w.files(box(0))[0].file.Name, ":")

				w.srv.Move(box(0), 1, box(1))
				set := func(on bool) {
					mu.Lock()
					defer mu.Unlock()
					moving = on
				}
				at = 1
				set(true)
				rep := w.sync()
				set(false)
				for k, n := range w.sync().Counts {
					rep.Counts[k] += n
				}
				if rep.Counts["download"]+rep.Counts["upload"] > 0 {
					t.Errorf("did %v", rep.Counts)
				}
				if f := w.files(box(at)); len(f) != 1 || !strings.HasPrefix(f[0].file.Name, name) {
					t.Errorf("%s became %v", name, f)
				}
				w.agree()
				w.quiet()
			})
		}
	}
}

// TestMovesOnHere: the same with a program that moves the file on each time
// that its folder is about to be listed.
func TestMovesOnHere(t *testing.T) {
	box := func(i int) string { return fmt.Sprintf("Box%d", i) }
	for level, caps := range levels() {
		for _, hops := range []int{1, 2, 3, 5, 8} {
			t.Run(fmt.Sprintf("%s/%d", level, hops), func(t *testing.T) {
				w := newWorld(t, imaptest.Options{Caps: caps})
				for i := range hops + 1 {
					must(w, w.srv.CreateMailbox(box(i)))
				}
				w.srv.Append(box(0), []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				w.sync()
				name := w.files(box(0))[0].file.Name
				cur := func(i int) string { return filepath.Join(w.acct.Maildir, box(i), "cur") }
				must(w, os.Rename(filepath.Join(cur(0), name), filepath.Join(cur(1), name)))

				var mu sync.Mutex
				at := 1
				w.opts = mailsync.Options{FS: &faultfs.FS{Before: func(op faultfs.Op, path string) error {
					mu.Lock()
					defer mu.Unlock()
					if at < hops && op == faultfs.ReadDir && path == cur(at) {
						must(w, os.Rename(filepath.Join(cur(at), name), filepath.Join(cur(at+1), name)))
						at++
					}
					return nil
				}}}
				rep := w.sync()
				w.opts = mailsync.Options{}
				for k, n := range w.sync().Counts {
					rep.Counts[k] += n
				}
				if rep.Counts["download"]+rep.Counts["upload"] > 0 || w.srv.Stats().Commands["APPEND"] > 0 {
					t.Errorf("did %v", rep.Counts)
				}
				if f := w.files(box(at)); len(f) != 1 || f[0].file.Name != name || at < min(hops, 6) { // some six looks are in a run
					t.Errorf("%s became %v in %d", name, f, at)
				}
				w.agree()
				w.quiet()
			})
		}
	}
}

// Another client moves a message on after the mailbox was read and before the
// flag that it is to get is stored: the flag follows it.
func TestFlagFollowsMove(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			var w *world
			moved := false
			w = newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if verb == "UID STORE" && !moved {
					moved = true
					w.srv.Move("INBOX", w.srv.Messages("INBOX")[0].UID, "Archive")
				}
				return imaptest.Action{}
			}})
			server, disk := w.hands()
			server.create("Archive")
			server.deliver("INBOX", w.message(), []string{`\Seen`})
			server.deliver("INBOX", w.message(), []string{`\Seen`})
			w.sync()
			for _, h := range disk.list("INBOX") {
				disk.flag(h, []string{`\Flagged`}, nil)
			}
			w.sync()
			end := w.agree()
			if len(end["Archive"]) != 1 || !strings.Contains(end["Archive"][0], `\Flagged`) || !strings.Contains(end["INBOX"][0], `\Flagged`) {
				t.Errorf("%v", end)
			}
			w.quiet()
		})
	}
}

// Another client flags a message, between the look and the STORE, that was
// removed here and was marked \Deleted on both sides: it is kept, as if it had
// been flagged before.
func TestFlaggedBeforeRemoval(t *testing.T) {
	for name, caps := range levels() {
		if name == "plain" {
			continue // there is no condition to be had
		}
		t.Run(name, func(t *testing.T) {
			var w *world
			flagged := false
			w = newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if verb == "UID STORE" && !flagged {
					flagged = true
					w.srv.StoreFlags("INBOX", w.srv.Messages("INBOX")[0].UID, []string{`\Flagged`}, nil)
				}
				return imaptest.Action{}
			}})
			server, disk := w.hands()
			server.deliver("INBOX", w.message(), []string{`\Deleted`})
			server.deliver("INBOX", w.message(), nil)
			w.sync()
			for _, h := range disk.list("INBOX") {
				disk.remove(h)
			}
			w.sync()
			end := w.agree()
			if len(end["INBOX"]) != 1 || !strings.Contains(end["INBOX"][0], `\Flagged`) {
				t.Errorf("%v", end)
			}
			w.quiet()
		})
	}
}

// probed is a world in which a mail program does something while the server is
// asked whether a new message is one that is known.
type probed struct {
	*world
	mu        sync.Mutex
	meanwhile func()
	loseReply bool // of the next APPEND
}

func newProbed(t *testing.T, caps imaptest.Caps) *probed {
	p := &probed{}
	p.world = newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case verb == "APPEND" && p.loseReply:
			p.loseReply = false
			return imaptest.Action{Fault: imaptest.DropAfter}
		case verb == "UID FETCH" && strings.Contains(line, "BODY.PEEK[]<") && p.meanwhile != nil:
			p.meanwhile()
			p.meanwhile = nil
		}
		return imaptest.Action{}
	}})
	p.acct.NoFsync, p.acct.MaxDeletePct = true, 100
	return p
}

// A mail program gives a file another name after its folder was read, while the
// server is asked whether a new message there is that one. It is: neither of the
// two is doubled or loses a flag.
func TestRenamedWhileProved(t *testing.T) {
	for story, before := range map[string]func(*probed){
		"moved": func(w *probed) {
			w.sync()
			w.srv.Move("INBOX", 1, "Archive")
		},
		"moved, and answered here": func(w *probed) {
			w.sync()
			w.srv.Move("INBOX", 1, "Archive")
			_, disk := w.hands()
			disk.flag(disk.list("INBOX")[0], []string{`\Answered`}, nil)
		},
		"moved and back": func(w *probed) {
			w.sync()
			w.srv.Move("INBOX", 1, "Archive")
			w.srv.Move("Archive", 1, "INBOX")
		},
		"uploaded by a run that died": func(w *probed) {
			server, disk := w.hands()
			content := w.srv.Messages("INBOX")[0].Content
			server.remove(server.list("INBOX")[0])
			w.sync()
			disk.deliver("INBOX", content, []string{`\Seen`})
			w.loseReply = true
			_, _ = w.trySync(mailsync.Request{})
			w.lines.idle()
		},
	} {
		for change, meanwhile := range map[string]func(diskSide){
			"flagged": func(d diskSide) { d.flag(d.list("INBOX")[0], []string{`\Flagged`}, nil) },
			"moved":   func(d diskSide) { d.move(d.list("INBOX")[0], "Other") },
			"removed": func(d diskSide) { d.remove(d.list("INBOX")[0]) },
		} {
			for level, caps := range levels() {
				for size, message := range map[string]func(*world) []byte{"short": (*world).message, "long": (*world).long} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", story, change, level, size), func(t *testing.T) {
						t.Parallel()
						w := newProbed(t, caps)
						server, disk := w.hands()
						server.create("Archive")
						server.create("Other")
						server.deliver("INBOX", message(w.world), []string{`\Seen`})
						before(w)
						w.meanwhile = func() { meanwhile(disk) }
						w.sync()
						if w.meanwhile != nil {
							t.Fatal("the server was not asked")
						}
						if msg := w.finish(nil, nil); msg != "" {
							t.Error(msg)
						}
						end := w.agree()
						there := where(end)["1@test"]
						if len(there) != 1 && (change != "removed" || len(there) > 1) {
							t.Errorf("it is in %q", there)
						}
						if change == "flagged" && len(there) > 0 && !strings.Contains(end[there[0]][0], `\Flagged`) {
							t.Errorf("its flag is lost: %q", end[there[0]])
						}
					})
				}
			}
		}
	}
}

// A mail program moves a file from a folder not yet listed to one that is, and
// another client had moved the message as well: it is not the new one there and
// the new one here, but both.
func TestMovedBehindTheLook(t *testing.T) {
	for level, caps := range levels() {
		for _, dst := range []string{"Archive", "Aaa"} {
			for _, listed := range []bool{true, false} { // or unchanged until then
				t.Run(fmt.Sprintf("%s/%s/%v", level, dst, listed), func(t *testing.T) {
					w := newWorld(t, imaptest.Options{Caps: caps})
					w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
					server, disk := w.hands()
					server.create("Aaa")
					server.create("Archive")
					server.create("Zzz")
					server.deliver("Zzz", w.message(), []string{`\Seen`})
					w.sync()
					file := disk.list("Zzz")[0]
					w.srv.Move("Zzz", 1, dst)
					disk.deliver("Zzz", w.message(), []string{`\Seen`})
					if listed {
						disk.deliver("Aaa", w.message(), []string{`\Seen`})
					}
					w.movedBehindTheLook(disk, file)
				})
			}
		}
	}
}

// movedBehindTheLook has a file of Zzz moved to Aaa just before Zzz is read in a run,
// when Aaa has been. The message is there once in the end.
func (w *world) movedBehindTheLook(disk diskSide, file handle) {
	w.t.Helper()
	var once sync.Once
	w.opts = mailsync.Options{FS: &faultfs.FS{Before: func(op faultfs.Op, path string) error {
		if op == faultfs.ReadDir && path == filepath.Join(w.acct.Maildir, "Zzz", "cur") {
			once.Do(func() { disk.move(file, "Aaa") })
		}
		return nil
	}}}
	w.sync()
	w.opts = mailsync.Options{}
	if msg := w.finish(nil, nil); msg != "" {
		w.t.Error(msg)
	}
	if there := where(w.agree())["1@test"]; len(there) != 1 {
		w.t.Errorf("it is in %q", there)
	}
}

// The same with the file of an upload that the run before died in.
func TestUploadedBehindTheLook(t *testing.T) {
	for level, caps := range levels() {
		for _, listed := range []bool{true, false} { // or unchanged until then
			t.Run(fmt.Sprintf("%s/%v", level, listed), func(t *testing.T) {
				w := newProbed(t, caps)
				server, disk := w.hands()
				server.create("Aaa")
				server.create("Zzz")
				w.sync()
				disk.deliver("Zzz", w.message(), []string{`\Seen`})
				w.loseReply = true
				_, _ = w.trySync(mailsync.Request{})
				w.lines.idle()
				file := disk.list("Zzz")[0]
				disk.deliver("Zzz", w.message(), []string{`\Seen`})
				if listed {
					disk.deliver("Aaa", w.message(), []string{`\Seen`})
				}
				w.movedBehindTheLook(disk, file)
			})
		}
	}
}
