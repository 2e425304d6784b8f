package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/refusal"
)

func listening(t *testing.T, o imaptest.Options) (*imaptest.Server, Options) {
	t.Helper()
	srv := imaptest.NewServer(o)
	t.Cleanup(srv.Close)
	host, port, _ := net.SplitHostPort(srv.Addr())
	n, _ := strconv.Atoi(port)
	return srv, Options{Host: host, Port: n, User: "ann", Password: password("secret"), Timeout: 2 * time.Second}
}

func fingerprint(t *testing.T, pemBytes []byte) string {
	t.Helper()
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		t.Fatal("no PEM")
	}
	sum := sha256.Sum256(block.Bytes)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// A line that goes dead while TLS is being set up ends with an error, each time:
// the timeout and the handshake notice it at once.
func TestTLSTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	host, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(port)
	for _, mode := range []dial.Mode{dial.Implicit, dial.StartTLS} {
		for i := range 40 {
			o := Options{Host: host, Port: n, User: "ann", Password: password("secret"), TLS: mode, Timeout: time.Duration(1+i%5) * time.Millisecond}
			cl, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cl.Connect(t.Context()); mail.KindOf(err) != mail.KindConnection {
				t.Fatalf("%s: %v", mode, err)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	for _, mode := range []dial.Mode{dial.Implicit, dial.StartTLS} {
		srv, base := listening(t, imaptest.Options{TLS: mode == dial.Implicit,
			Caps: imaptest.DefaultCaps.With(imaptest.CapStartTLS, imaptest.CapLoginDisabled)})
		base.TLS = mode
		good := fingerprint(t, srv.CertPEM())
		for _, tc := range []struct {
			name string
			edit func(o *Options)
			hint string // empty: success
		}{
			{"authority", func(o *Options) { o.RootCA = srv.CertPEM() }, ""},
			{"pinned", func(o *Options) { o.Fingerprint = strings.ToUpper(good) }, ""},
			{"unknown authority", func(*Options) {}, good},
			{"other pin", func(o *Options) { o.Fingerprint = "sha256:" + strings.Repeat("ab", 32) }, good},
			{"other name", func(o *Options) {
				o.RootCA = srv.CertPEM()
				addr := srv.Addr()
				o.Host = "imap.example.org"
				o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", addr)
				}
			}, "set host"},
		} {
			t.Run(string(mode)+"/"+tc.name, func(t *testing.T) {
				checkLeaks(t)
				o := base
				tc.edit(&o)
				cl, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				c, err := cl.Connect(t.Context())
				if tc.hint != "" {
					if mail.KindOf(err) != mail.KindConnection || !strings.Contains(mail.HintOf(err), tc.hint) {
						t.Errorf("error %v, hint %q", err, mail.HintOf(err))
					}
					return
				}
				if err != nil {
					t.Fatalf("%v (%s)", err, mail.HintOf(err))
				}
				defer c.Close()
				if _, err := c.ListMailboxes(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestWrongPort(t *testing.T) {
	_, plain := listening(t, imaptest.Options{})
	secure, tlsOnly := listening(t, imaptest.Options{TLS: true})
	_ = secure
	banner := func(text string) Options {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = fmt.Fprint(conn, text)
				time.AfterFunc(time.Second, func() { _ = conn.Close() })
			}
		}()
		o := plain
		o.Port = ln.Addr().(*net.TCPAddr).Port
		return o
	}
	closed := banner("")
	closed.Port = 1
	for name, tc := range map[string]struct {
		o    Options
		mode dial.Mode
		hint string
	}{
		"TLS on a clear port":         {plain, dial.Implicit, "starttls"},
		"clear on a TLS port":         {tlsOnly, dial.Clear, "implicit"},
		"STARTTLS on a TLS port":      {tlsOnly, dial.StartTLS, "implicit"},
		"SMTP":                        {banner("220 mail.example.org ESMTP\r\n"), dial.Clear, "993"},
		"POP3 with STARTTLS":          {banner("+OK ready\r\n"), dial.StartTLS, "993"},
		"nobody":                      {closed, dial.Clear, "listens"},
		"STARTTLS not offered":        {plain, dial.StartTLS, "check"},
		"PREAUTH before STARTTLS":     {banner("* PREAUTH hello\r\n"), dial.StartTLS, "check"},
		"injection behind STARTTLS":   {banner("* OK hi\r\nS1 OK go\r\n* OK injected\r\n"), dial.StartTLS, "check"},
		"SMTP where TLS was expected": {banner("220 mail.example.org ESMTP\r\n"), dial.Implicit, "starttls"},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			o := tc.o
			o.TLS, o.Timeout = tc.mode, 500*time.Millisecond
			cl, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			c, err := cl.Connect(t.Context())
			if err == nil {
				_ = c.Close()
				t.Fatal("connected")
			}
			if mail.KindOf(err) != mail.KindConnection || !strings.Contains(mail.HintOf(err), tc.hint) || !strings.Contains(err.Error(), o.dialer().Address()) {
				t.Errorf("error %v, hint %q", err, mail.HintOf(err))
			}
		})
	}
}

func TestLogin(t *testing.T) {
	const secret = "pa\"ss\\wörd{5}"
	users := map[string]string{"ann": secret}
	for name, o := range map[string]imaptest.Options{
		"plain with ir":  {},
		"plain":          {Caps: imaptest.DefaultCaps.Without(imaptest.CapSASLIR)},
		"login":          {Caps: imaptest.DefaultCaps.Without(imaptest.CapAuthPlain)},
		"login, sync":    {Caps: imaptest.DefaultCaps.Without(imaptest.CapAuthPlain, imaptest.CapLiteralPlus)},
		"caps in no one": {NoGreetingCaps: true, NoLoginCaps: true},
	} {
		for _, auth := range []string{"auto", "plain", "login"} {
			t.Run(name+"/"+auth, func(t *testing.T) {
				o.Users = users
				srv := newServer(t, o)
				co := dialOptions(srv.Dial)
				co.Auth, co.Password = auth, password(secret)
				var logged bytes.Buffer
				co.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
				if auth == "plain" && strings.HasPrefix(name, "login") {
					cl, _ := New(co)
					if _, err := cl.Connect(t.Context()); mail.KindOf(err) != mail.KindConnection {
						t.Errorf("connected: %v", err)
					}
					return
				}
				cl, c := connect(t, co)
				if !c.has("QRESYNC") {
					t.Error("capabilities unknown")
				}
				if _, err := c.ListMailboxes(t.Context()); err != nil {
					t.Error(err)
				}
				if name == "plain with ir" && cl.Stats().MaxRoundTrips > 3 {
					t.Errorf("%+v", cl.Stats())
				}
				if strings.Contains(logged.String(), "rd{5}") {
					t.Error("password logged")
				}
			})
		}
	}
}

func TestLoginRefused(t *testing.T) {
	srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "LOGIN" || verb == "AUTHENTICATE" {
			return imaptest.Action{Reply: "NO [AUTHENTICATIONFAILED] not with hunter2"}
		}
		return imaptest.Action{}
	}})
	for _, auth := range []string{"plain", "login"} {
		o := dialOptions(srv.Dial)
		o.Auth, o.Password = auth, password("hunter2")
		cl, _ := New(o)
		_, err := cl.Connect(t.Context())
		if mail.KindOf(err) != mail.KindConnection || !strings.Contains(mail.HintOf(err), "password") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, hint %q", auth, err, mail.HintOf(err))
		}
		var re *refusal.ResponseError
		if !errors.As(err, &re) || re.Code != "AUTHENTICATIONFAILED" {
			t.Errorf("%s: %#v", auth, re)
		}
	}
}

func TestLoginDisabled(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	_ = srv
	dial := script(t, func(s *scripted) {
		s.send("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi")
		s.drain()
	})
	cl, _ := New(dialOptions(dial))
	_, err := cl.Connect(t.Context())
	if mail.KindOf(err) != mail.KindConnection || !strings.Contains(mail.HintOf(err), "starttls") {
		t.Errorf("%v, hint %q", err, mail.HintOf(err))
	}
}

// The LOGIN mechanism, as servers without PLAIN have it.
func TestAuthenticateLogin(t *testing.T) {
	dial := script(t, func(s *scripted) {
		s.send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=LOGIN] hi")
		tag := s.command("AUTHENTICATE LOGIN")
		s.send("+ VXNlcm5hbWU6")
		user, _ := s.br.ReadString('\n')
		s.send("+ UGFzc3dvcmQ6")
		pass, _ := s.br.ReadString('\n')
		if strings.TrimSpace(user) != "YW5u" || strings.TrimSpace(pass) != "c2VjcmV0" {
			s.t.Errorf("%q %q", user, pass)
		}
		s.send(tag + " OK [CAPABILITY IMAP4rev1] in")
		s.logout()
	})
	connect(t, dialOptions(dial))
}

func TestOptions(t *testing.T) {
	ok := Options{Host: "imap.example.org", User: "ann", Password: password("x")}
	for name, edit := range map[string]func(o *Options){
		"host":        func(o *Options) { o.Host = "" },
		"user":        func(o *Options) { o.User = "" },
		"cleartext":   func(o *Options) { o.TLS = dial.Clear },
		"mode":        func(o *Options) { o.TLS = "ssl" },
		"auth":        func(o *Options) { o.Auth = "ntlm" },
		"external":    func(o *Options) { o.Auth = "external" },
		"certificate": func(o *Options) { o.Host, o.TLS, o.Certificate = "127.0.0.1", dial.Clear, &tls.Certificate{} },
		"fingerprint": func(o *Options) { o.Fingerprint = "sha1:00" },
		"ca":          func(o *Options) { o.RootCA = []byte("no pem") },
		"port":        func(o *Options) { o.Port = 70000 },
	} {
		o := ok
		edit(&o)
		if _, err := New(o); mail.KindOf(err) != mail.KindConfig || mail.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []Options{ok, {Host: "127.0.0.1", TLS: dial.Clear, User: "a", Password: ok.Password}, {Host: "x", TLS: dial.Clear, AllowCleartext: true, User: "a", Password: ok.Password}} {
		if _, err := New(o); err != nil {
			t.Error(err)
		}
	}
}
