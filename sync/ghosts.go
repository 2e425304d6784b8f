package sync

import (
	"context"
	"errors"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

// A mailbox that is deleted while there are others below it may stay in the
// list, as a level without messages (RFC 3501 §6.3.4), and servers forget to
// mark it \Noselect: Dovecot does, with its list index. It counts as not there
// when all of this says so, each of which a passing failure may look like:
// others below it have a STATUS, it has none, and it cannot be opened because
// it does not exist. What cannot be opened for another reason, or by accident
// along with the rest, is there.

// strikeGhosts marks such mailboxes of a list as the server should have.
func (s *session) strikeGhosts(ctx context.Context, c *remote.Conn, list []remote.Mailbox) error {
	for i := range list {
		b := &list[i]
		if !b.Selectable || b.Status.UIDValidity != 0 || !s.wanted(b.Name) || s.leftAlone(b.Name) != nil || !livesBelow(list, b.Name) {
			continue
		}
		is, err := s.absent(ctx, c, b.Name)
		if err != nil {
			return err
		}
		if is {
			s.log.Debug("listed, but does not exist", "mailbox", b.Name)
			b.Selectable = false
		}
	}
	return nil
}

// livesBelow reports whether a mailbox below another one has a STATUS.
func livesBelow(list []remote.Mailbox, name string) bool {
	for _, b := range list {
		if b.Name != name && b.Selectable && b.Status.UIDValidity != 0 && mail.Within(b.Name, name) {
			return true
		}
	}
	return false
}

// absent asks whether a mailbox does not exist. A refusal without a code may
// mean anything, so then a connection of its own finds out.
func (s *session) absent(ctx context.Context, c *remote.Conn, name string) (bool, error) {
	err := c.Opens(ctx, name)
	var re *remote.ResponseError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &re):
		if fatal(ctx, err) {
			return false, err
		}
		return false, nil
	case re.Bad || re.Code != "":
		return re.Code == remote.CodeNonExistent, nil
	}
	own, err := s.pool.client.Connect(ctx)
	if err != nil {
		s.log.Debug("not asked whether it exists", "mailbox", name, "err", err)
		return false, ctx.Err()
	}
	is, err := own.SaysAbsent(ctx, name)
	_ = own.Close() // it may have ended already
	if err != nil {
		s.log.Debug("not said whether it exists", "mailbox", name, "err", err)
		return false, ctx.Err()
	}
	return is, nil
}
