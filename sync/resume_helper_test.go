package sync_test

import (
	"slices"
	"sync"
	"testing"

	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// broken is a world whose server does something to the next command of a
// kind, once it is armed.
type broken struct {
	*world
	mu   sync.Mutex
	verb string
	act  imaptest.Action
}

func newBroken(t *testing.T, caps imaptest.Caps) *broken {
	b := &broken{}
	b.world = newWorld(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		b.mu.Lock()
		defer b.mu.Unlock()
		if verb != b.verb {
			return imaptest.Action{}
		}
		b.verb = ""
		return b.act
	}})
	b.acct.NoFsync = true
	b.acct.MaxDeletePct = 100
	return b
}

// fail runs once with the next command verb answered by act.
func (b *broken) fail(verb string, act imaptest.Action) {
	b.t.Helper()
	b.mu.Lock()
	b.verb, b.act = verb, act
	b.mu.Unlock()
	_, _ = b.trySync(mailsync.Request{})
	b.lines.idle()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.verb != "" {
		b.t.Fatalf("%s was never sent", verb)
	}
}

// dieAt runs once and dies at the nth call of a kind.
func (w *world) dieAt(op faultfs.Op, n int) {
	w.t.Helper()
	f := &failing{n: n, err: errDead, matches: func(o faultfs.Op) bool { return o == op }}
	dead := func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.reached {
			return errDead
		}
		return nil
	}
	w.opts = mailsync.Options{
		FS: &faultfs.FS{Before: func(o faultfs.Op, name string) error {
			if err := f.before(o, name); err != nil {
				return err
			}
			return dead()
		}},
		State: state.Options{BeforeCommit: dead},
	}
	w.lines.through(func(_ bool, n int) (int, error) {
		if err := dead(); err != nil {
			return 0, err
		}
		return n, nil
	}, dead)
	_, _ = w.trySync(mailsync.Request{})
	w.lines.idle()
	w.opts = mailsync.Options{}
	w.lines.through(nil, nil)
	if !f.reached {
		w.t.Fatalf("%s was never called", op)
	}
}

// resume syncs until done and wants these messages, as "mailbox ID", on both
// sides.
func (w *world) resume(want ...string) {
	w.t.Helper()
	if msg := w.finish(nil, nil); msg != "" {
		w.t.Error(msg)
	}
	var have []string
	for id, boxes := range where(w.remoteSnapshot()) {
		for _, b := range boxes {
			have = append(have, b+" "+id)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		w.t.Errorf("the server has %q, want %q", have, want)
	}
}
