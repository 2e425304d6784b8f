package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/imaptest/dovecot"
	"satchel/sync/imaptest/talk"
)

// imapClient is the other client of an account, without any of the code under
// test. Mailboxes have the names that satchel gives them: "/" between levels, no
// prefix.
type imapClient struct {
	t              *testing.T
	conn           *talk.Conn
	delim, prefix  string
	selected, user string
}

func dialIMAP(t *testing.T, srv *dovecot.Server, delim, prefix, user string) *imapClient {
	t.Helper()
	conn, err := talk.Dial(srv.Addr(), user, srv.Password, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &imapClient{t: t, conn: conn, delim: delim, prefix: prefix, user: user}
}

// try runs a command and returns its untagged responses and its status.
func (c *imapClient) try(format string, args ...any) (all []talk.Reply, status string) {
	c.t.Helper()
	all, status, err := c.conn.Do(format, args...)
	if err != nil && !errors.Is(err, talk.ErrNo) {
		c.t.Fatal(err)
	}
	return all, status
}

func (c *imapClient) cmd(format string, args ...any) []talk.Reply {
	c.t.Helper()
	all, status := c.try(format, args...)
	if !strings.HasPrefix(status, "OK") {
		c.t.Fatalf("%.200s: %s", fmt.Sprintf(format, args...), status)
	}
	return all
}

// wire is the name of a mailbox on the server.
func (c *imapClient) wire(mailbox string) string {
	if mailbox == "INBOX" {
		return mailbox
	}
	return c.prefix + strings.ReplaceAll(mailbox, "/", c.delim)
}

// name is a mailbox as a command wants it.
func (c *imapClient) name(mailbox string) string { return talk.Name(c.wire(mailbox)) }

func (c *imapClient) sel(mailbox string) {
	c.t.Helper()
	if c.selected != mailbox {
		c.cmd("SELECT %s", c.name(mailbox))
		c.selected = mailbox
	}
}

func (c *imapClient) create(mailbox string) {
	c.t.Helper()
	c.cmd("CREATE %s", c.name(mailbox))
}

func (c *imapClient) append(mailbox string, flags string, date int64, content []byte) {
	c.t.Helper()
	c.add(mailbox, imaptest.Message{Flags: strings.Fields(flags), Date: time.Unix(date, 0).In(time.FixedZone("", 7200)), Content: content})
}

// appendMany appends in one command.
func (c *imapClient) appendMany(mailbox string, date int64, contents [][]byte) {
	c.t.Helper()
	var all []imaptest.Message
	for i, content := range contents {
		all = append(all, imaptest.Message{Flags: []string{`\Seen`}, Date: time.Unix(date+int64(i), 0).UTC(), Content: content})
	}
	c.add(mailbox, all...)
}

func (c *imapClient) add(mailbox string, all ...imaptest.Message) {
	c.t.Helper()
	if _, err := c.conn.Append(c.wire(mailbox), all...); err != nil {
		c.t.Fatal(err)
	}
}

// uid finds a message by its subject.
func (c *imapClient) uid(mailbox, subject string) string {
	c.t.Helper()
	c.sel(mailbox)
	for _, r := range c.cmd("UID SEARCH SUBJECT %q", subject) {
		if f := strings.Fields(r.Text); len(f) == 3 && f[1] == "SEARCH" {
			return f[2]
		}
	}
	c.t.Fatalf("there is not one message %q in %s", subject, mailbox)
	return ""
}

func (c *imapClient) store(mailbox, subject, change string) {
	c.t.Helper()
	c.cmd("UID STORE %s %s", c.uid(mailbox, subject), change)
}

func (c *imapClient) expunge(mailbox, subject string) {
	c.t.Helper()
	uid := c.uid(mailbox, subject)
	c.cmd(`UID STORE %s +FLAGS (\Deleted)`, uid)
	c.cmd("UID EXPUNGE %s", uid)
}

// list returns the mailboxes that can be selected, or with LSUB the subscribed ones.
func (c *imapClient) list(verb string) (names []string) {
	c.t.Helper()
	for _, r := range c.cmd(`%s "" "*"`, verb) {
		name, ok := r.Listed()
		if !ok {
			continue
		}
		if name != "INBOX" {
			name = strings.ReplaceAll(strings.TrimPrefix(name, c.prefix), c.delim, "/")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// messages reads a mailbox.
func (c *imapClient) messages(mailbox string) (all []letter) {
	c.t.Helper()
	c.cmd("EXAMINE %s", c.name(mailbox))
	c.selected = ""
	for _, r := range c.cmd("UID FETCH 1:* " + talk.Whole) {
		if m, ok := r.Message(); ok {
			all = append(all, letter{name: strconv.FormatUint(uint64(m.UID), 10), content: m.Content, flags: m.Flags, date: m.Date.Unix()})
		}
	}
	return all
}

func (c *imapClient) read() letters {
	c.t.Helper()
	all := letters{}
	for _, mailbox := range c.list("LIST") {
		all[mailbox] = c.messages(mailbox)
	}
	return all
}
