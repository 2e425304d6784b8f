package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"satchel/sync/mail"
)

// chatter is a server that logs in whoever comes and answers nothing else; each
// second it sends what say returns.
func chatter(conn net.Conn, say func(i int) string, upTo int) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	line := func() string {
		s, _ := br.ReadString('\n')
		tag, _, _ := strings.Cut(s, " ")
		return tag
	}
	_, _ = fmt.Fprint(conn, "* OK [CAPABILITY IMAP4rev1] hello\r\n")
	_, _ = fmt.Fprintf(conn, "%s OK [CAPABILITY IMAP4rev1] in\r\n", line())
	tag := line()
	for i := range upTo {
		time.Sleep(time.Second)
		if _, err := fmt.Fprint(conn, say(i)); err != nil {
			return
		}
	}
	_, _ = fmt.Fprintf(conn, "%s OK done\r\n", tag)
	_, _ = br.ReadString('\n')
}

// TestChatter runs on the clock of synctest. A server that says a line each second
// and answers nothing does not keep a run; one that is slow, or takes a while
// and says so, is waited for.
func TestChatter(t *testing.T) {
	for name, x := range map[string]struct {
		say   func(i int) string
		upTo  int
		drips bool
	}{
		"for ever":       {func(int) string { return "* OK still here\r\n" }, 1 << 20, true},
		"something new":  {func(i int) string { return fmt.Sprintf("* %d EXISTS\r\n* %d RECENT\r\n", i, i) }, 1 << 20, true},
		"half a line":    {func(int) string { return strings.Repeat("x", 200) }, 1 << 20, true},
		"a long search":  {func(int) string { return "* OK still here\r\n" }, 500, false},
		"much talk":      {func(int) string { return "* OK " + strings.Repeat("x", 1000) + "\r\n" }, 1 << 20, true},
		"a slow line":    {func(int) string { return "* 1 FETCH (X " + strings.Repeat("x", 1000) + ")\r\n" }, 7200, false},
		"a slow literal": {func(i int) string { return slowLiteral(i) }, 3600, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				done := make(chan struct{})
				go func() {
					defer close(done)
					chatter(server, x.say, x.upTo)
				}()
				o := dialOptions(func() (net.Conn, error) { return client, nil })
				o.Timeout = time.Minute
				cl, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				c, err := cl.Connect(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				err = c.Noop(context.Background())
				if drips := errors.Is(err, errDrips); drips != x.drips || drips != (mail.KindOf(err) == mail.KindConnection && err != nil) {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
				if x.drips && time.Since(begin) > 12*time.Minute {
					t.Errorf("ended after %v", time.Since(begin))
				}
				_ = c.Close()
				<-done
			})
		})
	}
}

// slowLiteral is a FETCH response with a literal that takes an hour.
func slowLiteral(i int) string {
	switch i {
	case 0:
		return fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n", 3598*1000)
	case 3599:
		return ")\r\n"
	}
	return strings.Repeat("y", 1000)
}

// TestChatterAfterRest: how long a connection was at rest does not count against
// the command behind, nor how long it took to send one.
func TestChatterAfterRest(t *testing.T) {
	for name, x := range map[string]struct {
		timeout, rest time.Duration
		size          int64
	}{
		"rested":           {time.Minute, 10 * time.Minute, 0},
		"a short timeout":  {5 * time.Second, 50 * time.Second, 0},
		"a long timeout":   {time.Hour, 24 * time.Hour, 0},
		"an upload":        {time.Minute, 0, 100 << 20},
		"rest and upload":  {5 * time.Second, time.Hour, 20 << 20},
		"a timeout of ten": {10 * time.Second, 101 * time.Second, 1 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				done := make(chan struct{})
				go func() {
					defer close(done)
					slowReader(server, x.size)
				}()
				o := dialOptions(func() (net.Conn, error) { return client, nil })
				o.Timeout = x.timeout
				cl, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				c, err := cl.Connect(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(x.rest)
				var stored error
				if x.size == 0 {
					err = c.Noop(context.Background())
				} else {
					req := AppendRequest{Size: x.size, Open: func() (io.ReadCloser, error) {
						return io.NopCloser(io.LimitReader(letters{}, x.size)), nil
					}}
					err = c.Append(context.Background(), "INBOX", []AppendRequest{req}, func(_ int, _ mail.UID, _ mail.UIDValidity, err error) { stored = err })
				}
				// What is wrong with a read is told by the next one.
				if err := errors.Join(err, stored, c.Noop(context.Background())); err != nil {
					t.Error(err)
				}
				_ = c.Close()
				<-done
			})
		})
	}
}

// slowReader is a server behind a line of 1 Mbit/s that answers what it is
// asked. The first command has a literal of so many bytes when there are any.
func slowReader(conn net.Conn, size int64) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	line := func() string {
		s, _ := br.ReadString('\n')
		tag, _, _ := strings.Cut(s, " ")
		return tag
	}
	const caps = "[CAPABILITY IMAP4rev1 LITERAL+]"
	_, _ = fmt.Fprintf(conn, "* OK %s hello\r\n", caps)
	_, _ = fmt.Fprintf(conn, "%s OK %s in\r\n", line(), caps)
	tag := line()
	for left := size; left > 0; {
		n, err := io.CopyN(io.Discard, br, min(left, 125_000))
		if left -= n; err != nil {
			return
		}
		time.Sleep(time.Second)
	}
	if size > 0 {
		_, _ = br.ReadString('\n')
	}
	for ; tag != ""; tag = line() {
		_, _ = fmt.Fprintf(conn, "%s OK done\r\n", tag)
	}
}

// letters is a text without end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
