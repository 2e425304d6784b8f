package apply

import (
	"errors"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// crowdedOut takes a refusal that gives no reason, of what several connections
// did at once, and reports whether it was one: servers that keep mail in one
// database refuse what would have to wait. It is tried again by one connection.
func (a *applier) crowdedOut(op *plan.Op, err error) bool {
	if !a.crowds(err) {
		return false
	}
	a.Pool.GoAlone()
	a.skip(op, errors.Join(mail.ErrChanged, err))
	return true
}

// crowds reports whether a refusal may be due to our other connections.
func (a *applier) crowds(err error) bool {
	var re *remote.ResponseError
	limit, _ := remote.LimitOf(err)
	return errors.As(err, &re) && !re.Bad && re.Code == "" && limit == remote.NoLimit && a.Pool.Crowded()
}
