package imaptest

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
)

// capabilities lists what is offered now: AUTH, STARTTLS and LOGINDISABLED only as long as they matter.
func (c *Conn) capabilities() string {
	caps := c.srv.opts.Caps
	if c.user != "" {
		caps &^= capsAuth | CapStartTLS | CapLoginDisabled | CapSASLIR
	} else if c.protected {
		caps &^= CapLoginDisabled
	}
	if _, on := c.stream.(*tls.Conn); on {
		caps &^= CapStartTLS
	}
	if c.compressed {
		caps &^= CapCompress
	}
	words := caps.String()
	switch o := c.srv.opts; {
	case o.Exchange != nil:
		words = "IMAP4 " + words
	case o.Gmail != nil && c.user != "":
		words += gmailWords
	}
	switch o := c.srv.opts; {
	case len(o.AppendLimits) > 0:
		words += " APPENDLIMIT"
	case o.AppendLimit > 0:
		words += fmt.Sprintf(" APPENDLIMIT=%d", o.AppendLimit)
	}
	return words
}

func runCapability(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	c.out.printf("* CAPABILITY %s", c.capabilities())
	return "OK Capability completed"
}

func runNoop(_ *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	return "OK Completed"
}

func runLogout(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	c.unselect()
	c.ending = true
	c.out.printf("* BYE Logging out")
	return "OK Logout completed"
}

// runID takes the client's list or NIL, RFC 2971 §3.1.
func runID(c *Conn, _ string, p *parser) string {
	p.sp()
	if p.peek() == '(' {
		p.list(true, func() {
			p.str()
			p.sp()
			if b := p.peek(); b == '"' || b == '{' {
				p.str()
			} else if p.keyword() != "NIL" {
				p.fail("Expected NIL or a string")
			}
		})
	} else if p.keyword() != "NIL" {
		p.fail("Expected NIL or a list")
	}
	if !p.end() {
		return ""
	}
	c.out.printf(`* ID ("name" "imaptest")`)
	return "OK ID completed"
}

func (c *Conn) loggedIn(user string) string {
	if c.excess {
		return c.srv.opts.TooMany
	}
	c.user = user
	if c.srv.opts.NoLoginCaps {
		return "OK Logged in"
	}
	return "OK [CAPABILITY " + c.capabilities() + "] Logged in"
}

func (s *Server) valid(user, password string) bool {
	want, ok := s.opts.Users[user]
	return ok && want == password
}

func runLogin(c *Conn, _ string, p *parser) string {
	p.sp()
	user := p.astring()
	p.sp()
	password := p.astring()
	if !p.end() {
		return ""
	}
	if c.srv.opts.Caps.Has(CapLoginDisabled) && !c.protected {
		return "NO [PRIVACYREQUIRED] LOGIN is disabled"
	}
	if !c.srv.valid(user, password) {
		return "NO [AUTHENTICATIONFAILED] Authentication failed"
	}
	return c.loggedIn(user)
}

// freeStartTLS says OK itself, since that must leave in the clear. Commands that came along with STARTTLS
// could be those of somebody in between, so they end the connection.
func freeStartTLS(c *Conn, tag string, p *parser) string {
	if !p.end() {
		return ""
	}
	if _, on := c.stream.(*tls.Conn); on || c.srv.opts.TLS {
		return "BAD TLS is already active"
	}
	if c.in.Buffered() > 0 {
		c.ending = true
		return "BAD Pipelining after STARTTLS"
	}
	c.say(tag + " OK Begin TLS negotiation now")
	c.flush()
	c.outbox.drain()
	secure := tls.Server(countConn{Conn: c.raw, to: &c.srv.counters}, c.srv.tls)
	c.stream = secure
	if err := secure.Handshake(); err != nil {
		c.ending = true
		return replied
	}
	c.outbox.redirect(secure)
	c.protected = true
	c.in.Reset(reader{c})
	return replied
}

// replied is the answer of a handler that has sent the tagged reply itself.
const replied = "-"

// freeCompress puts DEFLATE below all that follows its OK, RFC 4978 §3. What the client pipelined is compressed already.
func freeCompress(c *Conn, tag string, p *parser) string {
	p.sp()
	mechanism := p.keyword()
	if !p.end() {
		return ""
	}
	if mechanism != "DEFLATE" {
		return "NO Unsupported compression"
	}
	if c.compressed {
		return "NO [COMPRESSIONACTIVE] Compression is already active"
	}
	c.say(tag + " OK Compression active")
	c.flush()
	early, _ := c.in.Peek(c.in.Buffered())
	below := c.stream
	deflate, _ := flate.NewWriter(below, flate.DefaultCompression) // fails for unknown levels only
	inflate := flate.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(early)), below)))
	c.stream = struct {
		io.Reader
		io.Writer
	}{inflate, deflate}
	c.outbox.redirect(deflate)
	c.in.Reset(reader{c})
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.compressed = true
	return replied
}

// runEnable enables CONDSTORE and QRESYNC and ignores what it does not know, RFC 5161 §3.1. That section also forbids
// it once a mailbox is selected.
func runEnable(c *Conn, _ string, p *parser) string {
	var enabled []string
	p.sp()
	var asked []string
	for p.err == nil {
		asked = append(asked, p.keyword())
		if !p.take(' ') {
			break
		}
	}
	if !p.end() {
		return ""
	}
	if c.sel != nil {
		return "BAD ENABLE after a mailbox was selected"
	}
	for _, word := range asked {
		switch {
		case word == "CONDSTORE" && c.srv.opts.Caps.Has(CapCondstore):
			c.condstore = true
		case word == "QRESYNC" && c.srv.opts.Caps.Has(CapQResync):
			c.condstore, c.qresync = true, true
		default:
			continue
		}
		enabled = append(enabled, word)
	}
	c.out.printf("%s", strings.TrimSpace("* ENABLED "+strings.Join(enabled, " ")))
	return "OK Enabled"
}

func runNamespace(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	c.out.printf("* NAMESPACE ((%s %s)) NIL NIL", quote(EncodeName(c.srv.opts.Prefix)), quote(c.srv.store.delim))
	return "OK Namespace completed"
}
