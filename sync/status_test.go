package sync_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// statusWorld has three mailboxes with forty messages in all. Unless it is told
// to be synced, it never was.
func statusWorld(t *testing.T, o imaptest.Options, synced bool) *world {
	t.Helper()
	w := newWorld(t, o)
	w.acct.NoFsync = true
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	w.opts.Now = func() time.Time { return now }
	for _, name := range []string{"Archive", "Work"} {
		must(w, w.srv.CreateMailbox(name))
	}
	for i := range 40 {
		w.srv.Append([]string{"INBOX", "Archive", "Work"}[i/14], nil, now, w.message())
	}
	if synced {
		w.sync()
		if st := w.status(); !st.Complete || st.Unknown || st.Missing != 0 || st.LocalUnknown || !st.LastSync.Equal(now) || st.Problem != "" {
			t.Fatalf("after a good sync: %+v", st)
		}
	}
	later := now.Add(time.Hour)
	w.opts.Now = func() time.Time { return later }
	return w
}

// TestStatusOfFirstSync: a first sync that did not get through is no sync, and
// leaves nothing that is called complete.
func TestStatusOfFirstSync(t *testing.T) {
	for name, spoil := range map[string]func(w *world) (ctx context.Context){
		"stopped": func(w *world) context.Context {
			ctx, stop := context.WithCancel(context.Background())
			w.opts.Progress = func(p mailsync.Progress) {
				if p.Done >= 10 {
					stop()
				}
			}
			return ctx
		},
		"unreachable": func(w *world) context.Context {
			w.acct.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
			return context.Background()
		},
		"line lost": func(w *world) context.Context {
			left := 6000
			w.lines.through(func(up bool, n int) (int, error) {
				if !up {
					left -= n
				}
				if left < 0 {
					return 0, io.ErrUnexpectedEOF
				}
				return n, nil
			}, func() error {
				if left < 0 {
					return syscall.ECONNREFUSED
				}
				return nil
			})
			return context.Background()
		},
		"disk full": func(w *world) context.Context {
			n := 0
			w.opts.FS = &faultfs.FS{Before: func(op faultfs.Op, _ string) error {
				if op == faultfs.Write {
					if n++; n > 20 {
						return syscall.ENOSPC
					}
				}
				return nil
			}}
			return context.Background()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := statusWorld(t, imaptest.Options{}, false)
			w.small = 10
			w.opts.Window = 10
			ctx := spoil(w)
			e, err := mailsync.New(w.acct, w.opts)
			must(w, err)
			if _, err := e.Sync(ctx, mailsync.Request{}); err == nil {
				t.Fatal("the sync went well")
			}
			w.opts.FS = nil
			st := w.status()
			if st.Complete || !st.LastSync.IsZero() || st.LastTry.IsZero() || st.Problem == "" {
				t.Errorf("%+v", st)
			}
			if name != "unreachable" && (st.Missing != 40-st.Messages || st.Missing == 0) {
				t.Errorf("%d are here, %d missing", st.Messages, st.Missing)
			}
			if name == "unreachable" && !st.Unknown {
				t.Errorf("of a server that was never seen all is known: %+v", st)
			}
		})
	}
}

// TestStatusKeepsLastSync: what is no sync of the account, or did not get
// through, does not move the time of the last sync.
func TestStatusKeepsLastSync(t *testing.T) {
	type test struct {
		req      mailsync.Request
		change   func(w *world)
		complete bool
		problem  string // part of it; empty: there is none
		missing  int
	}
	unreachable := func(w *world) {
		w.acct.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	}
	for name, x := range map[string]test{
		"a typo":        {req: mailsync.Request{Mailboxes: []string{"INBX"}}, complete: true},
		"one mailbox":   {req: mailsync.Request{Mailboxes: []string{"INBOX"}}, complete: true},
		"one direction": {req: mailsync.Request{Pull: true}, complete: true},
		"seen beside":   {req: mailsync.Request{Mailboxes: []string{"INBOX"}}, change: func(w *world) { w.srv.Append("Work", nil, time.Now(), w.message()) }, missing: 1},
		"new mailbox": {req: mailsync.Request{Mailboxes: []string{"INBOX"}}, change: func(w *world) {
			must(w, w.srv.CreateMailbox("New"))
			w.srv.Append("New", nil, time.Now(), w.message())
		}, missing: 1},
		"unreachable":  {change: unreachable, complete: true, problem: "refused"},
		"not included": {change: func(w *world) { w.acct.Include = []string{"INBOX"}; unreachable(w) }, problem: "refused"},
		"not mounted":  {change: func(w *world) { must(w, os.Rename(w.acct.Maildir, w.acct.Maildir+".away")) }, problem: "no such file"},
		"another disk": {change: func(w *world) {
			must(w, os.Rename(w.acct.Maildir, w.acct.Maildir+".away"))
			must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, "INBOX", "cur"), 0o700))
		}, problem: "not the Maildir"},
	} {
		t.Run(name, func(t *testing.T) {
			w := statusWorld(t, imaptest.Options{}, true)
			before := w.status().LastSync
			if x.change != nil {
				x.change(w)
			}
			_, err := w.trySync(x.req)
			if name == "a typo" && (mail.KindOf(err) != mail.KindConfig || !strings.Contains(mail.HintOf(err), "INBOX")) {
				t.Errorf("%v, hint %q", err, mail.HintOf(err))
			}
			st := w.status()
			if !st.LastSync.Equal(before) || st.Complete != x.complete || st.Missing != x.missing {
				t.Errorf("%+v", st)
			}
			if (x.problem == "") != (st.Problem == "") || !strings.Contains(st.Problem, x.problem) {
				t.Errorf("problem %q, want %q", st.Problem, x.problem)
			}
			if unmounted := name == "not mounted" || name == "another disk"; st.LocalUnknown != unmounted || unmounted && st.LocalChanges != 0 {
				t.Errorf("local changes %d, unknown %t", st.LocalChanges, st.LocalUnknown)
			}
		})
	}
}

// TestStatusOfRefusedMailbox: with a mailbox that cannot be opened nothing is
// called complete, nor synced.
func TestStatusOfRefusedMailbox(t *testing.T) {
	var refuse switchable
	refuse.set(true)
	w := statusWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if refuse.is() && (verb == "SELECT" || verb == "EXAMINE") && strings.Contains(line, "Work") {
			return imaptest.Action{Reply: "NO [NOPERM] not for you"}
		}
		return imaptest.Action{}
	}}, false)
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if len(rep.Problems) == 0 || len(rep.Waiting) != 1 || rep.Waiting[0] != "Work" {
		t.Errorf("problems %+v, waiting %q", rep.Problems, rep.Waiting)
	}
	if st := w.status(); st.Complete || !st.LastSync.IsZero() || st.Missing != 12 {
		t.Errorf("%+v", st)
	}
	refuse.set(false)
	w.sync()
	if st := w.status(); !st.Complete || st.LastSync.IsZero() || st.Missing != 0 {
		t.Errorf("%+v", st)
	}
}

// TestStatusCountsAsPlan: what waits on disk is counted as the plan does it, with
// moves, renames and copies being one change each.
func TestStatusCountsAsPlan(t *testing.T) {
	w := statusWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, true)
	disk := diskSide{w, rand.New(rand.NewPCG(1, 1))}
	planned := func(what string) {
		t.Helper()
		rep, err := w.trySync(mailsync.Request{DryRun: true})
		must(w, err)
		n := 0
		for _, c := range rep.Counts {
			n += c
		}
		if st := w.status(); st.LocalChanges != n || st.LocalUnknown {
			t.Errorf("%s: status says %d (unknown: %t), the plan %d: %q", what, st.LocalChanges, st.LocalUnknown, n, rep.Operations)
		}
	}
	planned("nothing")
	for _, h := range disk.list("INBOX")[:6] {
		disk.move(h, "Work")
	}
	planned("moves")
	disk.copy(disk.list("Archive")[0], "INBOX")
	disk.remove(disk.list("Archive")[1])
	disk.flag(disk.list("Archive")[2], []string{`\Flagged`}, nil)
	disk.deliver("INBOX", w.message(), nil)
	planned("everything")
	// A mail program that only shows a folder moves its new mail to cur.
	for _, f := range w.files("Work") {
		if f.file.New {
			old := w.path(f.file)
			f.file.New = false
			must(w, os.Rename(old, w.path(f.file)+":2,"))
		}
	}
	planned("with other names")
	w.mv("Archive", "Old")
	planned("and a folder renamed")
	must(w, os.RemoveAll(filepath.Join(w.acct.Maildir, "Work")))
	if st := w.status(); st.LocalChanges != 11 { // the folder comes back
		t.Errorf("a folder removed: %d", st.LocalChanges)
	}
	if _, err := w.trySync(mailsync.Request{AllowMassDelete: true}); err != nil {
		t.Error(err)
	}
	if st := w.status(); st.LocalChanges != 0 || !st.Complete {
		t.Errorf("%+v", st)
	}
}

// TestWhatWaitsIsSaid: where the server lets nothing be changed, the sides do not
// agree, and the run does not say so.
func TestWhatWaitsIsSaid(t *testing.T) {
	w := statusWorld(t, imaptest.Options{}, true)
	last := w.status().LastSync
	w.srv.SetReadOnly("Work", true)
	take(diskSide{w, nil}, "Work", 1)
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		if err != nil && !errors.Is(err, mail.ErrReadOnly) {
			t.Fatal(err)
		}
		if len(rep.Waiting) != 1 || rep.Waiting[0] != "Work" {
			t.Errorf("waiting %q", rep.Waiting)
		}
	}
	if st := w.status(); !st.LastSync.Equal(last) || st.LocalChanges != 0 && st.LocalChanges != 1 || st.Problem == "" {
		t.Errorf("%+v", st)
	}
	if rep, err := w.trySync(mailsync.Request{Pull: true}); err != nil || len(rep.Waiting) != 0 {
		t.Errorf("a run that was not to push: %v, waiting %q", err, rep.Waiting)
	}
	w.srv.SetReadOnly("Work", false)
	if rep := w.sync(); len(rep.Waiting) != 0 {
		t.Errorf("waiting %q", rep.Waiting)
	}
	if st := w.status(); st.LastSync.Equal(last) || st.Problem != "" {
		t.Errorf("%+v", st)
	}
}
