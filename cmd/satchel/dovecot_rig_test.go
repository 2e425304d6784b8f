package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest/dovecot"
)

// rig is an account of a real server, and the program to sync it with.
type rig struct {
	*testing.T
	bin, root string // the program; a folder for all the rest
	mail      string // the Maildir
	srv       *dovecot.Server
	imap      *imapClient
}

// build makes the program. Not with -race: its memory is measured.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "satchel")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// newRig configures the user as account "home", without TLS and straight to
// the server.
func newRig(t *testing.T, bin string, srv *dovecot.Server, delim, prefix, user string) *rig {
	t.Helper()
	root := t.TempDir()
	r := &rig{T: t, bin: bin, root: root, mail: filepath.Join(root, "Mail"), srv: srv}
	r.imap = dialIMAP(t, srv, delim, prefix, user)
	r.configure(srv.Addr(), "tls = \"none\"\nuser = %q\npassword = %q\nfsync = false\n", user, srv.Password)
	return r
}

// configure writes the configuration; addr may be a proxy's.
func (r *rig) configure(addr, format string, args ...any) {
	r.Helper()
	host, port, err := net.SplitHostPort(addr)
	r.must(err)
	dir := filepath.Join(r.root, "config", "satchel")
	r.must(os.MkdirAll(dir, 0o700))
	text := fmt.Sprintf("[accounts.home]\nhost = %q\nport = %s\nmaildir = %q\n", host, port, r.mail) + fmt.Sprintf(format, args...)
	r.must(os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600))
}

// via leads the account through a proxy.
func (r *rig) via(addr string) {
	r.Helper()
	r.configure(addr, "tls = \"none\"\nuser = %q\npassword = %q\nfsync = false\nmax_delete_percent = 100\n", r.imap.user, r.srv.Password)
}

func (r *rig) must(err error) {
	if err != nil {
		r.Helper()
		r.Fatal(err)
	}
}

// ran is how a run ended.
type ran struct {
	code           int
	stdout, stderr string
	took           time.Duration
	peak           int64 // bytes of memory, at most
}

func (r *rig) command(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	cmd := exec.CommandContext(r.Context(), r.bin, args...)
	cmd.Dir = r.root
	// Nothing of the developer's own environment.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.root, "TMPDIR=" + r.root}
	for _, x := range []string{"config", "state", "data", "cache"} {
		cmd.Env = append(cmd.Env, "XDG_"+strings.ToUpper(x)+"_HOME="+filepath.Join(r.root, x))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return cmd, &stdout, &stderr
}

func (r *rig) run(args ...string) ran {
	r.Helper()
	finish := r.start(args...)
	return finish()
}

// start begins a run; signals may be sent to it before the function that it
// returns waits for the end.
func (r *rig) start(args ...string) func(...syscall.Signal) ran {
	r.Helper()
	cmd, stdout, stderr := r.command(args...)
	begin := time.Now()
	r.must(cmd.Start())
	// A new process begins ru_maxrss with the size of the one that made it,
	// here a test with much in its memory. The kernel's own high-water mark does not.
	var peak int64
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			peak = max(peak, highWater(cmd.Process.Pid))
			select {
			case <-done:
				return
			case <-r.Context().Done(): // the test failed meanwhile
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func(signals ...syscall.Signal) ran {
		r.Helper()
		for _, s := range signals {
			begin = time.Now()
			r.must(cmd.Process.Signal(s))
		}
		err := cmd.Wait()
		close(done)
		<-watched
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) {
			r.Fatal(err)
		}
		return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(begin), peak}
	}
}

// highWater is the peak memory of a process that runs, 0 after its end.
func highWater(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(f[0], 10, 64)
	return n << 10
}

func (o ran) String() string {
	return fmt.Sprintf("exit %d after %v\nstdout: %s\nstderr: %s", o.code, o.took.Round(time.Millisecond), o.stdout, o.stderr)
}

// silent runs a command that has to succeed without a word.
func (r *rig) silent(args ...string) {
	r.Helper()
	if o := r.run(args...); o.code != 0 || o.stdout+o.stderr != "" {
		r.Fatalf("satchel %s: %v", strings.Join(args, " "), o)
	}
}

// fails runs a command that has to end with this code and to say all of want.
func (r *rig) fails(code int, args []string, want ...string) ran {
	r.Helper()
	o := r.run(args...)
	if o.code != code {
		r.Errorf("satchel %s: want exit %d, got %v", strings.Join(args, " "), code, o)
	}
	for _, w := range want {
		if !strings.Contains(o.stdout+o.stderr, w) {
			r.Errorf("satchel %s: %q is not in %v", strings.Join(args, " "), w, o)
		}
	}
	return o
}

// object is what the tests look at in --json.
type object struct {
	Exit     int            `json:"exit"`
	Counts   map[string]int `json:"counts"`
	Accounts []struct {
		Account    string               `json:"account"`
		DryRun     bool                 `json:"dry_run"`
		Counts     map[string]int       `json:"counts"`
		Operations []mailsync.Operation `json:"operations"`
		Errors     []struct {
			Mailbox, Message, Kind, Error, Hint string
		} `json:"errors"`
		Notices []string `json:"notices"`
	} `json:"accounts"`
}

// json runs a command with --json, which has to print one object and no more.
func (r *rig) json(code int, args ...string) object {
	r.Helper()
	o := r.run(append(args, "--json")...)
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	var got object
	if err := dec.Decode(&got); err != nil {
		r.Fatalf("satchel %s --json: %v: %v", strings.Join(args, " "), err, o)
	}
	if dec.More() || len(got.Accounts) != 1 || got.Exit != o.code {
		r.Errorf("satchel %s --json: not one object of one account that says exit %d: %v", strings.Join(args, " "), o.code, o)
	}
	if o.code != code {
		r.Fatalf("satchel %s --json: want exit %d, got %v", strings.Join(args, " "), code, o)
	}
	return got
}

// idle checks that there is nothing left to do.
func (r *rig) idle() {
	r.Helper()
	if o := r.json(0, "sync"); len(o.Counts) > 0 || len(o.Accounts[0].Counts) > 0 {
		r.Errorf("a second run did %v", o.Counts)
	}
	r.silent("sync")
}

// text is a message as it is on disk.
func text(subject, body string) []byte {
	return fmt.Appendf(nil, "From: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nSubject: %s\nMessage-ID: <%s@example.org>\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n\n%s\n",
		subject, subject, cmp.Or(body, "This is "+subject+"."))
}

func withCRLF(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }

// mkdir makes a mailbox on disk; its name needs no encoding.
func (r *rig) mkdir(mailbox string) {
	r.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		r.must(os.MkdirAll(filepath.Join(r.mail, mailbox, sub), 0o700))
	}
}

// put writes a file, such as "INBOX/cur/1.a:2,S", with a date.
func (r *rig) put(name string, date int64, content []byte) {
	r.Helper()
	path := filepath.Join(r.mail, name)
	r.must(os.WriteFile(path, content, 0o600))
	r.must(os.Chtimes(path, time.Unix(date, 0), time.Unix(date, 0)))
}

// file finds a message on disk by its subject.
func (r *rig) file(mailbox, subject string) string {
	r.Helper()
	for _, l := range r.folder(filepath.Join(r.mail, mailbox)) {
		if l.subject() == subject {
			return l.name
		}
	}
	r.Fatalf("no file %q in %s", subject, mailbox)
	return ""
}

// base is a file's name without flags.
func base(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ":2,")
	return name
}

// rename moves a file, to a path such as "INBOX/cur/1.a:2,S".
func (r *rig) rename(from, to string) {
	r.Helper()
	r.must(os.Rename(from, filepath.Join(r.mail, to)))
}
