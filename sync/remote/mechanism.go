package remote

import (
	"errors"
	"slices"
	"strings"

	"satchel/sync/remote/dial"
)

// The values of Options.Auth.
const (
	AuthAuto        = "auto"
	AuthExternal    = "external"
	AuthOAuthBearer = "oauthbearer"
	AuthXOAuth2     = "xoauth2"
	AuthSCRAMSHA256 = "scram-sha-256"
	AuthSCRAMSHA1   = "scram-sha-1"
	AuthCRAMMD5     = "cram-md5"
	AuthPlain       = "plain"
	AuthLogin       = "login"
)

// AuthValues lists what Options.Auth may be.
func AuthValues() []string {
	return []string{AuthAuto, AuthPlain, AuthLogin, AuthSCRAMSHA256, AuthSCRAMSHA1, AuthOAuthBearer, AuthXOAuth2, AuthExternal, AuthCRAMMD5}
}

// loginCommand is the LOGIN command (RFC 3501 §6.2.3), which is no SASL
// mechanism. As a value of auth it shares a name with one.
const loginCommand = "the LOGIN command"

// ladder is the order in which auth = "auto" tries what it has the means for
// (docs/adr/0005-choosing-a-mechanism.md).
func (o *Options) ladder() []string {
	var try []string
	if o.Certificate != nil {
		try = append(try, AuthExternal)
	}
	if o.Token != nil {
		try = append(try, AuthOAuthBearer, AuthXOAuth2)
	}
	if o.Password == nil {
		return try
	}
	try = append(try, AuthSCRAMSHA256, AuthSCRAMSHA1)
	if o.clear() {
		return append(try, AuthCRAMMD5, AuthPlain, loginCommand, AuthLogin)
	}
	return append(try, AuthPlain, loginCommand, AuthLogin, AuthCRAMMD5)
}

// clear reports whether others may read what is sent.
func (o *Options) clear() bool { return o.TLS == dial.Clear && o.Tunnel == "" }

// mechanism chooses how to log in, as a value of auth or loginCommand.
func (c *Conn) mechanism() (string, error) {
	o := &c.cl.opts
	try := []string{o.Auth}
	switch o.Auth {
	case AuthAuto:
		try = o.ladder()
	case AuthLogin:
		try = []string{loginCommand, AuthLogin}
	}
	if len(try) == 0 {
		return "", errors.New("the server wants a login, and there is no password, token or certificate for one")
	}
	if i := slices.IndexFunc(try, c.offered); i >= 0 {
		// Without SASL-IR, PLAIN takes a turn of the line more than LOGIN.
		if try[i] == AuthPlain && o.Auth == AuthAuto && !c.has("SASL-IR") && c.offered(loginCommand) {
			return loginCommand, nil
		}
		return try[i], nil
	}
	offers := c.offers()
	switch {
	case len(offers) == 0 && c.has("LOGINDISABLED"):
		return "", errors.New("the server offers no way to log in here")
	case o.Auth == AuthAuto:
		return "", errors.New("satchel has not what the server wants for a login: it offers " + strings.Join(offers, ", "))
	}
	return "", errors.New("the server does not offer auth = \"" + o.Auth + "\": it offers " + strings.Join(offers, ", "))
}

func (c *Conn) offered(how string) bool {
	if how == loginCommand {
		return !c.has("LOGINDISABLED")
	}
	return c.has("AUTH=" + how)
}

// offers lists what the server has, as values of auth where it is one.
func (c *Conn) offers() []string {
	c.link.mu.Lock()
	caps := slices.Clone(c.link.caps)
	c.link.mu.Unlock()
	var list []string
	for _, word := range caps {
		if name, ok := strings.CutPrefix(word, "AUTH="); ok {
			list = append(list, strings.ToLower(name))
		}
	}
	if c.offered(loginCommand) && !slices.Contains(list, AuthLogin) {
		list = append(list, AuthLogin)
	}
	slices.Sort(list)
	return list
}

// mechanismHint says what to do when no mechanism fits.
func (c *Conn) mechanismHint() string {
	o := &c.cl.opts
	switch {
	case c.has("LOGINDISABLED") && o.clear():
		return "the server wants TLS before login: set tls = \"starttls\" or \"implicit\""
	case o.Auth != AuthAuto:
		return "set auth = \"auto\", or a value that the server offers"
	case o.Password == nil && o.Token != nil:
		return "the server takes no access tokens: use a password (password_command)"
	case o.Password == nil:
		return "add user and password_command, or what else fits the server"
	}
	return "the server may want an access token: see token_command and oauth in the README"
}
