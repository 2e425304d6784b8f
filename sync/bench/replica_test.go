//go:build linux

package bench

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"satchel/sync/imaptest/netsim"
)

// account is one on the server, and what it must hold.
type account struct {
	h    *harness
	user string
	want model
}

func (h *harness) newAccount(t *testing.T) *account {
	t.Helper()
	if h.users == len(h.srv.Users) {
		t.Fatal("no user is left: raise the number in newHarness")
	}
	h.users++
	return &account{h: h, user: h.srv.Users[h.users-1], want: model{"INBOX": {}}}
}

func (a *account) login(t *testing.T) *connection {
	t.Helper()
	c, err := login(a.h.srv.Addr(), a.user, a.h.srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fill writes n new messages of a size to a mailbox, which it creates.
func (a *account) fill(t *testing.T, c *connection, mailbox string, n, size int) {
	t.Helper()
	if a.want[mailbox] == nil {
		if _, err := c.do("CREATE %s", mailbox); err != nil {
			t.Fatal(err)
		}
		a.want[mailbox] = map[digest]string{}
	}
	for n > 0 {
		part := a.h.author.writeMany(min(n, batch), size)
		if err := c.fill(mailbox, part); err != nil {
			t.Fatal(err)
		}
		a.want.add(mailbox, part...)
		n -= len(part)
	}
}

// replica is one program's copy of an account, with its configuration and state.
type replica struct {
	*account
	tool string
	dir  string

	// What the last verify found.
	disk   map[string]map[digest]file
	server map[string]map[digest]stored
}

const (
	satchel = "satchel"
	mbsync  = "mbsync"
)

// The whole configuration of each. There is no fsync key in either: it is on
// in both by default, and [replica.configure] makes sure that it stays so, and
// [harness.durable] that it is what the programs do.
const (
	satchelConfig = `[accounts.bench]
host = "127.0.0.1"
port = %[1]s
tls = "none"
user = "%[2]s"
password = "%[3]s"
maildir = "%[4]s"
`
	mbsyncConfig = `IMAPStore far
Host 127.0.0.1
Port %[1]s
User %[2]s
Pass %[3]s
SSLType None
AuthMechs LOGIN

MaildirStore near
Path %[4]s/
Inbox %[4]s/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
`
)

func (a *account) newReplica(t *testing.T, tool string) *replica {
	t.Helper()
	a.h.replicas++
	r := &replica{account: a, tool: tool, dir: filepath.Join(a.h.scratch, fmt.Sprintf("%03d-%s", a.h.replicas, tool))}
	if err := os.MkdirAll(r.mail(), 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *replica) mail() string { return filepath.Join(r.dir, "mail") }

func (r *replica) env() []string {
	return []string{
		"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + r.dir,
		"XDG_CONFIG_HOME=" + filepath.Join(r.dir, "config"), "XDG_STATE_HOME=" + filepath.Join(r.dir, "state"),
	}
}

// hasty changes a configuration while a fixture is made, which nobody measures
// and which may wait for the disk once, at its end.
func hasty(tool, text string) string {
	if tool == satchel {
		return text + "fsync = false\n"
	}
	return "FSync no\n\n" + text
}

// configure points the program at a server and returns its command line. Only
// what is never measured may be without fsync.
func (r *replica) configure(t *testing.T, addr string, fsync bool) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	path, text := filepath.Join(r.dir, "mbsyncrc"), mbsyncConfig
	argv := []string{r.h.mbsync, "-c", path, "bench"}
	if r.tool == satchel {
		path, text = filepath.Join(r.dir, "config", "satchel", "config.toml"), satchelConfig
		argv = []string{r.h.satchel, "sync"}
	}
	text = fmt.Sprintf(text, port, r.user, r.h.srv.Password, r.mail())
	if strings.Contains(strings.ToLower(strings.ReplaceAll(text, r.dir, "")), "fsync") {
		t.Fatal("the configuration must leave fsync alone")
	}
	if !fsync {
		text = hasty(r.tool, text)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return argv
}

// line is how the program reaches the server.
type line struct {
	proxied bool
	rtt     time.Duration
	fixture bool // nobody looks at the time: no fsync
}

// runLimit is for one run; the first sync of a million messages is the longest.
const runLimit = 2 * time.Hour

// run lets the program sync once.
func (r *replica) run(t *testing.T, l line) usage {
	t.Helper()
	addr := r.h.srv.Addr()
	if l.proxied {
		addr = r.h.proxy.Addr()
		r.h.proxy.Configure(netsim.Options{RTT: l.rtt})
	}
	argv := r.configure(t, addr, !l.fixture)
	if !l.fixture {
		argv = slices.Concat(r.h.slowDisk, argv)
	}
	u := r.start(t, argv...)
	if l.proxied {
		s := r.h.drained()
		u.up, u.down, u.turns, u.connections = s.Up, s.Down, s.Turns, s.Connections
		if u.connections == 0 {
			t.Fatalf("%s never connected", r.tool)
		}
	}
	return u
}

// start runs a program in this replica's surroundings and fails the test,
// with what it printed, unless it ends with exit code 0.
func (r *replica) start(t *testing.T, argv ...string) usage {
	t.Helper()
	out, err := os.Create(filepath.Join(r.dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := measure(r.dir, r.env(), out, runLimit, argv...)
	_ = out.Close()
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		if len(text) > 4000 {
			text = slices.Concat(text[:2000], []byte("\n...\n"), text[len(text)-2000:])
		}
		t.Fatalf("%v\n%s", err, text)
	}
	return u
}

// drained waits for the last bytes on their way and returns the counters.
func (h *harness) drained() netsim.Stats {
	for s := h.proxy.Stats(); ; {
		time.Sleep(60 * time.Millisecond)
		next := h.proxy.Stats()
		if next == s {
			return s
		}
		s = next
	}
}

// verify fails the test unless disk and server both hold what they must.
func (r *replica) verify(t *testing.T) {
	t.Helper()
	if err := r.check(); err != nil {
		t.Fatalf("%s did not do its work:\n%v", r.tool, err)
	}
}

func (r *replica) check() (err error) {
	if r.disk, err = readTree(r.mail(), r.tool == mbsync); err != nil {
		return err
	}
	if err := compare("the disk", r.want, r.disk); err != nil {
		return err
	}
	c, err := login(r.h.srv.Addr(), r.user, r.h.srv.Password)
	if err != nil {
		return err
	}
	defer c.close()
	names, err := c.mailboxes()
	if err != nil {
		return err
	}
	r.server = map[string]map[digest]stored{}
	for _, name := range names {
		if r.server[name], err = c.read(name, r.tool == mbsync); err != nil {
			return err
		}
	}
	return compare("the server", r.want, r.server)
}

// quiesce lets the disk finish what came before.
func quiesce() {
	runtime.GC() // ours should not run while the clock does
	unix.Sync()
}

// settle also lets folders that were changed grow older than the time stamps'
// resolution of one second that mbsync reckons with.
func settle() {
	quiesce()
	time.Sleep(2100 * time.Millisecond)
}

// prepare syncs until a further run has nothing to do, and returns what the
// first sync cost, without fsync.
func (r *replica) prepare(t *testing.T) usage {
	t.Helper()
	return prepareAll(t, []*replica{r})[0]
}

// prepareAll does so for several, which wait for the disk together.
func prepareAll(t *testing.T, all []*replica) []usage {
	t.Helper()
	used := make([]usage, len(all))
	for i, r := range all {
		used[i] = r.run(t, line{fixture: true})
	}
	settle()
	for _, r := range all {
		r.run(t, line{})
	}
	settle()
	for _, r := range all {
		r.verify(t)
	}
	return used
}

// A person's changes on disk, as a mail program makes them.

var fresh int // numbers the file names of this process

func newName(flags string) string {
	fresh++
	name := fmt.Sprintf("%d.M%06dP%d.bench", time.Now().Unix(), fresh, os.Getpid())
	return name + ":2," + flags
}

// folder is the directory of a mailbox.
func (r *replica) folder(mailbox string) string { return filepath.Join(r.mail(), mailbox) }

func (r *replica) writeFiles(t *testing.T, mailbox string, messages []message) {
	t.Helper()
	dir := r.folder(mailbox)
	for _, m := range messages {
		name := newName(m.flags)
		tmp := filepath.Join(dir, "tmp", name)
		data := strings.ReplaceAll(string(m.data), "\r\n", "\n")
		err := os.WriteFile(tmp, []byte(data), 0o600)
		if err == nil {
			err = os.Chtimes(tmp, m.date, m.date)
		}
		if err == nil {
			err = os.Rename(tmp, filepath.Join(dir, "cur", name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (r *replica) flagFile(t *testing.T, f file, flags string) {
	t.Helper()
	base, _ := splitName(filepath.Base(f.path))
	to := filepath.Join(filepath.Dir(filepath.Dir(f.path)), "cur", base+":2,"+flags)
	if err := os.Rename(f.path, to); err != nil {
		t.Fatal(err)
	}
}

// moveFile gives a file a new name in another folder: mbsync keeps UIDs in
// names and asks mail programs to do so.
func (r *replica) moveFile(t *testing.T, f file, to string) {
	t.Helper()
	if err := os.Rename(f.path, filepath.Join(r.folder(to), "cur", newName(f.flags))); err != nil {
		t.Fatal(err)
	}
}

func toggled(flags string) string {
	if strings.Contains(flags, "F") {
		return strings.ReplaceAll(flags, "F", "")
	}
	b := []byte(flags + "F")
	slices.Sort(b)
	return string(b)
}

func (r *replica) remove(t *testing.T, f file) {
	t.Helper()
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
}
