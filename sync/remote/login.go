package remote

import (
	"context"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"satchel/sync/mail"
)

// Connect dials, secures the connection, waits for the greeting and logs in.
// Every error is of mail.KindConnection.
func (cl *Client) Connect(ctx context.Context) (*Conn, error) {
	sock, greeting, err := cl.dial(ctx)
	if err != nil {
		return nil, cl.connectError(err)
	}
	l := newLink(sock, &cl.opts, cl.count)
	l.greeting = greeting
	c := &Conn{cl: cl, link: l, log: cl.opts.Logger, imap: imapclient.New(l, nil)}
	defer c.guard(ctx)()
	if err := c.open(ctx); err != nil {
		l.kill(errClosed)
		<-c.imap.Closed()
		<-l.written
		return nil, err
	}
	return c, nil
}

func (c *Conn) open(ctx context.Context) error {
	if err := c.imap.WaitGreeting(); err != nil {
		if cause := c.link.failure(); cause != nil {
			err = early(cause)
		}
		return c.cl.connectError(err)
	}
	// Login depends on LOGINDISABLED and the mechanisms, which many servers
	// put into their greeting.
	if err := c.freshCaps(0); err != nil {
		return c.cl.connectError(err)
	}
	c.link.mu.Lock()
	preauth, seen := c.link.preauth, c.link.capsSeq
	c.link.mu.Unlock()
	if preauth {
		return nil
	}
	if err := c.login(ctx); err != nil {
		return err
	}
	// Capabilities of before do not count after login (RFC 3501 §6.2.3).
	if err := c.freshCaps(seen); err != nil {
		return c.cl.connectError(err)
	}
	return nil
}

// freshCaps asks for the capabilities unless they came since seen.
func (c *Conn) freshCaps(seen int) error {
	c.link.mu.Lock()
	fresh := c.link.capsSeq > seen
	c.link.mu.Unlock()
	if fresh {
		return nil
	}
	cmd := &command{}
	if err := c.link.through(cmd, func() { c.imap.Capability() }); err != nil {
		return err
	}
	if err := c.wait(cmd); err != nil {
		return err
	}
	return cmd.err()
}

func (c *Conn) login(ctx context.Context) error {
	method := c.method()
	refuse := func(err error, hint string) error {
		return &mail.Error{Op: "login to " + c.cl.opts.address() + " as " + c.cl.opts.User,
			Kind: mail.KindConnection, Hint: hint, Err: err}
	}
	if method == "" {
		return refuse(errors.New("the server offers no way to log in that satchel and auth allow"), c.methodHint())
	}
	password, err := c.cl.opts.Password(ctx)
	if err != nil {
		return refuse(err, "check password_command")
	}
	cmd := &command{login: true, line: "AUTHENTICATE"}
	var call func()
	user := c.cl.opts.User
	switch method {
	case "plain":
		call = func() { _ = c.imap.Authenticate(sasl.NewPlainClient("", user, password)) }
	case "login":
		call = func() { _ = c.imap.Authenticate(&loginMechanism{user: user, password: password}) }
	default:
		cmd.line = "LOGIN"
		call = func() { c.imap.Login(user, password) }
	}
	if err := c.link.through(cmd, call); err != nil {
		return c.cl.connectError(err)
	}
	// A SASL exchange that go-imap gave up leaves the command open.
	if method != "LOGIN" {
		select {
		case <-cmd.done:
		case <-c.link.dead:
		default:
			c.link.kill(errors.New("the server's login dialogue made no sense"))
		}
	}
	if err := c.wait(cmd); err != nil {
		return c.cl.connectError(err)
	}
	if err := cmd.err(); err != nil {
		var re *ResponseError
		if errors.As(err, &re) && password != "" {
			re.Text = strings.ReplaceAll(re.Text, password, "...")
		}
		hint := "check user and password_command"
		if limit, _ := LimitOf(err); limit == LimitUnavailable {
			hint = "the server cannot check passwords now; try again later"
		} else if limit != NoLimit {
			hint = limitHint(err)
		}
		return refuse(err, hint)
	}
	return nil
}

// method chooses between AUTHENTICATE PLAIN, AUTHENTICATE LOGIN (lower case)
// and the LOGIN command (upper case). PLAIN with an initial response takes
// one turn of the line and carries any character.
func (c *Conn) method() string {
	auth := c.cl.opts.Auth
	plain := c.Has("AUTH=PLAIN")
	command := !c.Has("LOGINDISABLED")
	switch {
	case auth == "plain" && plain:
		return "plain"
	case auth == "plain":
		return ""
	case auth == "auto" && plain && (c.Has("SASL-IR") || !command):
		return "plain"
	case command: // RFC 3501 §6.2.3
		return "LOGIN"
	case c.Has("AUTH=LOGIN"):
		return "login"
	}
	return ""
}

func (c *Conn) methodHint() string {
	if c.Has("LOGINDISABLED") && c.cl.opts.TLS == TLSNone {
		return "the server wants TLS before login: set tls = \"starttls\" or \"implicit\""
	}
	return "set auth = \"auto\", or another value that the server offers"
}

// loginMechanism is the LOGIN mechanism as servers speak it: two questions
// in whatever words, first the user, then the password.
type loginMechanism struct {
	user, password string
	asked          int
}

func (m *loginMechanism) Start() (mech string, ir []byte, err error) { return "LOGIN", nil, nil }

// Next never fails: go-imap would leave the command unanswered.
func (m *loginMechanism) Next([]byte) ([]byte, error) {
	m.asked++
	switch m.asked {
	case 1:
		return []byte(m.user), nil
	case 2:
		return []byte(m.password), nil
	}
	return []byte{}, nil
}
