package main

import (
	"context"
	"errors"
	"fmt"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// The exit codes of SPEC §2.
const (
	exitOK         = 0
	exitPartly     = 1
	exitUsage      = 2
	exitBusy       = 3
	exitConnection = 4
	exitBrake      = 5
	exitKilled     = 130 // by a second signal
)

const exitTable = `Exit codes:
  0  the sides agree
  1  some messages or mailboxes failed; the rest are done
  2  wrong usage or configuration; nothing was done
  3  another satchel is at work on the account
  4  no connection, no TLS, or login refused; nothing was lost, try later
  5  stopped by a safety brake; nothing was deleted
With several accounts the most serious one counts: 2, then 5, 3, 4, 1, 0.
`

// exitCode is the one place where a kind of error becomes a number.
func exitCode(k mail.Kind) int {
	switch k {
	case mail.KindConfig:
		return exitUsage
	case mail.KindBusy:
		return exitBusy
	case mail.KindConnection:
		return exitConnection
	case mail.KindBrake:
		return exitBrake
	}
	return exitPartly
}

// worse returns the more serious of two exit codes. What a person has to mend
// comes before what mends itself with time.
func worse(a, b int) int {
	for _, code := range []int{exitUsage, exitBrake, exitBusy, exitConnection, exitPartly} {
		if a == code || b == code {
			return code
		}
	}
	return exitOK
}

// exitError carries a code whose reasons were printed already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// exited is nil for 0.
func exited(code int) error {
	if code == exitOK {
		return nil
	}
	return exitError(code)
}

// codeOf is the exit code of one account's run.
func codeOf(r *mailsync.Report, err error) int {
	code := exitOK
	if err != nil {
		code = exitCode(mail.KindOf(err))
		if interrupted(err) {
			code = exitPartly
		}
	}
	if r != nil {
		for _, p := range r.Problems {
			if consequence(p, err) {
				continue
			}
			code = worse(code, exitCode(kindOf(p)))
		}
		if len(r.Waiting) > 0 {
			code = worse(code, exitPartly) // the sides do not agree
		}
	}
	return code
}

// interrupted reports whether a signal is behind err, whatever broke because
// of it.
func interrupted(err error) bool {
	return errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled)
}

// consequence reports whether p says no more than that the run, which ended
// with err, was interrupted.
func consequence(p mailsync.Problem, err error) bool {
	return interrupted(err) && tells(p, err) || interrupted(p.Err())
}

// kindOf is the kind of a problem, by its error where it carries one.
func kindOf(p mailsync.Problem) mail.Kind {
	if err := p.Err(); err != nil {
		return mail.KindOf(err)
	}
	for k := mail.KindMessage; k <= mail.KindBrake; k++ {
		if k.String() == p.Kind {
			return k
		}
	}
	return mail.KindMessage
}
