package main

import (
	"context"
	"errors"
	"net"
	"syscall"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// A machine that travels is often offline, and cron mails what a run prints.
// So a run that nobody watches does not tell of a network that is away, until
// the last good sync is older than complain_after.

// withhold drops the problem of a network that is away, where it is no news
// yet. The exit code stays what it is.
func (d *deps) withhold(ctx context.Context, t target, o *outcome) {
	if d.stdoutTTY || d.stderrTTY || d.flags.verbose > 0 || o.report.DryRun || !away(o.err) {
		return
	}
	s, err := ask(d, t, func(e engine) (*mailsync.Status, error) { return e.Status(ctx) })
	if err != nil || s.LastSync.IsZero() {
		return // nothing proves that a sync was good
	}
	if since := d.clock().Sub(s.LastSync); since < 0 || since > t.complainAfter {
		return
	}
	o.withheld = true
}

// away reports whether err says that there is no way to the server: no name is
// resolved, nothing answers, or a connection fell silent. What the server or
// the configuration refuses is news at once.
func away(err error) bool {
	if mail.KindOf(err) != mail.KindConnection || interrupted(err) {
		return false
	}
	var name *net.DNSError
	var socket *net.OpError
	var silence net.Error
	switch {
	case errors.As(err, &name):
		return true
	case errors.As(err, &socket) && socket.Op == "dial":
		return true
	case errors.As(err, &silence) && silence.Timeout() && !errors.Is(err, context.DeadlineExceeded): // not a keyring's
		return true
	}
	for _, down := range []error{syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETRESET} {
		if errors.Is(err, down) {
			return true
		}
	}
	return false
}
