package sasl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// BearerError is why a server refuses a token, as it says in a challenge
// (RFC 7628 §3.2.2; XOAUTH2 has the same fields).
type BearerError struct {
	Status string // invalid_token, insufficient_scope, or a number as in HTTP
	Scope  string // what the token would have to allow; may be empty
}

func (e *BearerError) Error() string {
	status := e.Status
	switch status {
	case "":
		status = "no reason given"
	case "invalid_token", "401":
		status += ", which means that it has expired or was revoked"
	case "insufficient_scope", "403":
		status += ", which means that it is not for mail"
	}
	text := "the server refuses the access token: " + status
	if e.Scope != "" {
		text += fmt.Sprintf(" (scope %s)", e.Scope)
	}
	return text
}

// OAuthBearer is OAUTHBEARER (RFC 7628).
func OAuthBearer(user, token, host string, port int) (*Dialogue, error) {
	// RFC 5801 §4, saslname.
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	first := "n,a=" + name + ",\x01host=" + host + "\x01port=" + strconv.Itoa(port) + "\x01auth=Bearer " + token + "\x01\x01"
	// The answer to an error is a dummy (RFC 7628 §3.2.3).
	return bearer("OAUTHBEARER", user, token, first, "\x01")
}

// XOAuth2 is XOAUTH2, as Google and Microsoft describe it. Its answer to an
// error is an empty line.
func XOAuth2(user, token string) (*Dialogue, error) {
	return bearer("XOAUTH2", user, token, "user="+user+"\x01auth=Bearer "+token+"\x01\x01", "")
}

func bearer(mechanism, user, token, first, onError string) (*Dialogue, error) {
	if !isToken(token) || strings.ContainsAny(user, "\x00\x01") {
		return nil, errors.New("what was given as an access token is none")
	}
	d := &Dialogue{name: mechanism, first: []byte(first)}
	d.next = func(n int, challenge []byte) ([]byte, error) {
		if n > 0 {
			return nil, errTurn
		}
		d.refusal = bearerError(challenge, token)
		return []byte(onError), nil
	}
	return d, nil
}

// maxReason bounds what is told of a server's reason, in bytes.
const maxReason = 200

// bearerError reads the JSON of a refusal, without the token in case it is
// in there. Some servers send the status as a number.
func bearerError(challenge []byte, token string) *BearerError {
	var said struct {
		Status any `json:"status"`
		Scope  any `json:"scope"`
	}
	if json.Unmarshal(challenge, &said) != nil {
		return &BearerError{Status: "in words that are not JSON"}
	}
	text := func(v any) string {
		if v == nil {
			return ""
		}
		s := strings.ReplaceAll(fmt.Sprint(v), token, "...")
		return strings.ToValidUTF8(s[:min(len(s), maxReason)], "")
	}
	return &BearerError{Status: text(said.Status), Scope: text(said.Scope)}
}

// isToken wants a b64token, and is as lenient as to take every visible
// character (RFC 6750 §2.1).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
