package sasl

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"
)

// Plain is PLAIN (RFC 4616): the password as it is.
func Plain(user, password string) (*Dialogue, error) {
	if strings.ContainsRune(user+password, 0) {
		return nil, errors.New("user and password must not contain a NUL")
	}
	return &Dialogue{name: "PLAIN", first: []byte("\x00" + user + "\x00" + password), next: nothing}, nil
}

// Login is LOGIN as servers speak it (draft-murchison-sasl-login): two
// questions in whatever words, first for the user, then for the password.
func Login(user, password string) *Dialogue {
	return &Dialogue{name: "LOGIN", next: func(n int, _ []byte) ([]byte, error) {
		switch n {
		case 0:
			return []byte(user), nil
		case 1:
			return []byte(password), nil
		}
		return nil, errTurn
	}}
}

// CRAMMD5 is CRAM-MD5 (RFC 2195): it keeps the password off the line, but lets
// everybody who listens try passwords, and proves nothing about the server.
func CRAMMD5(user, password string) *Dialogue {
	return &Dialogue{name: "CRAM-MD5", next: func(n int, challenge []byte) ([]byte, error) {
		if n > 0 {
			return nil, errTurn
		}
		mac := hmac.New(md5.New, []byte(password))
		mac.Write(challenge) // never fails
		return []byte(user + " " + hex.EncodeToString(mac.Sum(nil))), nil
	}}
}

// External is EXTERNAL (RFC 4422 appendix A): the client's certificate says
// who it is. An empty user leaves the name to the server.
func External(user string) *Dialogue {
	return &Dialogue{name: "EXTERNAL", first: []byte(user), next: nothing}
}

// nothing answers no challenge, for mechanisms that say all at once.
func nothing(int, []byte) ([]byte, error) { return nil, errTurn }
