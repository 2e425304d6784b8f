package sync_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// appends counts the commands that store a message.
func appends(n *atomic.Int32) func(*imaptest.Conn, string, string, string) imaptest.Action {
	return func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "APPEND" {
			n.Add(1)
		}
		return imaptest.Action{}
	}
}

// settles runs several times, whatever each run says, and fails the test when
// messages or files get more from the second run on.
func (w *world) settles(mailbox string, runs int) (first *mailsync.Report, last *mailsync.Report) {
	w.t.Helper()
	var files, messages int
	for i := range runs {
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if first == nil {
			first = rep
		}
		last = rep
		f, m := len(w.files(mailbox)), len(w.srv.Messages(mailbox))
		if i > 0 && (f > files || m > messages) {
			w.t.Errorf("run %d: %d files and %d messages, before %d and %d", i+1, f, m, files, messages)
		}
		files, messages = f, m
	}
	return first, last
}

// TestUnrecognisable: a server that makes of an upload something that nobody can
// recognise, and does not say what became of it, gets it once. Where it keeps the
// date, that tells; else the file and the message wait, and the run says so.
func TestUnrecognisable(t *testing.T) {
	for name, caps := range levels() {
		for _, dated := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " dated ", dated), func(t *testing.T) {
				t.Parallel()
				var sent atomic.Int32
				date := regexp.MustCompile(`INTERNALDATE "[^"]*"`)
				w := newWorld(t, imaptest.Options{Caps: caps.Without(imaptest.CapUIDPlus), Hook: appends(&sent), Stores: func(m []byte) []byte {
					return fmt.Appendf(nil, "Subject: %d bytes were quarantined\r\n\r\nAsk the administrator.\r\n", len(m))
				}, Mangle: func(_ *imaptest.Conn, line string) string {
					if dated {
						return line
					}
					return date.ReplaceAllString(line, `INTERNALDATE "11-Nov-2011 11:11:11 +0000"`)
				}})
				w.sync()
				w.write("INBOX", []string{"Subject: no ID\n\nbody\n"})
				_, last := w.settles("INBOX", 5)
				if l, r := len(w.files("INBOX")), len(w.srv.Messages("INBOX")); l != 1 || r != 1 || sent.Load() != 1 {
					t.Errorf("%d files, %d messages, sent %d times", l, r, sent.Load())
				}
				if says := strings.Contains(strings.Join(texts(last), ""), "is not sent again"); says == dated {
					t.Errorf("problems %q", texts(last))
				}
				for range 2 {
					_, err := w.trySync(mailsync.Request{Full: true})
					must(w, err)
				}
				if l, r := len(w.files("INBOX")), len(w.srv.Messages("INBOX")); l != 1 || r != 1 || sent.Load() != 1 {
					t.Errorf("after --full: %d files, %d messages, sent %d times", l, r, sent.Load())
				}
			})
		}
	}
}

// TestSwallowed: a server that says OK to an upload and has no such message gets it
// again when a run has proven that it is missing, which takes a day and a message that
// came since; three times in all, then satchel says that it stops. --full sends it once
// more, but not within a day.
func TestSwallowed(t *testing.T) {
	var sent atomic.Int32
	w := newWorld(t, imaptest.Options{Caps: levels()["qresync"].Without(imaptest.CapUIDPlus), Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "APPEND" {
			sent.Add(1)
			return imaptest.Action{Reply: "OK Stored"}
		}
		return imaptest.Action{}
	}})
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	w.sync()
	w.write("INBOX", []string{string(w.message())})
	goes := func(after time.Duration, req mailsync.Request, times int32, says string) {
		t.Helper()
		now = now.Add(after)
		rep, err := w.trySync(req)
		if err != nil || sent.Load() != times || len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Error, says) {
			t.Fatalf("%v, it went up %d times, want %d; problems %q", err, sent.Load(), times, texts(rep))
		}
	}
	waits, stops := "is not sent again", "it is not sent any more"
	goes(0, mailsync.Request{}, 1, waits)
	for times := int32(1); times < 3; times++ {
		goes(23*time.Hour, mailsync.Request{Full: true}, times, waits)
		goes(2*time.Hour, mailsync.Request{}, times, waits) // nothing came, as from a server that is behind
		w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), w.message())
		goes(0, mailsync.Request{}, times+1, waits)
	}
	w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), w.message())
	goes(23*time.Hour, mailsync.Request{}, 3, waits)
	goes(2*time.Hour, mailsync.Request{}, 3, stops)
	goes(0, mailsync.Request{Full: true}, 4, waits)
}

// TestLostAnswerOfAltered: an upload whose answer was lost, and that the server
// altered, goes up once.
func TestLostAnswerOfAltered(t *testing.T) {
	for kind, stores := range imaptest.Alterations() {
		for _, uidPlus := range []bool{true, false} {
			t.Run(fmt.Sprint(kind, " uidplus ", uidPlus), func(t *testing.T) {
				t.Parallel()
				var sent atomic.Int32
				caps := levels()["qresync"]
				if !uidPlus {
					caps = caps.Without(imaptest.CapUIDPlus)
				}
				w := newWorld(t, imaptest.Options{Caps: caps, Stores: stores, Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
					if verb == "APPEND" && sent.Add(1) == 1 {
						return imaptest.Action{Fault: imaptest.DropAfter}
					}
					return imaptest.Action{}
				}})
				w.sync()
				w.write("INBOX", []string{strings.ReplaceAll(string(w.message()), "\r\n", "\n") + "\n\n"})
				if _, err := w.trySync(mailsync.Request{}); err == nil {
					t.Error("the lost answer was not noticed")
				}
				w.settles("INBOX", 3)
				if l, r := len(w.files("INBOX")), len(w.srv.Messages("INBOX")); l != 1 || r != 1 || sent.Load() != 1 {
					t.Errorf("%d files, %d messages, sent %d times", l, r, sent.Load())
				}
				w.quiet()
			})
		}
	}
}

// TestRenamedWhereAltered: on a server that alters what it stores, a mailbox that is
// renamed on either side, or made anew with the same mail, makes no copies.
func TestRenamedWhereAltered(t *testing.T) {
	for kind, stores := range imaptest.Alterations() {
		for name, do := range map[string]func(w *world){
			"renamed on the server": func(w *world) { must(w, w.srv.RenameMailbox("Work", "Job")) },
			"renamed on disk": func(w *world) {
				from, err := w.disk().Dir("Work")
				must(w, err)
				must(w, os.Rename(from, strings.TrimSuffix(from, "Work")+"Job"))
			},
			"made anew": func(w *world) {
				list := w.srv.Messages("Work")
				must(w, w.srv.DeleteMailbox("Work"))
				must(w, w.srv.CreateMailbox("Work"))
				for _, m := range list {
					w.srv.Append("Work", m.Flags, m.Date, m.Content)
				}
			},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := alters(t, "plain", true, stores)
				w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
				server, _ := w.hands()
				server.create("Work")
				w.sync()
				files := w.written()
				w.write("Work", files)
				w.sync()
				do(w)
				w.sync()
				w.quiet()
				n := 0
				for _, list := range w.remoteSnapshot() {
					n += len(list)
				}
				for _, list := range w.localSnapshot() {
					n += len(list)
				}
				if n != 2*len(files) {
					t.Errorf("%d files and messages, want %d", n, 2*len(files))
				}
			})
		}
	}
}

// TestReworded: a server that words a message anew at each FETCH: nothing doubles
// after a lost state or a repair, and a check reports no damage.
func TestReworded(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, imaptest.Options{Caps: caps, Words: imaptest.Rewords})
			server, disk := w.hands()
			w.sync()
			for i := range 4 {
				server.deliver("INBOX", append(w.message(), bytes.Repeat([]byte("more\r\n"), 40*i)...), nil)
			}
			for i := range 3 {
				disk.deliver("INBOX", append(w.message(), bytes.Repeat([]byte("more\r\n"), 40*i)...), nil)
			}
			w.settles("INBOX", 3)
			once := func(when string) {
				t.Helper()
				if l, r := len(w.files("INBOX")), len(w.srv.Messages("INBOX")); l != 7 || r != 7 {
					t.Fatalf("%s: %d files, %d messages", when, l, r)
				}
			}
			once("after three runs")
			for range 2 {
				if rep := w.check(mailsync.CheckRequest{Repair: true}); len(rep.Findings) > 0 {
					t.Errorf("findings %+v", rep.Findings)
				}
				w.settles("INBOX", 2)
				once("after a repair")
			}
			must(w, os.RemoveAll(w.acct.StateDir))
			w.settles("INBOX", 3)
			once("after a lost state")
		})
	}
}

// TestRefusedOncePerRun: what the server refuses goes up once in a run, however many
// cycles that has; then the next run tries, and after that it waits longer each time.
func TestRefusedOncePerRun(t *testing.T) {
	var sent atomic.Int32
	var takes atomic.Bool
	// A group of messages would be refused first, and then each alone.
	caps := levels()["qresync"].Without(imaptest.CapMultiAppend)
	w := newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if verb == "APPEND" && strings.Contains(line, `Draft`) && !takes.Load() {
			sent.Add(1)
			return imaptest.Action{Reply: "NO [CANNOT] Spam"}
		}
		return imaptest.Action{}
	}})
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	_, disk := w.hands()
	w.sync()
	disk.deliver("INBOX", w.message(), []string{`\Draft`})
	run := func(req mailsync.Request, after time.Duration, want int32, says string) {
		t.Helper()
		now = now.Add(after)
		disk.deliver("INBOX", w.message(), nil) // so that there are several cycles
		before := sent.Load()
		rep, err := w.trySync(req)
		must(w, err)
		if n := sent.Load() - before; n != want || len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Error, says) {
			t.Errorf("sent %d times, want %d; problems %q", n, want, texts(rep))
		}
	}
	run(mailsync.Request{}, 0, 1, "Spam")
	run(mailsync.Request{}, time.Minute, 1, "Spam")
	run(mailsync.Request{}, time.Minute, 0, "refused 2 times")
	rep, err := w.trySync(mailsync.Request{DryRun: true})
	if err != nil || len(rep.Operations) > 0 || len(rep.Problems) != 1 {
		t.Errorf("a dry run plans %v, %q, %v", rep.Operations, texts(rep), err)
	}
	run(mailsync.Request{}, time.Hour, 1, "Spam")
	run(mailsync.Request{}, time.Hour, 0, "refused 3 times")
	run(mailsync.Request{Full: true}, time.Minute, 1, "Spam")
	run(mailsync.Request{}, 3*time.Hour, 0, "refused 4 times")
	run(mailsync.Request{}, 2*time.Hour, 1, "Spam")
	takes.Store(true)
	now = now.Add(25 * time.Hour)
	w.sync()
	w.agree()
}

// TestMailboxRefuses: an answer about the mailbox says nothing about the file, which
// goes up in the first run that may.
func TestMailboxRefuses(t *testing.T) {
	for _, code := range []string{"READ-ONLY", "NOPERM", "TRYCREATE", "NONEXISTENT"} {
		t.Run(code, func(t *testing.T) {
			var takes atomic.Bool
			w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if verb == "APPEND" && !takes.Load() {
					return imaptest.Action{Reply: "NO [" + code + "] Not here"}
				}
				return imaptest.Action{}
			}})
			_, disk := w.hands()
			w.sync()
			disk.deliver("INBOX", w.message(), nil)
			for range 4 {
				if _, err := w.trySync(mailsync.Request{}); err != nil {
					t.Fatal(err)
				}
			}
			takes.Store(true)
			w.sync()
			w.agree()
		})
	}
}

// TestEmptyFile: an empty file is no message. It does not go up, which is said once,
// until there is something in it.
func TestEmptyFile(t *testing.T) {
	var sent atomic.Int32
	w := newWorld(t, imaptest.Options{Hook: appends(&sent)})
	w.sync()
	w.write("INBOX", []string{""})
	for i := range 3 {
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if said := strings.Contains(strings.Join(texts(rep), ""), "the file is empty"); said != (i == 0) || sent.Load() > 0 {
			t.Errorf("run %d: problems %q, sent %d", i+1, texts(rep), sent.Load())
		}
	}
	must(w, os.WriteFile(w.path(w.files("INBOX")[0].file), w.message(), 0o600))
	w.sync()
	w.agree()
}
