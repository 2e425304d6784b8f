package sasl

import (
	"encoding/base64"
	"errors"
)

// maxTurns is more than any mechanism takes; a server that goes on asking
// would be answered for ever.
const maxTurns = 8

// shortestLine is the shortest answer that can hold a secret; a shorter one is a
// dummy, such as the answer to a refused token (RFC 7628 §3.2.3).
const shortestLine = 3

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
	refusal error // what the server said of the reason, in a challenge
	// tell is told of lines with a secret in them before they go out; nil: nobody.
	tell func(line string)
}

// Start returns the name of the mechanism and its initial response.
func (d *Dialogue) Start() (mechanism string, initial []byte, err error) {
	if len(d.first) > 0 {
		d.announce(d.first)
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
	d.announce(answer)
	return answer, nil
}

// Tell names who has to know of each line with a secret in it before it goes
// out: a server may send it back.
func (d *Dialogue) Tell(f func(line string)) { d.tell = f }

func (d *Dialogue) announce(answer []byte) {
	if d.tell != nil && len(answer) >= shortestLine {
		d.tell(base64.StdEncoding.EncodeToString(answer))
	}
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

var errTurn = errors.New("the server asked for more than the mechanism has")
