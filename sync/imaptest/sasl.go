package imaptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// exchange is one AUTHENTICATE under way. initial is the initial response, nil when none came.
type exchange struct {
	c       *Conn
	initial []byte
}

const (
	refused     = "NO [AUTHENTICATIONFAILED] Authentication failed"
	wrongBase64 = "BAD Invalid base64"
)

// mechanism finds how a mechanism authenticates. What it returns is who the client is, or else the tagged refusal.
func mechanism(name string) (need Caps, secret bool, run func(x exchange) (user, refusal string)) {
	switch name {
	case "PLAIN":
		return CapAuthPlain, true, exchange.plain
	case "LOGIN":
		return CapAuthLogin, true, exchange.login
	case "CRAM-MD5":
		return CapAuthCRAMMD5, false, exchange.cramMD5
	case "SCRAM-SHA-1", "SCRAM-SHA-256":
		return CapAuthSCRAMSHA1 << strings.Count(name, "256"), false, scramHash(name).run
	case "EXTERNAL":
		return CapAuthExternal, false, exchange.external
	case "OAUTHBEARER":
		return CapAuthOAuthBearer, true, exchange.oauthBearer
	case "XOAUTH2":
		return CapAuthXOAuth2, true, exchange.xoauth2
	}
	return 0, false, nil
}

// freeAuthenticate runs the mechanism, with an initial response when SASL-IR is on, RFC 4959.
func freeAuthenticate(c *Conn, _ string, p *parser) string {
	p.sp()
	name := p.keyword()
	initial, given := "", false
	if p.take(' ') {
		initial, given = p.word("an initial response", func(b byte) bool { return b > ' ' && b < 0x7f }), true
	}
	if !p.end() {
		return ""
	}
	need, secret, run := mechanism(name)
	if run == nil || !c.srv.opts.Caps.Has(need) {
		return "NO [CANNOT] Unsupported authentication mechanism"
	}
	if given && !c.srv.opts.Caps.Has(CapSASLIR) {
		return "BAD Initial response not supported"
	}
	if secret && c.srv.opts.Caps.Has(CapLoginDisabled) && !c.protected {
		return "NO [PRIVACYREQUIRED] Plaintext authentication is disabled"
	}
	x := exchange{c: c}
	if given {
		if initial == "=" { // empty, RFC 4959 §3
			initial = ""
		}
		raw, err := base64.StdEncoding.DecodeString(initial)
		if err != nil {
			return wrongBase64
		}
		x.initial = append([]byte{}, raw...)
	}
	user, refusal := run(x)
	if refusal != "" {
		return refusal
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.loggedIn(user)
}

// ask sends a challenge and returns the client's answer, or the tagged refusal.
func (x exchange) ask(challenge string) (answer []byte, refusal string) {
	x.c.say("+ " + base64.StdEncoding.EncodeToString([]byte(challenge)))
	line, bare, err := x.c.readLine()
	switch {
	case err != nil || bare:
		return nil, "BAD Invalid response"
	case string(line) == "*":
		return nil, "BAD Authentication cancelled"
	}
	answer, err = base64.StdEncoding.DecodeString(string(line))
	if err != nil { // also "=", which is empty within the command only
		return nil, wrongBase64
	}
	return answer, ""
}

// first is the initial response, which is asked for when it did not come along.
func (x exchange) first() ([]byte, string) {
	if x.initial != nil {
		return x.initial, ""
	}
	return x.ask("")
}

// plain is RFC 4616.
func (x exchange) plain() (string, string) {
	raw, refusal := x.first()
	if refusal != "" {
		return "", refusal
	}
	parts := bytes.Split(raw, []byte{0})
	if len(parts) != 3 {
		return "", "BAD Invalid PLAIN message"
	}
	user := string(parts[1])
	if authz := string(parts[0]); authz != "" && authz != user || !x.c.srv.valid(user, string(parts[2])) {
		return "", refused
	}
	return user, ""
}

func (x exchange) login() (string, string) {
	user, refusal := x.ask("Username:")
	if refusal != "" {
		return "", refusal
	}
	password, refusal := x.ask("Password:")
	if refusal != "" {
		return "", refusal
	}
	if !x.c.srv.valid(string(user), string(password)) {
		return "", refused
	}
	return string(user), ""
}

// cramMD5 is RFC 2195.
func (x exchange) cramMD5() (string, string) {
	challenge := fmt.Sprintf("<%d.%d@imaptest>", x.c.id, x.c.srv.opts.Now().UnixNano())
	answer, refusal := x.ask(challenge)
	if refusal != "" {
		return "", refusal
	}
	space := bytes.LastIndexByte(answer, ' ')
	if space < 0 {
		return "", "BAD Invalid CRAM-MD5 response"
	}
	user := string(answer[:space])
	password, known := x.c.srv.opts.Users[user]
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	if !known || hex.EncodeToString(mac.Sum(nil)) != string(answer[space+1:]) {
		return "", refused
	}
	return user, ""
}

// external is RFC 4422 appendix A: the certificate says who the client is, and what it asks to be must be the same.
func (x exchange) external() (string, string) {
	asked, refusal := x.first()
	if refusal != "" {
		return "", refusal
	}
	secure, ok := x.c.stream.(*tls.Conn)
	if !ok || len(secure.ConnectionState().VerifiedChains) == 0 {
		return "", refused
	}
	user := secure.ConnectionState().PeerCertificates[0].Subject.CommonName
	if len(asked) > 0 && string(asked) != user {
		return "", "NO [AUTHORIZATIONFAILED] The certificate is somebody else's"
	}
	return user, ""
}

// oauthBearer is RFC 7628.
func (x exchange) oauthBearer() (string, string) {
	raw, refusal := x.first()
	if refusal != "" {
		return "", refusal
	}
	header, rest, _ := strings.Cut(string(raw), "\x01")
	user, isUser := strings.CutPrefix(header, "n,a=")
	user, ends := strings.CutSuffix(user, ",")
	if !isUser || !ends || !strings.HasSuffix(rest, "\x01\x01") {
		return "", "BAD Invalid OAUTHBEARER message"
	}
	user = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(user)
	token := ""
	for pair := range strings.SplitSeq(rest, "\x01") {
		if t, ok := strings.CutPrefix(pair, "auth=Bearer "); ok {
			token = t
		}
	}
	return x.bearer(user, token, `{"status":"invalid_token","scope":"mail","openid-configuration":"https://example.org/oidc"}`, "\x01")
}

// xoauth2 is as Google describes it.
func (x exchange) xoauth2() (string, string) {
	raw, refusal := x.first()
	if refusal != "" {
		return "", refusal
	}
	text, isUser := strings.CutPrefix(string(raw), "user=")
	user, rest, both := strings.Cut(text, "\x01auth=Bearer ")
	token, ends := strings.CutSuffix(rest, "\x01\x01")
	if !isUser || !both || !ends {
		return "", "BAD Invalid XOAUTH2 message"
	}
	return x.bearer(user, token, `{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`, "")
}

// bearer checks a token. A refusal is a challenge that the client must answer with what the mechanism prescribes.
func (x exchange) bearer(user, token, because, dummy string) (string, string) {
	if want, ok := x.c.srv.opts.Tokens[user]; ok && token == want {
		return user, ""
	}
	answer, refusal := x.ask(because)
	if refusal != "" {
		return "", refusal
	}
	if string(answer) != dummy {
		return "", "BAD Invalid answer to an error"
	}
	return "", refused
}
