package dovecot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Mailbox formats for [Options.Storage].
const (
	SDBox   = "sdbox"   // one file per message, Dovecot's own
	MDBox   = "mdbox"   // many messages per file, Dovecot's own
	Maildir = "maildir" // Maildir++
)

// readyTimeout is how long a server may take until it greets. It takes some
// 50 ms; the rest is for machines that do other things at the same time.
const readyTimeout = 20 * time.Second

// Options says what kind of server a test wants. The zero value is a good one:
// sdbox, delimiter "/", no prefix, no TLS, everything that Dovecot can do.
type Options struct {
	Storage    string   // SDBox (default), MDBox or Maildir
	Delimiter  string   // between mailbox levels: "/" (default) or "."
	Prefix     string   // of the personal namespace, such as "INBOX."; default none
	Capability string   // imap_capability: the whole list after login, or "+X Y" to add; default Dovecot's
	Fsync      string   // mail_fsync: never (default), optimized or always
	TLS        bool     // also listen with implicit TLS, and offer STARTTLS
	Users      []string // who can log in; default ann, bob, carol and dave
	Password   string   // of every user; default "secret"
	Mechanisms string   // auth_mechanisms; default the password mechanisms
	Extra      string   // configuration appended as it is, but for $DIR, the folder of Files

	Files map[string]string // further files, by name
}

// Server is a running Dovecot that belongs to one test.
type Server struct {
	User     string   // the first of Users
	Users    []string // everybody who can log in
	Password string   // of everybody

	opt     Options
	in      install
	dir     string // everything this server owns
	id      identity
	port    int
	tlsPort int // 0 without TLS
	token   string
	certPEM []byte
	proc    *process // nil when stopped
}

// Start starts a Dovecot and waits until it answers. It stops with the test, and its log
// is shown when the test failed. Without a usable Dovecot the test is skipped.
func Start(t testing.TB, opt Options) *Server {
	t.Helper()
	if opt.Storage == "" {
		opt.Storage = SDBox
	}
	if opt.Delimiter == "" {
		opt.Delimiter = "/"
	}
	if opt.Fsync == "" {
		opt.Fsync = "never"
	}
	if len(opt.Users) == 0 {
		opt.Users = []string{"ann", "bob", "carol", "dave"}
	}
	if opt.Password == "" {
		opt.Password = "secret"
	}
	in, err := find()
	var id identity
	if err == nil {
		id, err = chooseIdentity()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "\n*** %s SKIPPED: %v\n*** run `make test`, or .ci/dovecot.sh, to get Dovecot\n\n", t.Name(), err)
		t.Skipf("no Dovecot: %v", err)
	}
	s := &Server{User: opt.Users[0], Users: opt.Users, Password: opt.Password, opt: opt, in: in, id: id}
	if s.dir, err = shortTempDir(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("dovecot log:\n%s", s.Log())
		}
		if err := os.RemoveAll(s.dir); err != nil {
			t.Errorf("remove dovecot folder: %v", err)
		}
	})
	if err := s.setUp(); err != nil {
		t.Fatalf("dovecot: %v", err)
	}
	// The kernel names a free port, and another process may take it before Dovecot
	// does: then Dovecot ends at once, and the next number is tried.
	for try := 1; ; try++ {
		err = s.choosePorts()
		if err == nil {
			err = s.start()
		}
		if err == nil {
			return s
		}
		if try == 5 || !strings.Contains(s.Log(), "Address already in use") {
			t.Fatalf("dovecot: %v", err)
		}
	}
}

// Addr is the address to dial for IMAP in the clear (with STARTTLS when
// Options.TLS is set), as host:port.
func (s *Server) Addr() string { return loopback(s.port) }

// Port is the port of [Server.Addr].
func (s *Server) Port() int { return s.port }

// TLSAddr is the address to dial for implicit TLS, "" without Options.TLS.
func (s *Server) TLSAddr() string {
	if s.tlsPort == 0 {
		return ""
	}
	return loopback(s.tlsPort)
}

// TLSPort is the port of [Server.TLSAddr], 0 without Options.TLS.
func (s *Server) TLSPort() int { return s.tlsPort }

// CertPEM is the self-signed certificate for 127.0.0.1, ::1 and localhost, nil without
// Options.TLS.
func (s *Server) CertPEM() []byte { return s.certPEM }

// Home is the folder that holds a user's mail: "mail" for sdbox and mdbox,
// "Maildir" for maildir are in it. It exists after the first login.
func (s *Server) Home(user string) string { return filepath.Join(s.dir, "home", user) }

// Log is everything that Dovecot has logged so far.
func (s *Server) Log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	out := string(b)
	if b, err := os.ReadFile(filepath.Join(s.dir, "stderr")); err == nil && len(b) > 0 {
		out += "stderr: " + string(b)
	}
	return out
}

// Stop ends the server and all its connections, and waits until the last of its processes
// is gone. The mail stays until the test ends, so that [Server.Restart] finds
// it. Stopping twice is fine.
func (s *Server) Stop() {
	if s.proc != nil {
		s.proc.stop()
		s.proc = nil
	}
}

// Restart stops the server if it runs and starts it again, with the same mail on the same
// ports.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		t.Fatalf("dovecot: restart: %v\n%s", err, s.Log())
	}
}

// Doveadm runs doveadm against this server, for what no IMAP command can do:
//
//	srv.Doveadm(t, "mailbox", "update", "--uid-validity", "7", "-u", "ann", "INBOX")
func (s *Server) Doveadm(t testing.TB, args ...string) string {
	t.Helper()
	if s.in.doveadm == "" {
		t.Fatal("dovecot: this installation has no doveadm")
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	cmd := s.command(ctx, "doveadm", s.in.doveadm, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("doveadm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// command prepares one of Dovecot's own programs. They ask doveconf for their settings
// by a path fixed when they were built; a relocated installation therefore
// begins with doveconf, as the programs would themselves.
func (s *Server) command(ctx context.Context, service, binary string, args ...string) *exec.Cmd {
	conf := filepath.Join(s.dir, "dovecot.conf")
	var cmd *exec.Cmd
	if s.in.relocated {
		a := []string{"-f", "service=" + service, "-c", conf, "-m", service, "-e", binary, "-c", conf}
		cmd = exec.CommandContext(ctx, s.in.doveconf, append(a, args...)...)
	} else {
		cmd = exec.CommandContext(ctx, binary, append([]string{"-c", conf}, args...)...)
	}
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	if s.in.relocated {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+s.libraryPath())
	}
	s.id.apply(cmd)
	return cmd
}

// choosePorts asks the kernel for free ports and writes the configuration that
// names them.
func (s *Server) choosePorts() error {
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	if s.opt.TLS {
		if s.tlsPort, err = freePort(); err != nil {
			return err
		}
	}
	s.token = filepath.Base(s.dir) + "-" + strconv.Itoa(s.port)
	if err := os.Remove(filepath.Join(s.dir, "log")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.writeFile("dovecot.conf", []byte(s.config()), 0o600)
}

// start starts the processes and returns when a client would be greeted.
func (s *Server) start() error {
	p, err := startProcess(s.command(context.Background(), "master", s.in.dovecot, "-F"), filepath.Join(s.dir, "stderr"))
	if err != nil {
		return err
	}
	deadline := time.Now().Add(readyTimeout)
	for {
		select {
		case <-p.done:
			p.stop()
			return fmt.Errorf("ended while starting:\n%s", s.Log())
		default:
		}
		if s.greets() {
			s.proc = p
			return nil
		}
		if time.Now().After(deadline) {
			p.stop()
			return fmt.Errorf("no greeting within %v:\n%s", readyTimeout, s.Log())
		}
		time.Sleep(3 * time.Millisecond)
	}
}

// greets reports whether this very server answers, ready for a login. While its login process
// waits for the authentication process Dovecot sends a line that is not yet
// the greeting; and somebody else's server may have been given our port.
func (s *Server) greets() bool {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // nothing was written
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && strings.Contains(line, s.token)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return 0, err
	}
	defer l.Close() //nolint:errcheck // nobody connected
	return l.Addr().(*net.TCPAddr).Port, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
