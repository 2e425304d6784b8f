package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/sasl"
)

const allMechanisms = imaptest.CapAuthPlain | imaptest.CapAuthLogin | imaptest.CapAuthCRAMMD5 | imaptest.CapAuthSCRAMSHA1 |
	imaptest.CapAuthSCRAMSHA256 | imaptest.CapAuthExternal | imaptest.CapAuthOAuthBearer | imaptest.CapAuthXOAuth2

// mechanismLog notes how each connection logs in.
type mechanismLog struct {
	mu   sync.Mutex
	used []string
}

func (m *mechanismLog) hook(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
	if verb == "AUTHENTICATE" || verb == "LOGIN" {
		m.mu.Lock()
		defer m.mu.Unlock()
		what := verb
		if fields := strings.Fields(line); verb == "AUTHENTICATE" {
			what = fields[2]
		}
		m.used = append(m.used, what)
	}
	return imaptest.Action{}
}

func (m *mechanismLog) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.used) == 0 {
		return ""
	}
	return m.used[len(m.used)-1]
}

func TestMechanisms(t *testing.T) {
	const user, secret = "ann,=ä", "pa\"ss\\wörd{5}"
	// As long as the tokens of Microsoft are.
	token := strings.Repeat("ya29.a0-_~+/", 250) + "=="
	for _, ir := range []bool{true, false} {
		caps := imaptest.DefaultCaps.With(allMechanisms)
		name := "initial response"
		if !ir {
			caps, name = caps.Without(imaptest.CapSASLIR), "none"
		}
		used := &mechanismLog{}
		srv := newServer(t, imaptest.Options{Caps: caps, Users: map[string]string{user: secret}, Tokens: map[string]string{user: token}, Hook: used.hook})
		for auth, want := range map[string]string{
			AuthPlain: "PLAIN", AuthLogin: "LOGIN", AuthCRAMMD5: "CRAM-MD5", AuthSCRAMSHA1: "SCRAM-SHA-1",
			AuthSCRAMSHA256: "SCRAM-SHA-256", AuthOAuthBearer: "OAUTHBEARER", AuthXOAuth2: "XOAUTH2", AuthAuto: "SCRAM-SHA-256",
		} {
			t.Run(name+"/"+auth, func(t *testing.T) {
				o := dialOptions(srv.Dial)
				o.User, o.Auth, o.Password = user, auth, password(secret)
				if auth == AuthOAuthBearer || auth == AuthXOAuth2 {
					o.Password, o.Token = nil, password(token)
				}
				cl, c := connect(t, o)
				if got := used.last(); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				// What was counted is what the server saw, up to here.
				if _, err := c.ListMailboxes(t.Context()); err != nil {
					t.Error(err)
				}
				if ir && strings.HasPrefix(want, "SCRAM") && cl.Stats().RoundTrips != 4 {
					t.Errorf("%d turns", cl.Stats().RoundTrips)
				}
			})
		}
	}
}

// TestLadder: auto takes the strongest that both sides have.
func TestLadder(t *testing.T) {
	type options struct{ token, secure bool }
	withPassword, token := options{}, options{token: true}
	for _, tc := range []struct {
		with    options
		offered imaptest.Caps
		want    string
	}{
		{withPassword, allMechanisms, "SCRAM-SHA-256"},
		{withPassword, allMechanisms &^ imaptest.CapAuthSCRAMSHA256, "SCRAM-SHA-1"},
		{withPassword, imaptest.CapAuthPlain | imaptest.CapAuthCRAMMD5, "CRAM-MD5"},
		{options{secure: true}, imaptest.CapAuthPlain | imaptest.CapAuthCRAMMD5, "PLAIN"},
		{options{secure: true}, allMechanisms, "SCRAM-SHA-256"},
		{options{secure: true}, imaptest.CapAuthCRAMMD5, "LOGIN"},
		{withPassword, imaptest.CapAuthPlain | imaptest.CapAuthLogin, "PLAIN"},
		{withPassword, 0, "LOGIN"},
		{token, allMechanisms, "OAUTHBEARER"},
		{token, imaptest.CapAuthPlain | imaptest.CapAuthXOAuth2, "XOAUTH2"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			used := &mechanismLog{}
			caps := imaptest.DefaultCaps.Without(allMechanisms).With(tc.offered)
			srv, o := listening(t, imaptest.Options{TLS: tc.with.secure, Caps: caps, Tokens: map[string]string{"ann": "t0ken"}, Hook: used.hook})
			o.TLS, o.RootCA = dial.Implicit, srv.CertPEM()
			if !tc.with.secure {
				o.TLS = dial.Clear
			}
			if tc.with.token {
				o.Token, o.Password = password("t0ken"), nil
			}
			connect(t, o)
			if got := used.last(); got != tc.want {
				t.Errorf("%+v with %s: %s, want %s", tc.with, tc.offered, got, tc.want)
			}
		})
	}
}

// refusedLogin connects, which must fail as a refused login does.
func refusedLogin(t *testing.T, o Options) error {
	t.Helper()
	cl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cl.Connect(t.Context())
	if err == nil {
		_ = c.Close()
		t.Fatal("connected")
	}
	if mail.KindOf(err) != mail.KindConnection || mail.HintOf(err) == "" {
		t.Errorf("kind %v, hint %q: %v", mail.KindOf(err), mail.HintOf(err), err)
	}
	return err
}

// TestRefusals: each refusal says what it is and what to do, and no secret.
func TestRefusals(t *testing.T) {
	answer := func(reply string) func(*imaptest.Conn, string, string, string) imaptest.Action {
		return func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
			if verb == "LOGIN" || verb == "AUTHENTICATE" {
				return imaptest.Action{Reply: strings.ReplaceAll(reply, "LINE", line)}
			}
			return imaptest.Action{}
		}
	}
	token := func(o *Options) { o.Password, o.Token = nil, password("hunter2") }
	auth := func(a string) func(*Options) { return func(o *Options) { o.Auth = a } }
	only := func(caps ...imaptest.Caps) imaptest.Caps {
		return imaptest.DefaultCaps.Without(allMechanisms).With(caps...)
	}
	for _, tc := range []struct {
		name       string
		srv        imaptest.Options
		edit       func(*Options)
		want, hint string
	}{
		{"wrong password, SCRAM", imaptest.Options{Caps: only(imaptest.CapAuthSCRAMSHA256)}, nil, "AUTHENTICATIONFAILED", `HINT; if they are right, the server may know the password for auth = "plain" only`},
		{"wrong password, SCRAM only", imaptest.Options{Caps: only(imaptest.CapAuthSCRAMSHA256)}, auth(AuthSCRAMSHA256), "AUTHENTICATIONFAILED", "HINT"},
		{"wrong password, CRAM-MD5", imaptest.Options{Caps: only(imaptest.CapAuthCRAMMD5)}, auth(AuthCRAMMD5), "AUTHENTICATIONFAILED", "HINT"},
		{"wrong password, LOGIN", imaptest.Options{Caps: only(imaptest.CapAuthLogin)}, nil, "AUTHENTICATIONFAILED", "HINT"},
		{"expired token, XOAUTH2", imaptest.Options{Caps: only(imaptest.CapAuthXOAuth2)}, token, "the server refuses the access token: 400 (scope https://mail.google.com/)", "HINT"},
		{"expired token, OAUTHBEARER", imaptest.Options{Caps: only(imaptest.CapAuthOAuthBearer)}, token,
			"the server refuses the access token: invalid_token, which means that it has expired or was revoked (scope mail)", "HINT"},
		{"expired", imaptest.Options{Hook: answer("NO [EXPIRED] your password is old")}, nil, "EXPIRED", "renew"},
		{"privacy", imaptest.Options{Hook: answer("NO [PRIVACYREQUIRED] use TLS")}, nil, "use TLS", "starttls"},
		{"authorization", imaptest.Options{Hook: answer("NO [AUTHORIZATIONFAILED] not yours")}, nil, "not yours", "check user"},
		{"unavailable", imaptest.Options{Hook: answer("NO [UNAVAILABLE] LDAP is down")}, nil, "LDAP", "later"},
		{"administrator", imaptest.Options{Hook: answer("NO [CONTACTADMIN] call us")}, nil, "call us", "provider"},
		{"mechanism after all", imaptest.Options{Hook: answer("NO [CANNOT] no such thing")}, nil, "no such thing", "auth"},
		{"echo", imaptest.Options{Hook: answer("BAD what is LINE")}, nil, "AUTHENTICATE PLAIN ...", "HINT"},
		{"echo of LOGIN", imaptest.Options{Caps: only(), Hook: answer("BAD what is LINE")}, nil, "LOGIN", "HINT"},
		{"not offered", imaptest.Options{}, auth(AuthSCRAMSHA256), `does not offer auth = "scram-sha-256": it offers login, plain`, `"auto"`},
		{"no tokens", imaptest.Options{}, token, "it offers login, plain", "takes no access tokens"},
		{"not a token", imaptest.Options{Caps: only(imaptest.CapAuthXOAuth2)}, func(o *Options) { o.Password, o.Token = nil, password("{ hunter2 }") }, "is none", "HINT"},
		{"NUL", imaptest.Options{}, func(o *Options) { o.Password = password("hunter2\x00") }, "NUL", "HINT"},
		{"no source", imaptest.Options{}, func(o *Options) {
			o.Password = func(context.Context) (string, error) { return "", errors.New("locked") }
		}, "locked", "HINT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkLeaks(t)
			srv := newServer(t, tc.srv)
			o := dialOptions(srv.Dial)
			o.Password, o.LoginHint = password("hunter2"), "HINT"
			if tc.edit != nil {
				tc.edit(&o)
			}
			err := refusedLogin(t, o)
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(mail.HintOf(err), tc.hint) {
				t.Errorf("%v\nhint %q", err, mail.HintOf(err))
			}
			for _, secret := range []string{"hunter2", base64.StdEncoding.EncodeToString([]byte("\x00ann\x00hunter2"))} {
				if strings.Contains(err.Error()+mail.HintOf(err), secret) {
					t.Errorf("shown: %v", err)
				}
			}
		})
	}
}

// TestSCRAMProof: a server that lets in without a proof, or with a false one,
// is not trusted.
func TestSCRAMProof(t *testing.T) {
	for name, mangle := range map[string]func(string) string{
		"false": func(line string) string {
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "+ ")); err == nil && strings.HasPrefix(string(raw), "v=") {
				return "+ " + base64.StdEncoding.EncodeToString([]byte("v="+base64.StdEncoding.EncodeToString(make([]byte, 32))))
			}
			return line
		},
		"error": func(line string) string {
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "+ ")); err == nil && strings.HasPrefix(string(raw), "v=") {
				return "+ " + base64.StdEncoding.EncodeToString([]byte("e=invalid-proof"))
			}
			return line
		},
		"nonce": func(line string) string {
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "+ ")); err == nil && strings.HasPrefix(string(raw), "r=") {
				return "+ " + base64.StdEncoding.EncodeToString(append([]byte("r=x"), raw[2:]...))
			}
			return line
		},
		"few iterations": func(line string) string {
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "+ ")); err == nil {
				return "+ " + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(string(raw), "i=4096", "i=1")))
			}
			return line
		},
		"many iterations": func(line string) string {
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "+ ")); err == nil {
				return "+ " + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(string(raw), "i=4096", "i=2000000000")))
			}
			return line
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapAuthSCRAMSHA256),
				Mangle: func(_ *imaptest.Conn, line string) string { return mangle(line) }})
			err := refusedLogin(t, dialOptions(srv.Dial))
			if errors.Is(err, sasl.ErrNoProof) != (name == "false") {
				t.Error(err)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		dial := script(t, func(s *scripted) {
			s.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] hi")
			s.expect("AUTHENTICATE SCRAM-SHA-256", "OK [CAPABILITY IMAP4rev1] come in")
			s.drain()
		})
		if err := refusedLogin(t, dialOptions(dial)); !errors.Is(err, sasl.ErrNoProof) {
			t.Error(err)
		}
	})
}

// TestCancelledDialogue: a dialogue that makes no sense is cancelled with "*", and the
// refusal says why it was.
func TestCancelledDialogue(t *testing.T) {
	dial := script(t, func(s *scripted) {
		s.send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=CRAM-MD5] hi")
		tag := s.command("AUTHENTICATE CRAM-MD5")
		s.send("+ PGE+")
		_, _ = s.br.ReadString('\n')
		s.send("+ PGI+")
		if line, _ := s.br.ReadString('\n'); line != "*\r\n" {
			s.t.Errorf("client sent %q", line)
		}
		s.send(tag + " BAD cancelled")
		s.drain()
	})
	if err := refusedLogin(t, dialOptions(dial)); !strings.Contains(err.Error(), "more than the mechanism has") {
		t.Error(err)
	}
}

// TestNothingInClear: no way to log in is tried without TLS beyond loopback,
// and what comes before TLS, stripped or faked, is not answered with a secret.
func TestNothingInClear(t *testing.T) {
	for _, auth := range AuthValues() {
		o := Options{Host: "imap.example.org", TLS: dial.Clear, User: "ann", Password: password("hunter2"), Token: password("t0ken"), Auth: auth,
			Dial: func(context.Context, string, string) (net.Conn, error) { t.Fatal("dialled"); return nil, nil }}
		if auth == AuthExternal {
			o.Certificate, _ = certificate(t, "ann", nil)
		}
		if _, err := New(o); mail.KindOf(err) != mail.KindConfig {
			t.Errorf("%s: %v", auth, err)
		}
	}
	for name, play := range map[string]func(s *scripted){
		"stripped": func(s *scripted) {
			s.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=SCRAM-SHA-256] hi")
			s.expect("STARTTLS", "BAD unknown command")
		},
		"refused": func(s *scripted) {
			s.send("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hi")
			s.expect("STARTTLS", "NO not today")
		},
		"preauth": func(s *scripted) { s.send("* PREAUTH [CAPABILITY IMAP4rev1] you are in") },
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			o := dialOptions(script(t, func(s *scripted) {
				play(s)
				if rest, _ := io.ReadAll(s.br); len(rest) > 0 {
					s.t.Errorf("client sent %q", rest)
				}
			}))
			o.Host, o.TLS = "imap.example.org", dial.StartTLS
			o.Password = func(context.Context) (string, error) {
				t.Error("asked for the password")
				return "hunter2", nil
			}
			if err := refusedLogin(t, o); strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		})
	}
}

// TestTokensOnly: a server that takes no passwords at all.
func TestTokensOnly(t *testing.T) {
	dial := script(t, func(s *scripted) {
		s.send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2] hi")
		s.drain()
	})
	o := dialOptions(dial)
	if err := refusedLogin(t, o); !strings.Contains(err.Error(), "it offers xoauth2") {
		t.Error(err)
	}
}
