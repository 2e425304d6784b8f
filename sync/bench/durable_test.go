//go:build linux

package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// durable lets each program deliver some hundred messages under strace, which
// is not timed, and fails the test unless every file was made durable before it
// got its name. It returns what the report says about that.
func (h *harness) durable(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		return "not verified: strace is not installed"
	}
	a := h.newAccount(t)
	c := a.login(t)
	a.fill(t, c, "INBOX", 300, 4096)
	c.close()
	var seen []string
	for _, tool := range h.tools {
		r := a.newReplica(t, tool)
		trace := filepath.Join(r.dir, "trace")
		argv := r.configure(t, h.srv.Addr(), true)
		r.start(t, append([]string{strace, "-f", "-y", "-qq", "-s", "4096", "-e", "signal=none", "-o", trace,
			"-e", "trace=openat,creat,write,pwrite64,fsync,fdatasync,syncfs,sync,rename,renameat,renameat2,link,linkat"}, argv...)...)
		r.verify(t)
		f, err := os.Open(trace)
		if err != nil {
			t.Fatal(err)
		}
		w, err := follow(f, r.mail())
		err = errors.Join(err, f.Close())
		switch {
		case err != nil:
			t.Fatal(err)
		case len(w.careless) > 0:
			t.Fatalf("%s gave %d files their names before they were durable, the first %s", tool, len(w.careless), w.careless[0])
		case w.named < 300:
			t.Fatalf("%s named %d files of 300: the trace was not understood", tool, w.named)
		}
		seen = append(seen, fmt.Sprintf("%s %d calls for %d files", tool, w.syncs, w.named))
	}
	return "each file durable before it gets its name, seen by strace: " + strings.Join(seen, ", ")
}

// slowDisk returns the command under which a program waits for so much longer at
// each fsync, as on a disk that takes that time to write something durably. A
// syncfs waits as long as an fsync, which flatters it. strace would also stop the
// program at each signal, and Go's scheduler sends hundreds a second to itself; the
// variable has it do without.
func slowDisk(t *testing.T, delay string) []string {
	t.Helper()
	d, err := time.ParseDuration(delay)
	if err != nil || d <= 0 {
		t.Fatalf("BENCH_FSYNC_DELAY must be a time such as 3ms, not %q", delay)
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("BENCH_FSYNC_DELAY needs strace")
	}
	calls := "fsync,fdatasync,syncfs,sync_file_range"
	return []string{strace, "-E", "GODEBUG=asyncpreemptoff=1", "-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-o", os.DevNull, "-e", "trace=" + calls,
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", calls, d.Microseconds())}
}

// witness follows files by what strace prints.
type witness struct {
	root     string
	dirty    map[string]bool // written since they were last synced
	pending  map[string]string
	named    int // files that went from tmp to cur or new
	syncs    int
	careless []string // named while dirty
}

var (
	traceLine   = regexp.MustCompile(`^(\d+) +(.*)$`)
	resumedCall = regexp.MustCompile(`^<\.\.\. \w+ resumed>`)
	tracedCall  = regexp.MustCompile(`^(\w+)\((.*)\) += (-?\d+)`)
	tracedFile  = regexp.MustCompile(`^\d+<([^>]*)>`)
	tracedName  = regexp.MustCompile(`"([^"]*)"`)
)

// follow reads the output of strace -f -y.
func follow(trace io.Reader, root string) (*witness, error) {
	w := &witness{root: root, dirty: map[string]bool{}, pending: map[string]string{}}
	lines := bufio.NewScanner(trace)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := traceLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		pid, call := m[1], m[2]
		if begun, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			w.pending[pid] = begun
			w.begin(begun)
			continue
		}
		if at := resumedCall.FindString(call); at != "" {
			call = w.pending[pid] + call[len(at):]
			delete(w.pending, pid)
		} else {
			w.begin(call)
		}
		if m := tracedCall.FindStringSubmatch(call); m != nil && !strings.HasPrefix(m[3], "-") {
			w.end(m[1], m[2])
		}
	}
	return w, lines.Err()
}

// begin counts a write from where it starts, and a name from where it could
// first be seen.
func (w *witness) begin(call string) {
	name, args, _ := strings.Cut(call, "(")
	switch name {
	case "write", "pwrite64":
		if m := tracedFile.FindStringSubmatch(args); m != nil && strings.HasPrefix(m[1], w.root) {
			w.dirty[m[1]] = true
		}
	case "rename", "renameat", "renameat2", "link", "linkat":
		names := tracedName.FindAllStringSubmatch(args, 2)
		if len(names) < 2 {
			return
		}
		from, to := names[0][1], names[1][1]
		if filepath.Base(filepath.Dir(from)) != "tmp" || filepath.Base(filepath.Dir(to)) == "tmp" {
			return
		}
		if !filepath.IsAbs(from) {
			from = filepath.Join(w.root, from)
		}
		w.named++
		if w.dirty[from] {
			w.careless = append(w.careless, from)
		}
	}
}

// end counts a sync from where it is done.
func (w *witness) end(name, args string) {
	switch name {
	case "fsync", "fdatasync":
		w.syncs++
		if m := tracedFile.FindStringSubmatch(args); m != nil {
			delete(w.dirty, m[1])
		}
	case "syncfs", "sync":
		w.syncs++
		clear(w.dirty)
	}
}

// TestFollow: what a program must not do is seen.
func TestFollow(t *testing.T) {
	for _, x := range []struct {
		name, trace string
		careless    int
	}{
		{"synced", `7 write(5</m/INBOX/tmp/a>, "x", 1) = 1
7 fsync(5</m/INBOX/tmp/a>) = 0
7 rename("/m/INBOX/tmp/a", "/m/INBOX/new/a") = 0`, 0},
		{"not synced", `7 write(5</m/INBOX/tmp/a>, "x", 1) = 1
7 rename("/m/INBOX/tmp/a", "/m/INBOX/new/a") = 0`, 1},
		{"another file synced", `7 write(5</m/INBOX/tmp/a>, "x", 1) = 1
7 fdatasync(6</m/INBOX/tmp/b>) = 0
7 renameat2(AT_FDCWD</>, "/m/INBOX/tmp/a", AT_FDCWD</>, "/m/INBOX/new/a", RENAME_NOREPLACE) = 0`, 1},
		{"named while the sync still runs", `7 write(5</m/INBOX/tmp/a>, "x", 1) = 1
8 syncfs(3</m> <unfinished ...>
7 link("/m/INBOX/tmp/a", "/m/INBOX/new/a") = 0
8 <... syncfs resumed>) = 0`, 1},
		{"written again", `7 write(5</m/INBOX/tmp/a>, "x", 1) = 1
8 syncfs(3</m> <unfinished ...>
8 <... syncfs resumed>) = 0
7 pwrite64(5</m/INBOX/tmp/a>, "x", 1, 0) = 1
7 rename("/m/INBOX/tmp/a", "/m/INBOX/new/a") = 0`, 1},
		{"a sync that failed", `7 write(5</m/INBOX/tmp/a>, "x", 1) = 1
7 fsync(5</m/INBOX/tmp/a>) = -1 EIO (Input/output error)
7 rename("/m/INBOX/tmp/a", "/m/INBOX/new/a") = 0`, 1},
	} {
		w, err := follow(strings.NewReader(x.trace), "/m")
		if err != nil || w.named != 1 || len(w.careless) != x.careless {
			t.Errorf("%s: named %d, careless %q, %v", x.name, w.named, w.careless, err)
		}
	}
}
