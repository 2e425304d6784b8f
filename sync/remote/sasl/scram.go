package sasl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// maxIterations bounds the work that a server can ask for: a million
// iterations take a second or so, and 600,000 is the most that anybody
// recommends.
const maxIterations = 5_000_000

// ErrNoProof says that the server did not show that it knows the password, so
// it may be another one than it says it is.
var ErrNoProof = errors.New("the server could not prove that it knows the password")

// The hashes of SCRAM.
const (
	SHA1   = "SCRAM-SHA-1"   // RFC 5802
	SHA256 = "SCRAM-SHA-256" // RFC 7677
)

// SCRAM is SCRAM-SHA-1 or SCRAM-SHA-256: the password does not leave this
// computer, and both sides prove that they know it.
func SCRAM(mechanism, user, password string) (*Dialogue, error) {
	hash := scram.SHA256
	if mechanism == SHA1 {
		hash = scram.SHA1
	}
	client, err := hash.NewClient(user, password, "")
	if err != nil {
		// The words of the library may be about the password.
		return nil, errors.New("user or password holds a character that SCRAM does not allow (RFC 4013)")
	}
	talk := client.NewConversation()
	first, err := talk.Step("")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mechanism, err)
	}
	return &Dialogue{
		name: mechanism, first: []byte(first),
		next: func(n int, challenge []byte) ([]byte, error) {
			switch n {
			case 0:
				if i := iterations(string(challenge)); i > maxIterations {
					return nil, fmt.Errorf("the server asks for %d iterations of the hash, which is too many", i)
				}
			case 1:
				if _, ok := strings.CutPrefix(string(challenge), "e="); ok {
					break // its refusal, in its own words
				}
				if _, err := talk.Step(string(challenge)); err != nil || !talk.Valid() {
					return nil, ErrNoProof
				}
				return nil, nil
			default:
				return nil, errTurn
			}
			answer, err := talk.Step(string(challenge))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", mechanism, err)
			}
			return []byte(answer), nil
		},
		proved: func() error {
			if !talk.Valid() {
				return ErrNoProof
			}
			return nil
		},
	}, nil
}

// iterations is the count in a server-first-message (RFC 5802 §7), 0 when
// there is none that fits a number: the library then refuses it.
func iterations(message string) int {
	for attribute := range strings.SplitSeq(message, ",") {
		if count, ok := strings.CutPrefix(attribute, "i="); ok {
			n, _ := strconv.Atoi(count)
			return n
		}
	}
	return 0
}
