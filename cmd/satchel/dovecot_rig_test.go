package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// letter is a message of either side.
type letter struct {
	name    string // file name, or UID
	content []byte
	flags   []string // IMAP's names, sorted
	date    int64
}

// subject is what tells the messages of a test apart.
func (l letter) subject() string {
	_, rest, ok := bytes.Cut(append([]byte("\n"), l.content...), []byte("\nSubject: "))
	if !ok {
		return fmt.Sprintf("%.20q", l.content)
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return strings.TrimSuffix(string(line), "\r")
}

// letters is one side: every mailbox, also the empty ones.
type letters map[string][]letter

// lines tells a side in text, one line for each message.
func (s letters) lines(describe func(letter) string) []string {
	var all []string
	for mailbox, ls := range s {
		all = append(all, mailbox)
		for _, l := range ls {
			all = append(all, mailbox+": "+describe(l))
		}
	}
	slices.Sort(all)
	return all
}

// brief is subject and flags.
func brief(l letter) string {
	return strings.TrimSpace(l.subject() + " " + strings.Join(l.flags, " "))
}

// onDisk is the form that a message of the server has to have on disk.
func onDisk(content []byte) []byte {
	lf := bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	if bytes.HasSuffix(content, []byte("\r\n")) && !bytes.Contains(content, []byte("\r\r\n")) &&
		bytes.Count(content, []byte("\n")) == bytes.Count(content, []byte("\r\n")) {
		return lf
	}
	return content
}

// withoutLength leaves out the line that mutt adds where it saves a message: it
// stays on the side where it was saved (SPEC §5).
func withoutLength(content []byte) []byte {
	head, body, _ := bytes.Cut(content, []byte("\n\n"))
	lines := bytes.SplitAfter(append(head, '\n'), []byte("\n"))
	lines = slices.DeleteFunc(lines, func(l []byte) bool { return bytes.HasPrefix(l, []byte("Content-Length: ")) })
	return slices.Concat(bytes.Join(lines, nil), []byte("\n"), body)
}

var namedByUID = regexp.MustCompile(`U=\d`)

// disk reads the Maildir, in the nested layout.
func (r *rig) disk() letters {
	r.Helper()
	all := letters{}
	r.must(filepath.WalkDir(r.mail, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if d.Name() != "cur" {
			return nil
		}
		dir := filepath.Dir(path)
		rel, err := filepath.Rel(r.mail, dir)
		if err != nil {
			return err
		}
		mailbox := decodePercent(rel)
		all[mailbox] = r.folder(dir)
		return fs.SkipDir
	}))
	return all
}

// decodePercent undoes the encoding of SPEC §5.
func decodePercent(dir string) string {
	dir = strings.ReplaceAll(dir, "%+/", "")
	return regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(dir, func(s string) string {
		n, _ := strconv.ParseUint(s[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

func (r *rig) folder(dir string) (all []letter) {
	r.Helper()
	keywords := map[string]string{}
	if b, err := os.ReadFile(filepath.Join(dir, "dovecot-keywords")); err == nil {
		for line := range strings.Lines(string(b)) {
			n, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			i, err := strconv.Atoi(n)
			r.must(err)
			keywords[string(rune('a'+i))] = name
		}
	}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		r.must(err)
		for _, e := range entries {
			path := filepath.Join(dir, sub, e.Name())
			content, err := os.ReadFile(path)
			r.must(err)
			info, err := os.Stat(path)
			r.must(err)
			l := letter{name: path, content: content, date: info.ModTime().Unix()}
			_, flags, _ := strings.Cut(e.Name(), ":2,")
			for _, c := range strings.Split(flags, "") {
				name, ok := map[string]string{"D": `\Draft`, "F": `\Flagged`, "P": "$Forwarded", "R": `\Answered`, "S": `\Seen`, "T": `\Deleted`}[c]
				if !ok {
					name, ok = keywords[c]
				}
				if !ok {
					r.Errorf("%s: what is flag %s?", path, c)
				}
				l.flags = append(l.flags, name)
			}
			slices.Sort(l.flags)
			all = append(all, l)
		}
	}
	if tmp, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(tmp) > 0 {
		r.Errorf("%s/tmp still holds %v", dir, tmp)
	}
	return all
}

// equal compares the sides: mailboxes, bytes, flags and dates. It returns what both hold.
func (r *rig) equal() letters {
	r.Helper()
	server, disk := r.imap.read(), r.disk()
	r.compare(server, disk)
	return server
}

func (r *rig) compare(server, disk letters) {
	r.Helper()
	whole := func(l letter) string {
		return fmt.Sprintf("%s %d %v %q", l.subject(), l.date, l.flags, l.content)
	}
	s := server.lines(func(l letter) string { l.content = withoutLength(onDisk(l.content)); return whole(l) })
	d := disk.lines(func(l letter) string { l.content = withoutLength(l.content); return whole(l) })
	if !slices.Equal(s, d) {
		r.Errorf("the sides differ:\n%s", differ(s, d, "server", "disk"))
	}
	for _, ls := range disk {
		for _, l := range ls {
			if namedByUID.MatchString(filepath.Base(l.name)) || strings.Contains(filepath.Base(l.name), distinctUID) {
				r.Errorf("a UID in the name %s", l.name)
			}
		}
	}
}

// distinctUID begins the UIDs of INBOX in TestDovecot/sides.
const distinctUID = "8675309"

// differ shows the lines that only one of two sorted lists has.
func differ(a, b []string, nameA, nameB string) string {
	count := map[string]int{}
	for _, l := range a {
		count[l]++
	}
	for _, l := range b {
		count[l]--
	}
	var out strings.Builder
	for _, l := range slices.Sorted(maps.Keys(count)) {
		if n := count[l]; n != 0 {
			who := nameA
			if n < 0 {
				who = nameB
			}
			fmt.Fprintf(&out, "only %s: %.300s\n", who, l)
		}
	}
	return out.String()
}

// holds compares what there is with mailboxes, and messages as "mailbox: subject flags".
func (r *rig) holds(s letters, want ...string) {
	r.Helper()
	want = sorted(slices.Clone(want))
	if got := s.lines(brief); !slices.Equal(got, want) {
		r.Errorf("not what it should be:\n%s", differ(want, got, "wanted", "present"))
	}
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
