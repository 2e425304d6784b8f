package judge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/sync/remote/imaptest"
)

// client is the second client of an account: just enough IMAP, of its own
// make. It implements simulate.Mail on a real server. Each of its works selects
// the mailbox anew, since others rename and remove what it has open.
type client struct {
	addr, user, password string
	renumber             func(mailbox string, validity uint32) // no command can do it

	conn net.Conn
	r    *bufio.Reader
	tag  int
	// failed is the first error that left a question without an answer, or a change
	// without a known end. What came after it proves nothing.
	failed error
}

// errAbsent is a mailbox that the server does not open.
var errAbsent = errors.New("no such mailbox")

// keep remembers an error, unless it is the answer of a server that works.
func (c *client) keep(err error) {
	if err != nil && !errors.Is(err, errNo) {
		c.unknown(err)
	}
}

// unknown remembers an error that left a question without an answer, a refusal too.
func (c *client) unknown(err error) {
	if c.failed == nil {
		c.failed = err
	}
}

// errNo is an answer that is not OK, over a connection that works.
var errNo = errors.New("the server refuses")

// patience is how long the server may take for an answer.
const patience = 30 * time.Second

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) open() error {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn, c.r = conn, bufio.NewReaderSize(conn, 64<<10)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := c.read(); err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	_, _, err = c.exchange("LOGIN %s %s", c.user, c.password)
	return err
}

// reply is one response; its literals are taken out of the text.
type reply struct {
	text     string
	literals [][]byte
}

var literalEnd = regexp.MustCompile(`\{(\d+)\}$`)

func (c *client) read() (r reply, err error) {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return r, err
		}
		line = strings.TrimSuffix(line, "\r\n")
		r.text += line
		m := literalEnd.FindStringSubmatch(line)
		if m == nil {
			return r, nil
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return r, err
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(c.r, data); err != nil {
			return r, err
		}
		r.literals = append(r.literals, data)
	}
}

// exchange sends one command and reads up to its answer.
func (c *client) exchange(format string, args ...any) (all []reply, status string, err error) {
	c.tag++
	tag := fmt.Sprintf("a%d ", c.tag)
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c.conn, tag+format+"\r\n", args...); err != nil {
		return nil, "", err
	}
	for {
		r, err := c.read()
		if err != nil {
			return nil, "", err
		}
		if rest, ok := strings.CutPrefix(r.text, tag); ok {
			return all, rest, nil
		}
		all = append(all, r)
	}
}

// do runs one command, over a new connection when there is none.
func (c *client) do(format string, args ...any) ([]reply, string, error) {
	if c.conn == nil {
		if err := c.open(); err != nil {
			c.close()
			return nil, "", err
		}
	}
	all, status, err := c.exchange(format, args...)
	if err != nil {
		c.close()
		return nil, "", err
	}
	if !strings.HasPrefix(status, "OK") {
		return all, status, fmt.Errorf("%.80s: %w: %s", fmt.Sprintf(format, args...), errNo, status)
	}
	return all, status, nil
}

// in runs one command in a mailbox. A connection that ended while the mailbox
// was being opened, as it does when another client removed the one that was open before, is opened again.
func (c *client) in(mailbox, format string, args ...any) ([]reply, string, error) {
	_, _, err := c.do("SELECT %s", quote(mailbox))
	if err != nil && !errors.Is(err, errNo) {
		_, _, err = c.do("SELECT %s", quote(mailbox))
	}
	if errors.Is(err, errNo) {
		return nil, "", fmt.Errorf("%w: %w", errAbsent, err)
	}
	if err != nil {
		return nil, "", err
	}
	all, status, err := c.do(format, args...)
	if c.conn != nil {
		_, _, _ = c.do("UNSELECT")
	}
	return all, status, err
}

// quote writes a mailbox name. Those of the histories are ASCII without "&".
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func (c *client) CreateMailbox(name string) error {
	_, _, err := c.do("CREATE %s", quote(name))
	return err
}

func (c *client) DeleteMailbox(name string) error {
	_, _, err := c.do("DELETE %s", quote(name))
	return err
}

func (c *client) RenameMailbox(from, to string) error {
	_, _, err := c.do("RENAME %s %s", quote(from), quote(to))
	return err
}

// Mailboxes lists what can be selected. What was removed above another mailbox
// Dovecot may list without \NoSelect, so each is asked for.
func (c *client) Mailboxes() (names []string) {
	all, _, err := c.do(`LIST "" "*"`)
	if err != nil {
		if all, _, err = c.do(`LIST "" "*"`); err != nil {
			c.unknown(err)
		}
	}
	for _, r := range all {
		attrs, rest, ok := strings.Cut(strings.TrimPrefix(r.text, "* LIST ("), ") ")
		low := strings.ToLower(attrs)
		if !ok || !strings.HasPrefix(r.text, "* LIST") || strings.Contains(low, `\noselect`) || strings.Contains(low, `\nonexistent`) {
			continue
		}
		_, name, _ := strings.Cut(rest, " ") // behind the delimiter
		if strings.HasPrefix(name, `"`) {
			name = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(name[1 : len(name)-1])
		}
		_, _, err := c.do("STATUS %s (MESSAGES)", quote(name))
		if c.keep(err); err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var (
	uidItem   = regexp.MustCompile(`UID (\d+)`)
	flagsItem = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	dateItem  = regexp.MustCompile(`INTERNALDATE "([^"]+)"`)
	copied    = regexp.MustCompile(`COPYUID \d+ \S+ (\d+)`)
	appended  = regexp.MustCompile(`APPENDUID \d+ (\d+)`)
	validity  = regexp.MustCompile(`UIDVALIDITY (\d+)`)
	next      = regexp.MustCompile(`UIDNEXT (\d+)`)
)

func number(p *regexp.Regexp, text string) uint32 {
	m := p.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseUint(m[1], 10, 32)
	return uint32(n)
}

func (c *client) Messages(name string) (all []imaptest.Message) {
	const whole = "UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"
	list, _, err := c.in(name, whole)
	if err != nil && !errors.Is(err, errAbsent) {
		list, _, err = c.in(name, whole)
	}
	if err != nil && !errors.Is(err, errAbsent) {
		c.unknown(err)
	}
	for _, r := range list {
		uid, flags, date := number(uidItem, r.text), flagsItem.FindStringSubmatch(r.text), dateItem.FindStringSubmatch(r.text)
		if uid == 0 || flags == nil || date == nil || len(r.literals) == 0 {
			continue
		}
		m := imaptest.Message{UID: uid, Content: r.literals[0]}
		m.Date, _ = time.Parse("_2-Jan-2006 15:04:05 -0700", date[1])
		for _, f := range strings.Fields(flags[1]) {
			if f != `\Recent` {
				m.Flags = append(m.Flags, f)
			}
		}
		slices.Sort(m.Flags)
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b imaptest.Message) int { return int(a.UID) - int(b.UID) })
	return all
}

func (c *client) Append(name string, flags []string, date time.Time, content []byte) uint32 {
	_, status, err := c.do("APPEND %s (%s) \"%s\" {%d+}\r\n%s", quote(name), strings.Join(flags, " "),
		date.UTC().Format("02-Jan-2006 15:04:05 -0700"), len(content), content)
	if c.keep(err); err != nil {
		return 0
	}
	return number(appended, status)
}

func (c *client) StoreFlags(name string, uid uint32, add, remove []string) bool {
	sign, list := "+", add
	if len(add) == 0 {
		sign, list = "-", remove
	}
	all, _, err := c.in(name, "UID STORE %d %sFLAGS (%s)", uid, sign, strings.Join(list, " "))
	c.keep(err)
	return err == nil && slices.ContainsFunc(all, func(r reply) bool {
		return strings.Contains(r.text, " FETCH ") && number(uidItem, r.text) == uid
	})
}

func (c *client) Expunge(name string, uids ...uint32) (n int) {
	for _, uid := range uids {
		if !c.StoreFlags(name, uid, []string{`\Deleted`}, nil) {
			continue
		}
		_, _, err := c.in(name, "UID EXPUNGE %d", uid)
		if c.keep(err); err == nil {
			n++
		}
	}
	return n
}

func (c *client) Copy(from string, uid uint32, to string) uint32 {
	_, status, err := c.in(from, "UID COPY %d %s", uid, quote(to))
	if c.keep(err); err != nil {
		return 0
	}
	return number(copied, status)
}

func (c *client) Move(from string, uid uint32, to string) uint32 {
	all, status, err := c.in(from, "UID MOVE %d %s", uid, quote(to))
	if c.keep(err); err != nil {
		return 0
	}
	for _, r := range all {
		status += r.text
	}
	return number(copied, status)
}

func (c *client) UIDState(name string) (v, uidNext uint32, modSeq uint64) {
	all, _, err := c.do("STATUS %s (UIDVALIDITY UIDNEXT)", quote(name))
	c.keep(err)
	for _, r := range all {
		if strings.HasPrefix(r.text, "* STATUS") {
			v, uidNext = number(validity, r.text), number(next, r.text)
		}
	}
	return v, uidNext, 0
}

func (c *client) SetUIDValidity(name string, v uint32) { c.renumber(name, v) }

// Capabilities returns what a server announces after login.
func Capabilities(addr, user, password string) ([]string, error) {
	c := &client{addr: addr, user: user, password: password}
	defer c.close()
	all, _, err := c.do("CAPABILITY")
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if rest, ok := strings.CutPrefix(r.text, "* CAPABILITY "); ok {
			return strings.Fields(rest), nil
		}
	}
	return nil, errors.New("the server announces no capabilities")
}
