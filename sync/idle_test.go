package sync_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// effort is what a piece of work asks of the machine, in numbers that do not
// depend on how fast it is.
type effort struct {
	fsCalls int64 // of the Maildir
	read    int64 // bytes by read(2) and its kin, which is how SQLite reads pages; 0 where it is not known
	allocs  int64 // in this process: the server's are among them
}

// effortOf measures f once it has run twice: caches are warm then. What an earlier test
// left running is counted with it, and can only add, so the least of three measurements
// is taken.
func (w *world) effortOf(f func()) effort {
	w.t.Helper()
	var calls atomic.Int64
	w.opts = mailsync.Options{FS: &faultfs.FS{Before: func(faultfs.Op, string) error { calls.Add(1); return nil }}}
	f()
	f()
	least := effort{math.MaxInt64, math.MaxInt64, math.MaxInt64}
	for range 3 {
		calls.Store(0)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		read := bytesRead()
		f()
		read = bytesRead() - read
		runtime.ReadMemStats(&after)
		least = effort{min(least.fsCalls, calls.Load()), min(least.read, read), min(least.allocs, int64(after.Mallocs-before.Mallocs))}
	}
	return least
}

// age makes all folders old enough for their stamps to be trusted.
func (w *world) age() {
	w.t.Helper()
	old := time.Unix(1_700_000_000, 1) // whole seconds would have to be older
	must(w, filepath.WalkDir(w.acct.Maildir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chtimes(path, old, old)
		}
		return err
	}))
}

// bytesRead is how much this process has read from anything.
func bytesRead() int64 {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("rchar: "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, _ := strconv.ParseInt(string(line), 10, 64)
	return n
}

// TestNothingToDoEffort: a run with nothing to do costs the same for a mailbox
// of thirty thousand messages as for one of a hundred, and what it costs is little.
func TestNothingToDoEffort(t *testing.T) {
	idle := func(n int) effort {
		w := crowded(t, n, false)
		return w.effortOf(func() { w.quiet() })
	}
	small, large := idle(100), idle(30_000)
	t.Logf("100 messages: %+v, 30,000 messages: %+v", small, large)
	if small.fsCalls != large.fsCalls || small.fsCalls > 20 {
		t.Errorf("%d and %d calls of the file system, at most 20", small.fsCalls, large.fsCalls)
	}
	// A table scan would read a megabyte more, and allocate tens of thousands of times.
	if large.read > small.read+64<<10 {
		t.Errorf("%d bytes read, and %d of a small mailbox", large.read, small.read)
	}
	if most := int64(1540); large.allocs > most { // 1,410, and up to 1,480 with -race
		t.Errorf("%d allocations, at most %d", large.allocs, most)
	}
}

// TestNothingToDoMailboxes: what each mailbox adds to a run with nothing to do.
func TestNothingToDoMailboxes(t *testing.T) {
	idle := func(n int) effort {
		w := newWorld(t, imaptest.Options{})
		w.acct.NoFsync = true
		agreed(n, 1)(w)
		w.age()
		return w.effortOf(func() { w.quiet() })
	}
	few, many := idle(10), idle(110)
	t.Logf("10 mailboxes: %+v, 110: %+v", few, many)
	if got, most := float64(many.fsCalls-few.fsCalls)/100, 3.0; got > most {
		t.Errorf("%v calls of the file system for each mailbox, at most %v", got, most)
	}
	if got, most := float64(many.allocs-few.allocs)/100, 105.0; got > most {
		t.Errorf("%v allocations for each mailbox, at most %v", got, most)
	}
}

// TestStatusEffort: status asks nobody, and looks at each folder, not at messages.
func TestStatusEffort(t *testing.T) {
	status := func(n int) effort {
		w := crowded(t, n, false)
		w.acct.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Error("status used the network")
			return nil, errors.New("no network here")
		}
		w.acct.Password = func(context.Context) (string, error) {
			t.Error("status asked for the password")
			return "", errors.New("no password here")
		}
		return w.effortOf(func() {
			if st := w.status(); st.Messages != n || st.LocalChanges != 0 {
				t.Errorf("status says %d messages, %d changes", st.Messages, st.LocalChanges)
			}
		})
	}
	small, large := status(100), status(30_000)
	t.Logf("100 messages: %+v, 30,000 messages: %+v", small, large)
	if small.fsCalls != large.fsCalls || small.fsCalls > 13 {
		t.Errorf("%d and %d calls of the file system, at most 13", small.fsCalls, large.fsCalls)
	}
	if most := int64(980); large.allocs > most {
		t.Errorf("%d allocations, at most %d", large.allocs, most)
	}
	// Messages are counted in an index.
	if got, most := float64(large.read-small.read)/29_900, 13.0; got > most {
		t.Errorf("%v bytes read for each message, at most %v", got, most)
	}
}
