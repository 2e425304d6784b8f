package remote

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// goodbye is how long Close waits for LOGOUT to be sent.
const goodbye = 500 * time.Millisecond

// Conn is one connection, logged in. It belongs to one goroutine at a time;
// after an error of mail.KindConnection it is dead.
type Conn struct {
	cl   *Client
	link *link
	imap *imapclient.Client
	log  *slog.Logger

	compressTried bool

	enableTried bool
	enabling    *command // ENABLE, not yet looked at
	enabled     bool     // of enabling; valid when it is answered
	qresync     bool     // ENABLED came
	selected    selection
	selecting   *selecting // the SELECT that was sent last

	closeOnce sync.Once
}

// selection is the mailbox that is selected, as far as is known.
type selection struct {
	mailbox     string
	uidValidity mail.UIDValidity
	readOnly    bool // by EXAMINE, or because the server says so
	examined    bool // by EXAMINE
	noModSeq    bool
	nth         int // how many came before
}

// has reports whether the server announces a capability that is not ignored. What
// depends on it beyond the login is decided in abilitiesOf.
func (c *Conn) has(capability string) bool { return c.link.has(capability) }

// guard ends the connection when ctx ends. The function it returns must be
// called when the operation is over.
func (c *Conn) guard(ctx context.Context) (stop func()) {
	s := context.AfterFunc(ctx, func() { c.link.kill(context.Cause(ctx)) })
	return func() { s() }
}

// dead wraps the reason why the connection ended.
func (c *Conn) dead(op, mailbox string, err error) error {
	var e *mail.Error
	if errors.As(err, &e) && e.Kind == mail.KindConnection {
		return err
	}
	c.link.quiet()
	if OutOfOrder(err) {
		c.cl.Distrust(Pipelining)
	}
	return &mail.Error{Op: op, Mailbox: mailbox, Kind: mail.KindConnection,
		Hint: cmp.Or(refusal.Hint(err), "nothing was lost; try again later"), Err: c.cl.told(err)}
}

// wait waits for the answer. Its error is that of the connection; what the
// server answered is in the command.
func (c *Conn) wait(cmd *command) error {
	select {
	case <-cmd.done:
	case <-c.link.dead:
		if !cmd.finished() { // an answer counts even if it was the last one
			return c.link.failure()
		}
	}
	c.link.waited(cmd)
	return nil
}

// run sends one command of our own and waits for its answer.
func (c *Conn) run(op, mailbox string, cmd *command) error {
	if err := c.link.begin(cmd); err != nil {
		return c.dead(op, mailbox, err)
	}
	return c.result(op, mailbox, cmd)
}

// runThrough sends one command by way of go-imap and waits for its answer.
func (c *Conn) runThrough(op, mailbox string, cmd *command, call func()) error {
	if err := c.link.through(cmd, call); err != nil {
		return c.dead(op, mailbox, err)
	}
	return c.result(op, mailbox, cmd)
}

// result waits for the answer and returns a refusal as an error that
// concerns the mailbox.
func (c *Conn) result(op, mailbox string, cmd *command) error {
	if err := c.wait(cmd); err != nil {
		return c.dead(op, mailbox, err)
	}
	return refusal.ForMailbox(op, mailbox, cmd.err())
}

// enableCommand asks for the highest level offered (RFC 5161, RFC 7162
// §3.2.3); nil when there is nothing to ask.
func (c *Conn) enableCommand() *command {
	what, tried := c.can().enable, c.enableTried
	c.enableTried = true
	if tried || what == "" {
		return nil
	}
	return &command{line: "ENABLE " + what, free: true}
}

// isEnabled reads ENABLED. A server that offers QRESYNC and does not confirm
// it is treated as if it had CONDSTORE only: iCloud does that, and its
// VANISHED lines are wrong.
func isEnabled(r wire.Response) bool {
	return r.Kind == "ENABLED" && slices.ContainsFunc(wire.ParseWords(r.Rest), func(w string) bool {
		return strings.EqualFold(w, "QRESYNC")
	})
}

// startEnable sends ENABLE unless a flight carried it. It must come before
// the first SELECT (RFC 5161 §3.1), whether or not its answer is awaited.
func (c *Conn) startEnable() error {
	cmd := c.enableCommand()
	if cmd == nil {
		return nil
	}
	cmd.untagged = func(r wire.Response) { c.enabled = c.enabled || isEnabled(r) }
	if err := c.link.begin(cmd); err != nil {
		return c.dead("enable", "", err)
	}
	c.enabling = cmd
	return nil
}

func (c *Conn) awaitEnable() error {
	if c.enabling == nil {
		return nil
	}
	cmd := c.enabling
	c.enabling = nil
	if err := c.wait(cmd); err != nil {
		return c.dead("enable", "", err)
	}
	c.qresync = c.enabled
	return nil
}

func (c *Conn) ensureEnabled() error {
	if err := c.startEnable(); err != nil {
		return err
	}
	return c.awaitEnable()
}

// Noop asks for nothing, and so shows that the connection is alive.
func (c *Conn) Noop(ctx context.Context) error {
	defer c.guard(ctx)()
	return c.runThrough("noop", "", &command{line: "NOOP"}, func() { c.imap.Noop() })
}

// Close says goodbye without waiting more than a moment, and returns when no
// goroutine of the connection is left.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		if c.link.failure() == nil && c.link.front("") == nil {
			// The answer tells nothing, so it is not worth a round trip.
			dial.Linger(c.link.Conn, -1)
			select {
			case <-c.link.idle:
			default:
			}
			if err := c.link.through(&command{line: "LOGOUT"}, func() { c.imap.Logout() }); err == nil {
				select {
				case <-c.link.idle:
				case <-c.link.dead:
				case <-time.After(goodbye):
				}
			}
		}
		c.link.kill(errClosed)
		<-c.imap.Closed()
		<-c.link.written
	})
	return nil
}
