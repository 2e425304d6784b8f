package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// failing lets the nth call that matches fail, once.
type failing struct {
	mu      sync.Mutex
	n       int
	err     error
	matches func(faultfs.Op) bool
	reached bool
	name    string
}

func (f *failing) before(op faultfs.Op, name string) error {
	if !f.matches(op) {
		return nil
	}
	return f.hit(string(op) + " " + name)
}

func (f *failing) hit(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n != 0 {
		return nil
	}
	f.reached, f.name = true, name
	return f.err
}

// afterFault checks what must hold when a run met a fault: it said so, or
// coped; and the next run leads to the same end.
func (w *world) afterFault(rep *mailsync.Report, err error, want *outcome) string {
	w.lines.idle()
	if err == nil && len(rep.Problems) == 0 {
		l, r := w.localSnapshot(), w.remoteSnapshot()
		if d := diff(l, r); d != "" {
			return "the run says that all went well, and the sides differ:\n" + d
		}
	}
	for _, p := range rep.Problems {
		if p.Error == "" {
			return "a problem without a text"
		}
	}
	return w.finish(want, nil)
}

// diskCalls are the kinds of calls that can fail; the last is the commit of the state.
func diskCalls() []diskCall {
	is := func(ops ...faultfs.Op) func(faultfs.Op) bool {
		return func(op faultfs.Op) bool { return slices.Contains(ops, op) }
	}
	return []diskCall{
		{"open", is(faultfs.Open, faultfs.Create)},
		{"create", is(faultfs.Create)},
		{"read", is(faultfs.Read)},
		{"write", is(faultfs.Write, faultfs.Truncate)},
		{"fsync", is(faultfs.Sync, faultfs.SyncDir, faultfs.SyncFS)},
		{"close", is(faultfs.Close)},
		{"rename", is(faultfs.Rename)},
		{"link", is(faultfs.Link)},
		{"unlink", is(faultfs.Remove)},
		{"mkdir", is(faultfs.Mkdir)},
		{"rmdir", is(faultfs.Rmdir)},
		{"readdir", is(faultfs.ReadDir)},
		{"stat", is(faultfs.Stat)},
		{"utimes", is(faultfs.Chtimes)},
		{"commit", is()},
	}
}

type diskCall struct {
	name    string
	matches func(faultfs.Op) bool
}

func errnos() []syscall.Errno {
	return []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EACCES, syscall.EROFS, syscall.EMFILE}
}

// diskFault fails the nth call of a kind with an errno; both are indexes.
type diskFault struct {
	call, errno, n int
}

// countCalls tells how often each call comes in a run, and so which n can be reached.
func countCalls(t *testing.T, s scenario, calls []diskCall) []int {
	w, _ := s.open(t)
	defer w.close()
	w.acct.NoFsync = false
	counts := make([]int, len(calls))
	var mu sync.Mutex
	w.opts = mailsync.Options{FS: &faultfs.FS{Before: func(op faultfs.Op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		for i, c := range calls {
			if c.matches(op) {
				counts[i]++
			}
		}
		return nil
	}}, State: state.Options{BeforeCommit: func() error {
		mu.Lock()
		defer mu.Unlock()
		counts[len(calls)-1]++
		return nil
	}}}
	w.sync()
	return counts
}

// diskFaults chooses the first calls, the last ones and one between, with each errno. The short form
// takes each n with some of the errnos.
func diskFaults(counts []int) (list []diskFault) {
	for c, count := range counts {
		ns := []int{1, 2, 3, count / 2, count - 1}
		if *crashLong {
			ns = points(count-count/10, 1<<30, 0)
		}
		for e := range errnos() {
			seen := map[int]bool{}
			for i, n := range ns {
				if n < 1 || n > count || seen[n] || testing.Short() && (i+e+c)%3 != 0 || !*crashLong && (i+e+c)%2 != 0 && i > 0 {
					continue
				}
				seen[n] = true
				list = append(list, diskFault{c, e, n})
			}
		}
	}
	return list
}

// TestDiskFaults fails each kind of call with each errno.
func TestDiskFaults(t *testing.T) {
	calls := diskCalls()
	s := everything()
	want, _ := s.wantFor(t)
	counts := countCalls(t, s, calls)
	for c := range calls {
		if counts[c] == 0 {
			t.Errorf("%s: never called, so its failing proves nothing", calls[c].name)
		}
	}
	var mu sync.Mutex
	reached := map[int]bool{}
	first, n := oneOfEachFirst(shuffled(diskFaults(counts)), func(x diskFault) (string, bool) { return calls[x.call].name, x.n == 1 })
	each(t, spread(first, n, share(80, 32)), func(x diskFault) string {
		w, _ := s.open(t)
		defer w.close()
		w.acct.NoFsync = false
		f := &failing{n: x.n, err: errnos()[x.errno], matches: calls[x.call].matches}
		w.opts = mailsync.Options{FS: &faultfs.FS{Before: f.before}}
		if x.call == len(calls)-1 {
			w.opts.State.BeforeCommit = func() error { return f.hit("commit") }
		}
		rep, err := w.trySync(mailsync.Request{})
		w.opts = mailsync.Options{}
		if f.reached {
			covered.faults.Add(1)
			mu.Lock()
			reached[x.call] = true
			mu.Unlock()
		}
		if msg := w.afterFault(rep, err, want); msg != "" {
			return fmt.Sprintf("%s %d fails with %v (%s); the run said %v, %v:\n%s", calls[x.call].name, x.n, f.err, f.name, err, texts(rep), msg)
		}
		return ""
	})
	for c := range calls {
		if !reached[c] {
			t.Errorf("%s: no fault was reached", calls[c].name)
		}
	}
}

func texts(rep *mailsync.Report) (list []string) {
	for _, p := range rep.Problems {
		list = append(list, p.Error)
	}
	return list
}

// serverFault is what the server does at the nth command of a kind.
type serverFault struct {
	verb   string
	n      int
	action imaptest.Action
}

// serverFaults are refusals, and connections that break before or after the command is done.
func serverFaults() (list []serverFault) {
	refuse := func(verb string, replies ...string) {
		for _, r := range replies {
			for _, n := range []int{1, 2} {
				list = append(list, serverFault{verb, n, imaptest.Action{Reply: r}})
			}
		}
	}
	refuse("APPEND", "NO [OVERQUOTA] Full", "NO [TOOBIG] Too large", "NO [TRYCREATE] No such mailbox", "NO Not today", "BAD No")
	refuse("UID STORE", "NO [NOPERM] Read-only", "NO Not today")
	refuse("UID MOVE", "NO [NOPERM] Not yours", "NO [TRYCREATE] No such mailbox", "NO [OVERQUOTA] Full")
	refuse("UID COPY", "NO [OVERQUOTA] Full", "NO [TRYCREATE] No such mailbox")
	refuse("UID EXPUNGE", "NO [NOPERM] Not yours")
	refuse("CREATE", "NO [NOPERM] Not yours")
	refuse("SUBSCRIBE", "NO Not today")
	refuse("DELETE", "NO [NOPERM] Not yours")
	refuse("SELECT", "NO [NONEXISTENT] Gone", "NO [UNAVAILABLE] Later", "NO [INUSE] Later")
	refuse("UID FETCH", "NO [SERVERBUG] Oops", "BAD No")
	refuse("LIST", "NO Not today")
	refuse("LOGIN", "NO [AUTHENTICATIONFAILED] Expired", "NO [UNAVAILABLE] Later")
	for _, verb := range []string{"LOGIN", "LIST", "SELECT", "UID FETCH", "UID STORE", "UID COPY", "UID MOVE", "UID EXPUNGE", "APPEND", "CREATE", "DELETE"} {
		for _, n := range []int{1, 2} {
			list = append(list,
				serverFault{verb, n, imaptest.Action{Before: "* BYE Shutting down\r\n", Fault: imaptest.DropBefore}},
				serverFault{verb, n, imaptest.Action{Fault: imaptest.DropBefore}},
				serverFault{verb, n, imaptest.Action{Fault: imaptest.DropAfter}})
		}
	}
	return list
}

// faultHook does its action at the nth command of its kind, once it is armed.
type faultHook struct {
	serverFault
	mu         sync.Mutex
	armed, hit bool
}

func (h *faultHook) act(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.armed || verb != h.verb && (h.verb != "LOGIN" || verb != "AUTHENTICATE") {
		return imaptest.Action{}
	}
	if h.n--; h.n != 0 {
		return imaptest.Action{}
	}
	h.hit = true
	return h.action
}

// arm begins or ends it, and reports whether it was reached.
func (h *faultHook) arm(on bool) (hit bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.armed = on
	return h.hit
}

// TestServerFaults has the server refuse, break off and lie down.
func TestServerFaults(t *testing.T) {
	s := everything()
	want, _ := s.wantFor(t)
	list := serverFaults()
	var mu sync.Mutex
	reached := map[string]bool{}
	first, n := oneOfEachFirst(shuffled(list), func(x serverFault) (string, bool) { return x.verb, x.n == 1 })
	each(t, spread(first, n, share(50, 24)), func(x serverFault) string {
		hook := &faultHook{serverFault: x}
		s := s
		s.srv.Hook = hook.act
		w, _ := s.open(t)
		defer w.close()
		hook.arm(true)
		rep, err := w.trySync(mailsync.Request{})
		if hook.arm(false) {
			covered.refusals.Add(1)
			mu.Lock()
			reached[x.verb] = true
			mu.Unlock()
		}
		if msg := w.afterFault(rep, err, want); msg != "" {
			return fmt.Sprintf("%s %d answered with %+v; the run said %v, %v:\n%s", x.verb, x.n, x.action, err, texts(rep), msg)
		}
		return ""
	})
	for _, x := range list {
		if !reached[x.verb] {
			t.Errorf("%s: no fault was reached", x.verb)
		}
	}
}

// TestMailboxGoesMeanwhile deletes a mailbox between LIST and SELECT, and
// ends the login of the second connection.
func TestMailboxGoesMeanwhile(t *testing.T) {
	s := everything()
	var w *world
	var once sync.Once
	var armed switchable
	s.srv.Hook = func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if armed.is() && (verb == "SELECT" || verb == "EXAMINE") && strings.Contains(line, "Kept") {
			once.Do(func() { _ = w.srv.DeleteMailbox("Kept"); covered.refusals.Add(1) })
		}
		return imaptest.Action{}
	}
	w, _ = s.open(t)
	defer w.close()
	serverSide{w}.deliver("Kept", w.message(), nil)
	armed.set(true)
	rep, err := w.trySync(mailsync.Request{})
	armed.set(false)
	reached := false
	once.Do(func() { reached = true })
	if reached {
		t.Fatal("never reached")
	}
	if msg := w.afterFault(rep, err, nil); msg != "" {
		t.Fatalf("%v %v: %s", err, texts(rep), msg)
	}
}
