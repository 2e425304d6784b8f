package remote

import (
	"cmp"
	"context"
	"errors"

	"github.com/emersion/go-imap/v2/imapclient"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/sasl"
)

// Connect dials, secures the connection, waits for the greeting and logs in.
// Every error is of mail.KindConnection.
func (cl *Client) Connect(ctx context.Context) (*Conn, error) {
	res, err := cl.dialer().Dial(ctx)
	cl.count(func(s *Stats) {
		if res.Reached {
			s.Connections++
		}
		s.BytesIn += res.BytesIn
		s.RoundTrips += res.RoundTrips
	})
	if err != nil {
		return nil, cl.connectError(err)
	}
	l := newLink(res.Conn, cl)
	l.greeting, l.disorder = res.Greeting, func() bool { return cl.distrusts(Pipelining) }
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
			err = refusal.Early(cause)
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
	cmd := &command{line: "CAPABILITY"}
	if err := c.link.through(cmd, func() { c.imap.Capability() }); err != nil {
		return err
	}
	if err := c.wait(cmd); err != nil {
		return err
	}
	return cmd.err()
}

// login proves to the server who we are, and to us, where the mechanism can,
// that the server knows the password.
func (c *Conn) login(ctx context.Context) error {
	o := &c.cl.opts
	method, err := c.mechanism()
	if err != nil {
		return c.loginError(err, c.mechanismHint())
	}
	secret, err := o.secret(ctx, method)
	if err != nil {
		return c.loginError(err, cmp.Or(mail.HintOf(err), o.LoginHint))
	}
	c.cl.secrets.Add(secret)
	talk, err := o.dialogue(method, secret)
	if err != nil {
		return c.loginError(err, o.LoginHint)
	}
	cmd := &command{login: true, line: "LOGIN"}
	call := func() { c.imap.Login(o.User, secret) }
	if talk != nil {
		talk.Tell(c.cl.secrets.Add)
		cmd.line, cmd.answer = "AUTHENTICATE", talk.Line
		call = func() { _ = c.imap.Authenticate(talk) }
	}
	if err := c.link.through(cmd, call); err != nil {
		return c.cl.connectError(err)
	}
	if talk != nil {
		// An exchange that go-imap gave up leaves the command open.
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
	return c.judge(method, talk, cmd.err())
}

// judge makes an error of the server's answer, with what to do about it.
func (c *Conn) judge(method string, talk *sasl.Dialogue, answer error) error {
	var re *refusal.ResponseError
	_ = errors.As(answer, &re)
	var why error
	if talk != nil {
		why = talk.Err(answer == nil)
	}
	switch {
	case why == nil && answer == nil:
		return nil
	case errors.Is(why, sasl.ErrNoProof):
		return c.loginError(why, "this may be another server than it says it is: check host and tls before you set auth = \"plain\"")
	case why != nil && answer != nil:
		// The server's text only ends what the reason began.
		return c.loginError(&loginRefusal{why: why, answer: answer}, c.refusalHint(method, re))
	case why != nil:
		return c.loginError(why, c.refusalHint(method, nil))
	}
	return c.loginError(answer, c.refusalHint(method, re))
}

// loginRefusal is a server's answer to a login with the reason that the dialogue
// gave.
type loginRefusal struct{ why, answer error }

func (e *loginRefusal) Error() string   { return e.why.Error() }
func (e *loginRefusal) Unwrap() []error { return []error{e.why, e.answer} }

func (c *Conn) loginError(err error, hint string) error {
	op := "login to " + c.cl.opts.dialer().Address()
	if c.cl.opts.User != "" {
		op += " as " + c.cl.opts.User
	}
	return &mail.Error{Op: op, Kind: mail.KindConnection, Hint: hint, Err: c.cl.told(err)}
}

// refusalHint goes by the codes of RFC 5530.
func (c *Conn) refusalHint(method string, re *refusal.ResponseError) string {
	o := &c.cl.opts
	code := ""
	if re != nil {
		code = re.Code
		if limit, _ := refusal.LimitOf(re); limit != refusal.NoLimit && limit != refusal.LimitUnavailable {
			return refusal.Hint(re)
		}
	}
	switch code {
	case refusal.CodeUnavailable:
		return "the server cannot check passwords now; try again later"
	case refusal.CodeExpired:
		return "what the server was given has expired: renew it with the provider; " + o.LoginHint
	case refusal.CodePrivacyRequired:
		return "the server wants TLS before login: set tls = \"starttls\" or \"implicit\""
	case refusal.CodeAuthorizationFailed:
		return "the login is right, but not for this mailbox: check user"
	case refusal.CodeContactAdmin:
		return "ask the provider; it says that it must be told"
	case refusal.CodeCannot:
		return "the server does not know this mechanism after all: set auth to another value that it offers"
	}
	if o.Auth == AuthAuto && (method == AuthSCRAMSHA256 || method == AuthSCRAMSHA1 || method == AuthCRAMMD5) {
		return o.LoginHint + "; if they are right, the server may know the password for auth = \"plain\" only"
	}
	return o.LoginHint
}

// secret asks for what the mechanism needs.
func (o *Options) secret(ctx context.Context, method string) (string, error) {
	switch {
	case method == AuthExternal:
		return "", nil
	case (method == AuthOAuthBearer || method == AuthXOAuth2) && o.Token != nil:
		return o.Token(ctx)
	case o.Password == nil:
		return "", errors.New("no password is configured")
	}
	return o.Password(ctx)
}

// dialogue begins the mechanism; nil stands for the LOGIN command.
func (o *Options) dialogue(method, secret string) (*sasl.Dialogue, error) {
	switch method {
	case AuthExternal:
		return sasl.External(o.User), nil
	case AuthOAuthBearer:
		return sasl.OAuthBearer(o.User, secret, o.Host, o.Port)
	case AuthXOAuth2:
		return sasl.XOAuth2(o.User, secret)
	case AuthSCRAMSHA256:
		return sasl.SCRAM(sasl.SHA256, o.User, secret)
	case AuthSCRAMSHA1:
		return sasl.SCRAM(sasl.SHA1, o.User, secret)
	case AuthCRAMMD5:
		return sasl.CRAMMD5(o.User, secret), nil
	case AuthPlain:
		return sasl.Plain(o.User, secret)
	case AuthLogin:
		return sasl.Login(o.User, secret), nil
	}
	return nil, nil // the LOGIN command
}
