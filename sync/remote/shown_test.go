package remote

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

const echoed = "Zw\u00f6lf+Boxk\u00e4mpfer"

// echoes are the ways in which a server may send back what it was told.
func echoes() map[string]string {
	blob := base64.StdEncoding.EncodeToString([]byte("\x00ann\x00" + echoed))
	return map[string]string{
		"as it is": echoed, "of a URL": url.QueryEscape(echoed), "PLAIN": blob, "a part of PLAIN": blob[8:24],
		"base64": base64.StdEncoding.EncodeToString([]byte(echoed)), "a part": echoed[:12],
	}
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestEchoedSecrets: wherever a server puts what it was told, in whatever form,
// no error and no log has it; nor has it a character that a terminal obeys.
func TestEchoedSecrets(t *testing.T) {
	const caps = "IMAP4rev1 AUTH=PLAIN SASL-IR"
	for form, echo := range echoes() {
		nasty := "\x1b]0;\u202e" + echo + "\u009b"
		for place, play := range map[string]func(s *scripted){
			"NO to the login": func(s *scripted) { s.expect("AUTHENTICATE", "NO ["+echo+"] "+nasty) },
			"BYE at the login": func(s *scripted) {
				if s.command("AUTHENTICATE") != "" {
					s.send("* BYE " + nasty)
				}
			},
			"ALERT": func(s *scripted) {
				s.expect("AUTHENTICATE", "* NO [ALERT] "+nasty, "OK [CAPABILITY "+caps+"] "+nasty)
				s.expect("NOOP", "* OK [ALERT] "+nasty, "NO [ALERT] "+nasty)
				s.drain()
			},
			"BYE later": func(s *scripted) {
				s.expect("AUTHENTICATE", "OK [CAPABILITY "+caps+"] in")
				if s.command("NOOP") != "" {
					s.send("* BYE [" + echo + "] " + nasty)
				}
			},
			"an answer to the challenge": func(s *scripted) {
				tag := s.command("AUTHENTICATE")
				s.send("+ "+base64.StdEncoding.EncodeToString([]byte(nasty)), tag+" BAD "+nasty)
				s.drain()
			},
		} {
			t.Run(form+", "+place, func(t *testing.T) {
				checkLeaks(t)
				o := dialOptions(script(t, func(s *scripted) {
					s.send("* OK [CAPABILITY " + caps + "] ready")
					play(s)
				}))
				var log buffer
				o.Password, o.Auth = password(echoed), AuthPlain
				o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				cl, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				c, err := cl.Connect(t.Context())
				if err == nil {
					err = c.Noop(t.Context())
					_ = c.Close()
				}
				if err == nil || place == "ALERT" && !strings.Contains(log.String(), "server alert") {
					t.Fatalf("%v, log %q", err, log.String())
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					harmless(t, e.Error(), echo)
				}
				harmless(t, mail.HintOf(err), echo)
				harmless(t, log.String(), echo)
			})
		}
	}
}

func harmless(t *testing.T, text, echo string) {
	t.Helper()
	for _, secret := range []string{echoed, echo, echoed[:10], echo[len(echo)-9:]} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
	if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), mail.Unprintable) {
		t.Errorf("unprintable: %q", text)
	}
}

// TestTokenInRefusal: neither a token in the JSON of a refusal nor one that
// was sent before is shown.
func TestTokenInRefusal(t *testing.T) {
	checkLeaks(t)
	const token = "ya29.a0AfH6SMBx-veryLongAccessToken_1234567890"
	nth := 0
	tokens := []string{token, "eyJ0.another-token-of-the-same-account"}
	o := dialOptions(script(t, func(s *scripted) {
		s.send("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready")
		tag := s.command("AUTHENTICATE")
		s.send("+ " + base64.StdEncoding.EncodeToString([]byte(`{"status":"no: `+token+`","scope":"`+url.QueryEscape(token[:20])+`"}`)))
		_, _ = s.br.ReadString('\n')
		s.send(tag + " NO " + token[10:])
		s.drain()
	}))
	o.Password, o.Token = nil, func(context.Context) (string, error) { nth++; return tokens[nth-1], nil }
	cl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range tokens {
		_, err = cl.Connect(t.Context())
		if err == nil || !strings.Contains(err.Error(), "refuses the access token") {
			t.Fatal(err)
		}
		for i := 0; i+8 <= len(token); i++ {
			if strings.Contains(err.Error(), token[i:i+8]) {
				t.Fatalf("%q is in %v", token[i:i+8], err)
			}
		}
	}
}

// TestServerTextIsBounded: what a server says has an end.
func TestServerTextIsBounded(t *testing.T) {
	long := strings.Repeat("blah ", 200_000)
	_, c := connect(t, dialOptions(script(t, func(s *scripted) {
		s.login("IMAP4rev1")
		s.expect("NOOP", "NO ["+strings.ReplaceAll(long, " ", "x")+"] "+long)
		s.logout()
	})))
	err := c.Noop(t.Context())
	if err == nil || utf8.RuneCountInString(err.Error()) > 700 || !strings.Contains(err.Error(), "blah") {
		t.Errorf("%.900v", err)
	}
}

// TestKnownCodes: a code that decides something stays what it is, also where it
// looks like what was told in confidence.
func TestKnownCodes(t *testing.T) {
	for _, code := range []string{refusal.CodeModified, refusal.CodeLimit, refusal.CodeTryCreate, "COMPLETELYNEW"} {
		cl := &Client{}
		cl.secrets.Add(code)
		if got := cl.answered(wire.Text{Code: code}).Code; (got == code) == (code == "COMPLETELYNEW") {
			t.Errorf("%s became %q", code, got)
		}
	}
}
