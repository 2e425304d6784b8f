package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"satchel/sync/remote/imaptest/dovecot"
)

// imapClient is the other client of an account: just enough IMAP to change
// and to read a server without any of the code under test. Mailboxes have the names
// that satchel gives them: "/" between levels, no prefix.
type imapClient struct {
	t              *testing.T
	conn           net.Conn
	r              *bufio.Reader
	tag            int
	delim, prefix  string
	selected, user string
}

// reply is one response; the literals in it are taken out of the text.
type reply struct {
	text     string
	literals [][]byte
}

func dialIMAP(t *testing.T, srv *dovecot.Server, delim, prefix, user string) *imapClient {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c := &imapClient{t: t, conn: conn, r: bufio.NewReaderSize(conn, 64<<10), delim: delim, prefix: prefix, user: user}
	c.reply() // greeting
	c.cmd("LOGIN %s %s", user, srv.Password)
	return c
}

func (c *imapClient) reply() reply {
	c.t.Helper()
	var r reply
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read: %v after %q", err, line)
		}
		line = strings.TrimSuffix(line, "\r\n")
		r.text += line
		open := strings.LastIndexByte(line, '{')
		if open < 0 || !strings.HasSuffix(line, "}") {
			return r
		}
		n, err := strconv.Atoi(line[open+1 : len(line)-1])
		if err != nil {
			return r // text that looks like a literal
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(c.r, data); err != nil {
			c.t.Fatal(err)
		}
		r.literals = append(r.literals, data)
	}
}

// try runs a command and returns its untagged responses and its status.
func (c *imapClient) try(format string, args ...any) (all []reply, status string) {
	c.t.Helper()
	c.tag++
	tag := fmt.Sprintf("a%d ", c.tag)
	if _, err := fmt.Fprintf(c.conn, tag+format+"\r\n", args...); err != nil {
		c.t.Fatal(err)
	}
	for {
		r := c.reply()
		if rest, ok := strings.CutPrefix(r.text, tag); ok {
			return all, rest
		}
		all = append(all, r)
	}
}

func (c *imapClient) cmd(format string, args ...any) []reply {
	c.t.Helper()
	all, status := c.try(format, args...)
	if !strings.HasPrefix(status, "OK") {
		c.t.Fatalf("%.200s: %s", fmt.Sprintf(format, args...), status)
	}
	return all
}

// name is a mailbox as the server wants it, quoted.
func (c *imapClient) name(mailbox string) string {
	s := mailbox
	if s != "INBOX" {
		s = c.prefix + strings.ReplaceAll(s, "/", c.delim)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(encodeUTF7(s)) + `"`
}

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
	c.cmd("APPEND %s (%s) \"%s\" {%d+}\r\n%s", c.name(mailbox), flags,
		time.Unix(date, 0).In(time.FixedZone("", 7200)).Format("02-Jan-2006 15:04:05 -0700"), len(content), content)
}

// appendMany appends in one command (RFC 3502).
func (c *imapClient) appendMany(mailbox string, date int64, contents [][]byte) {
	c.t.Helper()
	var b bytes.Buffer
	for i, content := range contents {
		fmt.Fprintf(&b, " (\\Seen) \"%s\" {%d+}\r\n%s", time.Unix(date+int64(i), 0).UTC().Format("02-Jan-2006 15:04:05 -0700"), len(content), content)
	}
	c.cmd("APPEND %s%s", c.name(mailbox), b.String())
}

// uid finds a message by its subject.
func (c *imapClient) uid(mailbox, subject string) string {
	c.t.Helper()
	c.sel(mailbox)
	for _, r := range c.cmd("UID SEARCH SUBJECT %q", subject) {
		if f := strings.Fields(r.text); len(f) == 3 && f[1] == "SEARCH" {
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
		attrs, rest, ok := strings.Cut(strings.TrimPrefix(r.text, "* "+verb+" ("), ") ")
		if !ok || !strings.HasPrefix(r.text, "* "+verb) {
			continue
		}
		low := strings.ToLower(attrs)
		if verb == "LIST" && (strings.Contains(low, `\noselect`) || strings.Contains(low, `\nonexistent`)) {
			continue
		}
		_, name, _ := strings.Cut(rest, " ") // behind the delimiter
		switch {
		case len(r.literals) > 0:
			name = string(r.literals[0])
		case strings.HasPrefix(name, `"`):
			name = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(name[1 : len(name)-1])
		}
		name = decodeUTF7(name)
		if name != "INBOX" {
			name = strings.ReplaceAll(strings.TrimPrefix(name, c.prefix), c.delim, "/")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var (
	uidItem   = regexp.MustCompile(`UID (\d+)`)
	flagsItem = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	dateItem  = regexp.MustCompile(`INTERNALDATE "([^"]+)"`)
)

// messages reads a mailbox.
func (c *imapClient) messages(mailbox string) (all []letter) {
	c.t.Helper()
	c.cmd("EXAMINE %s", c.name(mailbox))
	c.selected = ""
	for _, r := range c.cmd("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])") {
		uid, flags, date := uidItem.FindStringSubmatch(r.text), flagsItem.FindStringSubmatch(r.text), dateItem.FindStringSubmatch(r.text)
		if uid == nil || flags == nil || date == nil {
			continue
		}
		when, err := time.Parse("_2-Jan-2006 15:04:05 -0700", date[1])
		if err != nil {
			c.t.Fatal(err)
		}
		l := letter{name: uid[1], date: when.Unix()}
		for _, f := range strings.Fields(flags[1]) {
			if f != `\Recent` {
				l.flags = append(l.flags, f)
			}
		}
		slices.Sort(l.flags)
		if len(r.literals) > 0 {
			l.content = r.literals[0]
		}
		all = append(all, l)
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

// encodeUTF7 and decodeUTF7 are RFC 3501 §5.1.3.
func encodeUTF7(s string) string {
	var b strings.Builder
	var run []rune
	flush := func() {
		if len(run) == 0 {
			return
		}
		var raw []byte
		for _, u := range utf16.Encode(run) {
			raw = append(raw, byte(u>>8), byte(u))
		}
		b.WriteString("&" + strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(raw), "/", ",") + "-")
		run = nil
	}
	for _, r := range s {
		switch {
		case r == '&':
			flush()
			b.WriteString("&-")
		case r >= 0x20 && r <= 0x7e:
			flush()
			b.WriteRune(r)
		default:
			run = append(run, r)
		}
	}
	flush()
	return b.String()
}

func decodeUTF7(s string) string {
	var b strings.Builder
	for s != "" {
		plain, rest, found := strings.Cut(s, "&")
		b.WriteString(plain)
		if !found {
			break
		}
		code, after, _ := strings.Cut(rest, "-")
		if s = after; code == "" {
			b.WriteByte('&')
			continue
		}
		raw, err := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(code, ",", "/"))
		if err != nil {
			return "invalid: " + code
		}
		var units []uint16
		for i := 0; i+1 < len(raw); i += 2 {
			units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
		}
		b.WriteString(string(utf16.Decode(units)))
	}
	return b.String()
}
