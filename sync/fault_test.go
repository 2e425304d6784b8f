package sync_test

import (
	"fmt"
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

// TestDiskFaults fails each kind of call with each errno.
func TestDiskFaults(t *testing.T) {
	is := func(ops ...faultfs.Op) func(faultfs.Op) bool {
		return func(op faultfs.Op) bool {
			for _, o := range ops {
				if o == op {
					return true
				}
			}
			return false
		}
	}
	calls := []struct {
		name    string
		matches func(faultfs.Op) bool
		commit  bool
	}{
		{"open", is(faultfs.Open, faultfs.Create), false},
		{"create", is(faultfs.Create), false},
		{"read", is(faultfs.Read), false},
		{"write", is(faultfs.Write, faultfs.Truncate), false},
		{"fsync", is(faultfs.Sync, faultfs.SyncDir, faultfs.SyncFS), false},
		{"close", is(faultfs.Close), false},
		{"rename", is(faultfs.Rename), false},
		{"link", is(faultfs.Link), false},
		{"unlink", is(faultfs.Remove), false},
		{"mkdir", is(faultfs.Mkdir), false},
		{"rmdir", is(faultfs.Rmdir), false},
		{"readdir", is(faultfs.ReadDir), false},
		{"stat", is(faultfs.Stat), false},
		{"utimes", is(faultfs.Chtimes), false},
		{"commit", is(), true},
	}
	errnos := []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EACCES, syscall.EROFS, syscall.EMFILE}
	type fault struct {
		call, errno, n int
	}
	s := everything()
	want, _ := s.wantFor(t)
	// How often each call comes tells which n can be reached.
	counts := make([]int, len(calls))
	func() {
		w, _ := s.open(t)
		defer w.close()
		w.acct.NoFsync = false
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
	}()
	var list []fault
	for c := range calls {
		if counts[c] == 0 {
			t.Errorf("%s: never called, so its failing proves nothing", calls[c].name)
		}
		ns := []int{1, 2, 3, counts[c] / 2, counts[c] - 1}
		if *crashLong {
			ns = points(counts[c]-counts[c]/10, 1<<30, 0)
		}
		for e := range errnos {
			seen := map[int]bool{}
			for i, n := range ns {
				// The short form takes each n with some of the errnos.
				if n < 1 || n > counts[c] || seen[n] || testing.Short() && (i+e+c)%3 != 0 || !*crashLong && (i+e+c)%2 != 0 && i > 0 {
					continue
				}
				seen[n] = true
				list = append(list, fault{c, e, n})
			}
		}
	}
	var mu sync.Mutex
	reached := map[int]bool{}
	first, n := oneOfEachFirst(shuffled(list), func(x fault) (string, bool) { return calls[x.call].name, x.n == 1 })
	each(t, spread(first, n, share(80, 32)), func(x fault) string {
		w, _ := s.open(t)
		defer w.close()
		w.acct.NoFsync = false
		f := &failing{n: x.n, err: errnos[x.errno], matches: calls[x.call].matches}
		w.opts = mailsync.Options{FS: &faultfs.FS{Before: f.before}}
		if calls[x.call].commit {
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
			return fmt.Sprintf("%s %d fails with %v (%s); the run said %v, %v:\n%s", calls[x.call].name, x.n, errnos[x.errno], f.name, err, texts(rep), msg)
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

// TestServerFaults has the server refuse, break off and lie down.
func TestServerFaults(t *testing.T) {
	type fault struct {
		verb   string
		n      int
		action imaptest.Action
	}
	var list []fault
	refuse := func(verb string, replies ...string) {
		for _, r := range replies {
			for _, n := range []int{1, 2} {
				list = append(list, fault{verb, n, imaptest.Action{Reply: r}})
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
				fault{verb, n, imaptest.Action{Before: "* BYE Shutting down\r\n", Fault: imaptest.DropBefore}},
				fault{verb, n, imaptest.Action{Fault: imaptest.DropBefore}},
				fault{verb, n, imaptest.Action{Fault: imaptest.DropAfter}})
		}
	}
	s := everything()
	want, _ := s.wantFor(t)
	var mu sync.Mutex
	reached := map[string]bool{}
	first, n := oneOfEachFirst(shuffled(list), func(x fault) (string, bool) { return x.verb, x.n == 1 })
	each(t, spread(first, n, share(50, 24)), func(x fault) string {
		var hook struct {
			sync.Mutex
			armed, hit bool
			n          int
		}
		s := s
		s.srv.Hook = func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
			hook.Lock()
			defer hook.Unlock()
			if !hook.armed || verb != x.verb && (x.verb != "LOGIN" || verb != "AUTHENTICATE") {
				return imaptest.Action{}
			}
			if hook.n--; hook.n != 0 {
				return imaptest.Action{}
			}
			hook.hit = true
			return x.action
		}
		w, _ := s.open(t)
		defer w.close()
		hook.Lock()
		hook.armed, hook.n = true, x.n
		hook.Unlock()
		rep, err := w.trySync(mailsync.Request{})
		hook.Lock()
		hook.armed = false
		hit := hook.hit
		hook.Unlock()
		if hit {
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
