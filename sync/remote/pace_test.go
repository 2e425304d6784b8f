package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
		"a slow line":    {func(int) string { return "* OK " + strings.Repeat("x", 1000) + "\r\n" }, 7200, false},
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
