package judge

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/imaptest/talk"
)

// client is the second client of an account. It implements simulate.Mail on a
// real server. Each of its works selects the mailbox anew, since others rename and
// remove what it has open.
type client struct {
	addr, user, password string
	renumber             func(mailbox string, validity uint32) // no command can do it

	conn *talk.Conn
	// failed is the first error that left a question without an answer, or a change
	// without a known end. What came after it proves nothing.
	failed error
}

// errAbsent is a mailbox that the server does not open.
var errAbsent = errors.New("no such mailbox")

// keep remembers an error, unless it is the answer of a server that works.
func (c *client) keep(err error) {
	if err != nil && !errors.Is(err, talk.ErrNo) {
		c.unknown(err)
	}
}

// unknown remembers an error that left a question without an answer, a refusal too.
func (c *client) unknown(err error) {
	if c.failed == nil {
		c.failed = err
	}
}

// patience is how long the server may take for an answer.
const patience = 30 * time.Second

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// ask works over a connection, a new one when there is none, and gives up one that failed.
func (c *client) ask(work func(*talk.Conn) error) (err error) {
	if c.conn == nil {
		if c.conn, err = talk.Dial(c.addr, c.user, c.password, patience); err != nil {
			return err
		}
	}
	if err = work(c.conn); err != nil && !errors.Is(err, talk.ErrNo) {
		c.close()
	}
	return err
}

// do runs one command.
func (c *client) do(format string, args ...any) (all []talk.Reply, status string, err error) {
	err = c.ask(func(conn *talk.Conn) error {
		all, status, err = conn.Do(format, args...)
		return err
	})
	return all, status, err
}

// in runs one command in a mailbox. A connection that ended while the mailbox
// was being opened, as it does when another client removed the one that was open before, is opened again.
func (c *client) in(mailbox, format string, args ...any) ([]talk.Reply, string, error) {
	_, _, err := c.do("SELECT %s", talk.Name(mailbox))
	if err != nil && !errors.Is(err, talk.ErrNo) {
		_, _, err = c.do("SELECT %s", talk.Name(mailbox))
	}
	if errors.Is(err, talk.ErrNo) {
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

func (c *client) CreateMailbox(name string) error {
	_, _, err := c.do("CREATE %s", talk.Name(name))
	return err
}

func (c *client) DeleteMailbox(name string) error {
	_, _, err := c.do("DELETE %s", talk.Name(name))
	return err
}

func (c *client) RenameMailbox(from, to string) error {
	_, _, err := c.do("RENAME %s %s", talk.Name(from), talk.Name(to))
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
		name, ok := r.Listed()
		if !ok {
			continue
		}
		_, _, err := c.do("STATUS %s (MESSAGES)", talk.Name(name))
		if c.keep(err); err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var (
	uidItem  = regexp.MustCompile(`\bUID (\d+)`)
	copied   = regexp.MustCompile(`COPYUID \d+ \S+ (\d+)`)
	appended = regexp.MustCompile(`APPENDUID \d+ (\d+)`)
	validity = regexp.MustCompile(`UIDVALIDITY (\d+)`)
	next     = regexp.MustCompile(`UIDNEXT (\d+)`)
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
	const whole = "UID FETCH 1:* " + talk.Whole
	list, _, err := c.in(name, whole)
	if err != nil && !errors.Is(err, errAbsent) {
		list, _, err = c.in(name, whole)
	}
	if err != nil && !errors.Is(err, errAbsent) {
		c.unknown(err)
	}
	for _, r := range list {
		if m, ok := r.Message(); ok {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b imaptest.Message) int { return int(a.UID) - int(b.UID) })
	return all
}

func (c *client) Append(name string, flags []string, date time.Time, content []byte) uint32 {
	var status string
	err := c.ask(func(conn *talk.Conn) (err error) {
		status, err = conn.Append(name, imaptest.Message{Flags: flags, Date: date.UTC(), Content: content})
		return err
	})
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
	return err == nil && slices.ContainsFunc(all, func(r talk.Reply) bool {
		return strings.Contains(r.Text, " FETCH ") && number(uidItem, r.Text) == uid
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
	_, status, err := c.in(from, "UID COPY %d %s", uid, talk.Name(to))
	if c.keep(err); err != nil {
		return 0
	}
	return number(copied, status)
}

func (c *client) Move(from string, uid uint32, to string) uint32 {
	all, status, err := c.in(from, "UID MOVE %d %s", uid, talk.Name(to))
	if c.keep(err); err != nil {
		return 0
	}
	for _, r := range all {
		status += r.Text
	}
	return number(copied, status)
}

func (c *client) UIDState(name string) (v, uidNext uint32, modSeq uint64) {
	all, _, err := c.do("STATUS %s (UIDVALIDITY UIDNEXT)", talk.Name(name))
	c.keep(err)
	for _, r := range all {
		if strings.HasPrefix(r.Text, "* STATUS") {
			v, uidNext = number(validity, r.Text), number(next, r.Text)
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
		if rest, ok := strings.CutPrefix(r.Text, "* CAPABILITY "); ok {
			return strings.Fields(rest), nil
		}
	}
	return nil, errors.New("the server announces no capabilities")
}
