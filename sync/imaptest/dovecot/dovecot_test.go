package dovecot_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
)

// client is just enough IMAP to see that the server is there.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	tag  int
}

func newClient(t *testing.T, conn net.Conn, err error) *client {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, r: bufio.NewReader(conn)}
	if line := c.line(); !strings.HasPrefix(line, "* OK") {
		t.Fatalf("greeting %q", line)
	}
	return c
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	return newClient(t, conn, err)
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return strings.TrimRight(line, "\r\n")
}

// cmd sends a command and returns its untagged lines and the tagged one, in order.
func (c *client) cmd(format string, args ...any) string {
	c.t.Helper()
	c.tag++
	tag := fmt.Sprintf("a%d ", c.tag)
	if _, err := fmt.Fprintf(c.conn, tag+format+"\r\n", args...); err != nil {
		c.t.Fatal(err)
	}
	var all []string
	for {
		line := c.line()
		all = append(all, line)
		if rest, ok := strings.CutPrefix(line, tag); ok {
			if !strings.HasPrefix(rest, "OK") {
				c.t.Fatalf("%s: %s", format, line)
			}
			return strings.Join(all, "\n")
		}
	}
}

// has checks that an answer holds a string.
func has(t *testing.T, answer, want string) {
	t.Helper()
	if !strings.Contains(answer, want) {
		t.Errorf("want %q in\n%s", want, answer)
	}
}

func TestLoginAndSelect(t *testing.T) {
	begin := time.Now()
	srv := dovecot.Start(t, dovecot.Options{})
	t.Logf("started in %v", time.Since(begin))

	c := dial(t, srv.Addr())
	has(t, c.cmd("LOGIN %s %s", srv.User, srv.Password), "QRESYNC")
	sel := c.cmd("SELECT INBOX")
	has(t, sel, "UIDVALIDITY")
	has(t, sel, "* 0 EXISTS")
	has(t, c.cmd(`LIST "" "*"`), `"/" INBOX`)

	// Nobody sees another's mail.
	c.cmd("CREATE Lists/go")
	other := dial(t, srv.Addr())
	other.cmd("LOGIN bob secret")
	if s := other.cmd(`LIST "" "*"`); strings.Contains(s, "Lists") {
		t.Errorf("bob sees ann's mailboxes:\n%s", s)
	}
}

func TestStorage(t *testing.T) {
	for storage, file := range map[string]string{
		dovecot.SDBox:   "mail/mailboxes/INBOX/dbox-Mails/u.1",
		dovecot.MDBox:   "mail/storage/m.1",
		dovecot.Maildir: "Maildir/cur/*",
	} {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			srv := dovecot.Start(t, dovecot.Options{Storage: storage})
			c := dial(t, srv.Addr())
			c.cmd("LOGIN ann secret")
			c.cmd("APPEND INBOX {14+}\r\nSubject: x\r\n\r\n")
			has(t, c.cmd("SELECT INBOX"), "* 1 EXISTS")
			found, err := filepath.Glob(filepath.Join(srv.Home("ann"), file))
			if err != nil || len(found) == 0 {
				t.Errorf("no %s in %s (%v)", file, srv.Home("ann"), err)
			}
		})
	}
}

func TestNamespace(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{Delimiter: ".", Prefix: "INBOX.", Storage: dovecot.Maildir})
	c := dial(t, srv.Addr())
	c.cmd("LOGIN ann secret")
	has(t, c.cmd("NAMESPACE"), `(("INBOX." "."))`)
	c.cmd("CREATE INBOX.Trash")
	has(t, c.cmd(`LIST "" "*" RETURN (SPECIAL-USE)`), `\Trash) "." INBOX.Trash`)
}

func TestCapability(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{Capability: "IMAP4rev1 UIDPLUS IDLE"})
	c := dial(t, srv.Addr())
	if s := c.cmd("LOGIN ann secret"); !strings.Contains(s, "[CAPABILITY IMAP4rev1 UIDPLUS IDLE]") {
		t.Errorf("login: %s", s)
	}
}

func TestExtraAndUsers(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{
		Users:    []string{"zoe@example.org"},
		Password: "pass word",
		Extra:    "namespace shared {\n  prefix = Old/\n  separator = /\n  location = sdbox:~/old\n}",
	})
	c := dial(t, srv.Addr())
	c.cmd(`LOGIN %s "%s"`, srv.User, srv.Password)
	has(t, c.cmd("NAMESPACE"), "Old/")
}

func TestTLS(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{TLS: true})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(srv.CertPEM()) {
		t.Fatal("no certificate")
	}

	conn, err := tls.Dial("tcp", srv.TLSAddr(), &tls.Config{RootCAs: pool})
	c := newClient(t, conn, err)
	c.cmd("LOGIN ann secret")
	c.cmd("SELECT INBOX")

	plain := dial(t, srv.Addr())
	plain.cmd("STARTTLS")
	up := tls.Client(plain.conn, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err := up.Handshake(); err != nil {
		t.Fatal(err)
	}
	plain.conn, plain.r = up, bufio.NewReader(up)
	plain.cmd("LOGIN ann secret")
}

func TestManyConnections(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{})
	for range 40 {
		c := dial(t, srv.Addr())
		c.cmd("LOGIN ann secret")
		c.cmd("SELECT INBOX")
	}
}

func TestRestartAndDoveadm(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{})
	c := dial(t, srv.Addr())
	c.cmd("LOGIN ann secret")
	c.cmd("CREATE Archive")
	srv.Stop()
	srv.Stop()
	if conn, err := net.Dial("tcp", srv.Addr()); err == nil {
		_ = conn.Close()
		t.Error("answers after Stop")
	}
	addr := srv.Addr()
	srv.Restart(t)
	srv.Restart(t)
	if srv.Addr() != addr {
		t.Errorf("now at %s, was at %s", srv.Addr(), addr)
	}
	c = dial(t, srv.Addr())
	c.cmd("LOGIN ann secret")
	has(t, c.cmd(`LIST "" "*"`), "Archive")

	srv.Doveadm(t, "mailbox", "update", "--uid-validity", "77", "-u", "ann", "Archive")
	has(t, c.cmd("STATUS Archive (UIDVALIDITY)"), "UIDVALIDITY 77)")
}

// TestNothingLeft: folders and processes are gone when the test is.
func TestNothingLeft(t *testing.T) {
	var home string
	ok := t.Run("server", func(t *testing.T) {
		srv := dovecot.Start(t, dovecot.Options{})
		c := dial(t, srv.Addr())
		c.cmd("LOGIN ann secret")
		home = srv.Home("ann")
	})
	if !ok {
		t.FailNow()
	}
	if home == "" {
		t.Skip("no Dovecot")
	}
	dir := filepath.Dir(filepath.Dir(home))
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
	if left := running(t, dir); left != "" {
		t.Errorf("still running: %q", left)
	}
}

// TestKilledTest: a test process that is killed cannot clean up, and takes its
// Dovecot with it all the same.
func TestKilledTest(t *testing.T) {
	if os.Getenv("SATCHEL_DOVECOT_CHILD") != "" {
		srv := dovecot.Start(t, dovecot.Options{})
		fmt.Println("home", srv.Home("ann"))
		select {} // until killed
	}
	dovecot.Start(t, dovecot.Options{}).Stop() // skips when there is none
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledTest$")
	cmd.Env = append(os.Environ(), "SATCHEL_DOVECOT_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	home, ok := strings.CutPrefix(strings.TrimSpace(line), "home ")
	if !ok {
		t.Fatalf("child said %q, %v", line, err)
	}
	dir := filepath.Dir(filepath.Dir(home))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	deadline := time.Now().Add(20 * time.Second)
	for left := running(t, dir); left != ""; left = running(t, dir) {
		if time.Now().After(deadline) {
			t.Fatalf("still running: %s", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// running names a process that has a server's folder on its command line, or
// works in it.
func running(t *testing.T, dir string) string {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		b, err := os.ReadFile(filepath.Join(p, "cmdline"))
		if err != nil {
			continue
		}
		cwd, _ := os.Readlink(filepath.Join(p, "cwd"))
		if strings.Contains(string(b), dir) || strings.HasPrefix(cwd, dir) {
			return string(b)
		}
	}
	return ""
}
