package judge

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// answering is a server that answers OK, but to the commands in the table: with
// what is there, or with the end of the connection.
func answering(t *testing.T, table map[string]string) *client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			converse(conn, table)
		}
	}()
	c := &client{addr: l.Addr().String(), user: "u", password: "p"}
	t.Cleanup(c.close)
	return c
}

func converse(conn net.Conn, table map[string]string) {
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "* OK ready\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		tag, command, _ := strings.Cut(lines.Text(), " ")
		answer := "OK done"
		for begin, a := range table {
			if strings.HasPrefix(command, begin) {
				answer = a
			}
		}
		if answer == "" {
			return
		}
		before, last, found := strings.Cut(answer, "|")
		if !found {
			before, last = "", before
		}
		_, _ = fmt.Fprintf(conn, "%s%s %s\r\n", before, tag, last)
	}
}

// TestLostConnectionIsNoEmptyMailbox: what the server did not answer is kept as an
// error; a mailbox that it does not have is none.
func TestLostConnectionIsNoEmptyMailbox(t *testing.T) {
	listed := "* LIST () \"/\" INBOX\r\n|OK done"
	for name, x := range map[string]struct {
		table  map[string]string
		ask    func(*client) int
		failed bool
	}{
		"all is well":     {nil, func(c *client) int { return len(c.Messages("INBOX")) }, false},
		"fetch is cut":    {map[string]string{"UID FETCH": ""}, func(c *client) int { return len(c.Messages("INBOX")) }, true},
		"fetch refused":   {map[string]string{"UID FETCH": "NO later"}, func(c *client) int { return len(c.Messages("INBOX")) }, true},
		"select is cut":   {map[string]string{"SELECT": ""}, func(c *client) int { return len(c.Messages("INBOX")) }, true},
		"no such mailbox": {map[string]string{"SELECT": "NO none"}, func(c *client) int { return len(c.Messages("INBOX")) }, false},
		"list is cut":     {map[string]string{"LIST": ""}, func(c *client) int { return len(c.Mailboxes()) }, true},
		"list refused":    {map[string]string{"LIST": "NO later"}, func(c *client) int { return len(c.Mailboxes()) }, true},
		"status is cut":   {map[string]string{"LIST": listed, "STATUS": ""}, func(c *client) int { return len(c.Mailboxes()) }, true},
		"status refused":  {map[string]string{"LIST": listed, "STATUS": "NO none"}, func(c *client) int { return len(c.Mailboxes()) }, false},
		"copy is cut":     {map[string]string{"UID COPY": ""}, func(c *client) int { return int(c.Copy("INBOX", 1, "A")) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, x.table)
			if n := x.ask(c); n != 0 || (c.failed != nil) != x.failed {
				t.Errorf("%d, %v", n, c.failed)
			}
		})
	}
}

// TestExcused: exit code 1 is excused by a link, a fifo or a directory among the
// messages, as long as it is there; no other code is, nor by anything else.
func TestExcused(t *testing.T) {
	dir := t.TempDir()
	p := &player{place: Place{Dir: dir}}
	cur := filepath.Join(dir, "Mail", "INBOX", "cur")
	err := errors.Join(os.MkdirAll(cur, 0o700), os.Mkdir(filepath.Join(dir, "Mail", "lost+found"), 0o700),
		os.WriteFile(filepath.Join(dir, "Mail", "INBOX", ".DS_Store"), nil, 0o600), os.WriteFile(filepath.Join(cur, ".hidden"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if p.fails(result{code: 0}) || !p.fails(result{code: 1}) {
		t.Error("without anything odd")
	}
	odd := filepath.Join(cur, "1.odd:2,")
	for name, plant := range map[string]func() error{
		"link": func() error { return os.Symlink("/nowhere", odd) }, "fifo": func() error { return syscall.Mkfifo(odd, 0o600) },
		"directory": func() error { return os.Mkdir(odd, 0o700) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if p.fails(result{code: 1}) || !p.fails(result{code: 4}) || !p.fails(result{code: -1}) {
			t.Errorf("with a %s", name)
		}
		if err := os.Remove(odd); err != nil || !p.fails(result{code: 1}) {
			t.Errorf("without the %s: %v", name, err)
		}
	}
}
