package sasl

import (
	"encoding/base64"
	"errors"
	"strings"
)

// maxTurns is more than any mechanism takes; a server that goes on asking
// would be answered for ever.
const maxTurns = 8

// cancel ends an AUTHENTICATE from our side (RFC 3501 §6.2.2).
const cancel = "*"

// Dialogue is one login with one mechanism. It is the Client of go-sasl that
// go-imap wants, with errors kept back until [Dialogue.Err].
type Dialogue struct {
	name  string
	first []byte // nil: the server speaks first
	// next answers the nth challenge, from 0.
	next func(n int, challenge []byte) ([]byte, error)
	// proved says what is missing when the server said OK; nil: nothing.
	proved func() error

	turns   int
	err     error
	refusal error    // what the server said of the reason, in a challenge
	said    []string // lines with a secret in them, as they went out
}

// Start returns the name of the mechanism and its initial response.
func (d *Dialogue) Start() (mechanism string, initial []byte, err error) {
	if len(d.first) > 0 {
		d.remember(d.first)
	}
	return d.name, d.first, nil
}

// Next answers a challenge. It never fails.
func (d *Dialogue) Next(challenge []byte) ([]byte, error) {
	if d.err != nil {
		return nil, nil
	}
	n := d.turns
	d.turns++
	if n >= maxTurns {
		d.err = errors.New("the server asks without end")
		return nil, nil
	}
	answer, err := d.next(n, challenge)
	if err != nil {
		d.err = err
		return nil, nil
	}
	d.remember(answer)
	return answer, nil
}

func (d *Dialogue) remember(answer []byte) {
	d.said = append(d.said, base64.StdEncoding.EncodeToString(answer))
}

// Line turns the line that go-imap writes in answer to a challenge into what
// belongs there: "=" stands for an empty response only within the command
// (RFC 4959 §3), and a dialogue that has failed is cancelled.
func (d *Dialogue) Line(line string) string {
	switch {
	case d.err != nil:
		return cancel
	case line == "=":
		return ""
	}
	return line
}

// Err says what is wrong with the server's answer, ok or not, beyond what it
// says itself: why the dialogue was given up, what the server has not proved,
// or the reason that it gave in a challenge.
func (d *Dialogue) Err(ok bool) error {
	switch {
	case d.err != nil:
		return d.err
	case d.refusal != nil:
		return d.refusal
	case ok && d.proved != nil:
		return d.proved()
	}
	return nil
}

// Scrub removes from the server's words what was sent to it.
func (d *Dialogue) Scrub(text string) string {
	for _, line := range d.said {
		if line != "" {
			text = strings.ReplaceAll(text, line, "...")
		}
	}
	return text
}

var errTurn = errors.New("the server asked for more than the mechanism has")
