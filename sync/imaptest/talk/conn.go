package talk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"satchel/sync/imaptest"
)

// ErrNo is an answer that is not OK, over a connection that works.
var ErrNo = errors.New("the server refuses")

// Conn is a connection of a user who has logged in.
type Conn struct {
	conn     net.Conn
	r        *bufio.Reader
	tag      int
	patience time.Duration // how long a command may take
}

// Dial connects without TLS and logs in.
func Dial(addr, user, password string, patience time.Duration) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &Conn{conn: conn, r: bufio.NewReaderSize(conn, 1<<18), patience: patience}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err = c.reply(); err != nil {
		err = fmt.Errorf("read greeting: %w", err)
	} else {
		_, _, err = c.Do("LOGIN %s %s", user, password)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// Close ends the connection without a word.
func (c *Conn) Close() error { return c.conn.Close() }

// reply reads one response.
func (c *Conn) reply() (r Reply, err error) {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return r, fmt.Errorf("read: %w after %.80q", err, line)
		}
		line = strings.TrimSuffix(line, "\r\n")
		r.Text += line
		open := strings.LastIndexByte(line, '{')
		if open < 0 || !strings.HasSuffix(line, "}") {
			return r, nil
		}
		n, err := strconv.ParseUint(line[open+1:len(line)-1], 10, 31)
		if err != nil {
			return r, nil //nolint:nilerr // text that looks like a literal
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(c.r, data); err != nil {
			return r, fmt.Errorf("read: %w in a literal", err)
		}
		r.Literals = append(r.Literals, data)
	}
}

// Each sends a command and hands on each response to it. A whole mailbox can be
// read so without being in memory.
func (c *Conn) Each(take func(Reply) error, format string, args ...any) (status string, err error) {
	c.tag++
	tag, command := fmt.Sprintf("a%d ", c.tag), fmt.Sprintf(format, args...)
	_ = c.conn.SetDeadline(time.Now().Add(c.patience))
	if _, err := io.WriteString(c.conn, tag+command+"\r\n"); err != nil {
		return "", err
	}
	for {
		r, err := c.reply()
		if err != nil {
			return "", err
		}
		status, last := strings.CutPrefix(r.Text, tag)
		switch {
		case last && !strings.HasPrefix(status, "OK"):
			return status, fmt.Errorf("%.80s: %w: %s", command, ErrNo, status)
		case last:
			return status, nil
		}
		if err := take(r); err != nil {
			return "", err
		}
	}
}

// Do sends a command and returns the responses to it and its status.
func (c *Conn) Do(format string, args ...any) (all []Reply, status string, err error) {
	status, err = c.Each(func(r Reply) error {
		all = append(all, r)
		return nil
	}, format, args...)
	return all, status, err
}

// Append adds messages with one command (RFC 3502), so all or none of them.
func (c *Conn) Append(mailbox string, messages ...imaptest.Message) (status string, err error) {
	var b bytes.Buffer
	for _, m := range messages {
		fmt.Fprintf(&b, " (%s) \"%s\" {%d+}\r\n%s", strings.Join(m.Flags, " "), m.Date.Format("02-Jan-2006 15:04:05 -0700"), len(m.Content), m.Content)
	}
	_, status, err = c.Do("APPEND %s%s", Name(mailbox), &b)
	return status, err
}
