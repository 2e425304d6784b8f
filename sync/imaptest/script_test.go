package imaptest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// client speaks raw IMAP.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func dial(t *testing.T, s *Server) *client {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

func newClient(t *testing.T, conn net.Conn) *client {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, conn, bufio.NewReader(conn)}
}

// login dials and logs in without a trace in the script.
func login(t *testing.T, s *Server) *client {
	t.Helper()
	c := dial(t, s)
	c.line()
	c.send("l LOGIN ann secret")
	if got := c.line(); !strings.HasPrefix(got, "l OK") {
		t.Fatalf("login: %s", got)
	}
	return c
}

func (c *client) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.t.Fatalf("send %q: %v", line, err)
	}
}

// line reads a response. A literal in it follows as <its content>, so that a script stays one line for each response.
func (c *client) line() string {
	c.t.Helper()
	var b strings.Builder
	for {
		s, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read: %v after %q", err, s)
		}
		s = strings.TrimSuffix(s, "\r\n")
		n, _, ok := literalAtEnd([]byte(s))
		if !ok {
			return b.String() + s
		}
		lit := make([]byte, n)
		if _, err := io.ReadFull(c.r, lit); err != nil {
			c.t.Fatal(err)
		}
		b.WriteString(s[:strings.LastIndexByte(s, '{')] + fmt.Sprintf("<%s>", strings.ReplaceAll(string(lit), "\r\n", "|")))
	}
}

// script sends lines that start with C: and compares responses with those that start with S:, in which "..." is anything.
// A line "S: ..." skips responses up to the one that the next line expects.
func (c *client) script(text string) {
	c.t.Helper()
	skip := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(line)
		kind, rest, _ := strings.Cut(line, ": ")
		switch {
		case kind == "C":
			c.send(strings.ReplaceAll(rest, "|", "\r\n"))
		case line == "S: ...":
			skip = true
		case kind == "S":
			got := c.line()
			for skip && !like(rest, got) && !strings.HasPrefix(got, strings.SplitN(rest, " ", 2)[0]+" BAD") {
				got = c.line()
			}
			if skip = false; !like(rest, got) {
				c.t.Fatalf("got  %s\nwant %s", got, rest)
			}
		default:
			c.t.Fatalf("bad script line %q", line)
		}
	}
}

func like(want, got string) bool {
	parts := strings.Split(want, "...")
	if !strings.HasPrefix(got, parts[0]) {
		return false
	}
	got = got[len(parts[0]):]
	for i, part := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(got, part)
		}
		j := strings.Index(got, part)
		if j < 0 {
			return false
		}
		got = got[j+len(part):]
	}
	return got == ""
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s := NewServer(o)
	t.Cleanup(s.Close)
	return s
}

func day(n int) time.Time {
	return time.Date(2026, 3, n, 10, 0, 0, 0, time.FixedZone("", 3600))
}

// fill appends n messages, the first with UID 1 and mod-sequence 2.
func fill(s *Server, mailbox string, n int) {
	for i := range n {
		s.Append(mailbox, nil, day(1+i%28), fmt.Appendf(nil, "Subject: m%d\r\nFrom: Bob <bob@example.org>\r\n\r\nbody %d\r\n", i+1, i+1))
	}
}
