package survey

import (
	"context"
	"errors"
	"slices"
	"strings"

	"satchel/sync/remote"
	"satchel/sync/remote/pool"
)

// A mailbox that is deleted while there are others below it may stay in the
// list, as a level without messages (RFC 3501 §6.3.4), and servers forget to
// mark it \Noselect: Dovecot does, with its list index. It counts as not there
// when all of this says so, each of which a passing failure may look like:
// others below it have a STATUS, it has none, and it cannot be opened because
// it does not exist. What cannot be opened for another reason, or by accident
// along with the rest, is there.

// StrikeNonexistent marks such mailboxes of a list as the server should have.
func (s *Survey) StrikeNonexistent(ctx context.Context, c *remote.Conn, list []remote.Mailbox) error {
	asked := 0
	var living []string // sorted, when there is one to be asked for
	for i := range list {
		b := &list[i]
		if !b.Selectable || b.Status.UIDValidity != 0 || !s.Wanted(b.Name) || s.quirks.LeftAlone(b.Name) != nil {
			continue
		}
		if living == nil {
			living = withStatus(list)
		}
		if !livesBelow(living, b.Name) {
			continue
		}
		if asked++; asked > mostGhosts {
			s.Log.Debug("many mailboxes have no status; the rest is believed to be there", "asked", mostGhosts)
			return nil
		}
		is, err := s.Absent(ctx, c, b.Name)
		if err != nil {
			return err
		}
		if is {
			s.Log.Debug("listed, but does not exist", "mailbox", b.Name)
			b.Selectable = false
		}
	}
	return nil
}

// mostGhosts is for how many mailboxes of a list this is asked, a turn each.
const mostGhosts = 100

// withStatus returns the names of the mailboxes that have a STATUS, sorted.
func withStatus(list []remote.Mailbox) []string {
	living := make([]string, 0, len(list))
	for i := range list {
		if b := &list[i]; b.Selectable && b.Status.UIDValidity != 0 {
			living = append(living, b.Name)
		}
	}
	slices.Sort(living)
	return living
}

// livesBelow reports whether one of these sorted names is below another one.
func livesBelow(living []string, name string) bool {
	below := name + "/"
	i, _ := slices.BinarySearch(living, below)
	return i < len(living) && strings.HasPrefix(living[i], below)
}

// Absent asks whether a mailbox does not exist. A refusal without a code may
// mean anything, so then a connection of its own finds out.
func (s *Survey) Absent(ctx context.Context, c *remote.Conn, name string) (bool, error) {
	err := c.Opens(ctx, name)
	var re *remote.ResponseError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &re):
		if pool.Fatal(ctx, err) {
			return false, err
		}
		return false, nil
	case re.Bad || re.Code != "":
		return re.Code == remote.CodeNonExistent, nil
	}
	own, err := s.Pool.Client.Connect(ctx)
	if err != nil {
		s.Log.Debug("not asked whether it exists", "mailbox", name, "err", err)
		return false, ctx.Err()
	}
	is, err := own.SaysAbsent(ctx, name)
	_ = own.Close() // it may have ended already
	if err != nil {
		s.Log.Debug("not said whether it exists", "mailbox", name, "err", err)
		return false, ctx.Err()
	}
	return is, nil
}
