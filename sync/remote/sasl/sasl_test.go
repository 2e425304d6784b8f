package sasl

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// TestVectors compares with the examples of the RFCs.
func TestVectors(t *testing.T) {
	d := CRAMMD5("tim", "tanstaaftanstaaf")
	got, err := d.Next([]byte("<1896.697170952@postoffice.reston.mci.net>"))
	if string(got) != "tim b913a602c7eda7a495b4e6e7334d3890" || err != nil { // RFC 2195 §2
		t.Errorf("%s, %v", got, err)
	}
	d, err = OAuthBearer("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "server.example.com", 143)
	if err != nil {
		t.Fatal(err)
	}
	name, first, _ := d.Start()
	want := "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
	if name != "OAUTHBEARER" || string(first) != want { // RFC 7628 §4.1
		t.Errorf("%s %q", name, first)
	}
	if d, err = Plain("tim", "tanstaaftanstaaf"); err != nil {
		t.Fatal(err)
	}
	if _, first, _ = d.Start(); string(first) != "\x00tim\x00tanstaaftanstaaf" { // RFC 4616 §4
		t.Errorf("%q", first)
	}
}

// TestBearerErrors reads refusals as they are seen, and some that are not.
func TestBearerErrors(t *testing.T) {
	for challenge, want := range map[string]string{
		`{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com"}`: "invalid_token, which means that it has expired or was revoked (scope example_scope)",
		`{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`:                          "400 (scope https://mail.google.com/)",
		`{"status":401}`:                   "401, which means that it has expired or was revoked",
		`{"status":"insufficient_scope"}`:  "insufficient_scope, which means that it is not for mail",
		`{}`:                               "no reason given",
		`nonsense`:                         "in words that are not JSON",
		`{"status":"who is t0ken"}`:        "who is ...",
		`{"status":["a"],"scope":{"b":1}}`: "[a] (scope map[b:1])",
	} {
		d, err := XOAuth2("ann", "t0ken")
		if err != nil {
			t.Fatal(err)
		}
		answer, err := d.Next([]byte(challenge))
		if len(answer) != 0 || err != nil || d.Line("=") != "" {
			t.Errorf("answer %q, %v, line %q", answer, err, d.Line("="))
		}
		var refusal *BearerError
		if got := d.Err(false); !errors.As(got, &refusal) || !strings.HasSuffix(got.Error(), ": "+want) {
			t.Errorf("%s: %v", challenge, got)
		}
	}
}

// TestEnds: whatever a server asks, the dialogue ends, with a cancellation.
func TestEnds(t *testing.T) {
	scram, err := SCRAM(SHA256, "ann", "secret")
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := Plain("ann", "secret")
	token, _ := XOAuth2("ann", "t0ken")
	for name, d := range map[string]*Dialogue{
		"SCRAM": scram, "PLAIN": plain, "LOGIN": Login("ann", "secret"), "CRAM-MD5": CRAMMD5("ann", "secret"), "EXTERNAL": External(""), "XOAUTH2": token,
	} {
		for n := 0; d.Line("x") != cancel; n++ {
			if n > maxTurns {
				t.Fatalf("%s goes on", name)
			}
			if _, err := d.Next([]byte("again")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d.Err(true) == nil || strings.Contains(d.Err(true).Error(), "secret") {
			t.Errorf("%s: %v", name, d.Err(true))
		}
	}
}

// TestTell: whoever has to hide it knows a line before it goes out.
func TestTell(t *testing.T) {
	plain, _ := Plain("ann", "secret")
	var lines []string
	plain.Tell(func(line string) { lines = append(lines, line) })
	_, first, _ := plain.Start()
	if len(lines) != 1 || lines[0] != base64.StdEncoding.EncodeToString(first) {
		t.Errorf("told of %q", lines)
	}
	token, _ := XOAuth2("ann", "token")
	token.Tell(func(line string) { lines = append(lines, line) })
	_, _, _ = token.Start()
	_, _ = token.Next([]byte(`{"status":"401"}`))
	if len(lines) != 2 {
		t.Errorf("told of %q, with the answer that holds nothing", lines[1:])
	}
}

func TestNotAllowed(t *testing.T) {
	for name, err := range map[string]error{
		"NUL":     second(Plain("ann", "se\x00cret")),
		"control": second(SCRAM(SHA1, "ann", "se\x07cret")),
		"blank":   second(XOAuth2("ann", "a token")),
		"empty":   second(OAuthBearer("ann", "", "host", 1)),
		"user":    second(XOAuth2("ann\x01auth=Bearer x", "token")),
	} {
		if err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ *Dialogue, err error) error { return err }
