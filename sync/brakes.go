package sync

import (
	"fmt"
	"maps"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/plan"
)

// halted notes the brakes that the planner pulled.
func (s *session) halted(p *plan.Plan) {
	for _, h := range p.Halts {
		s.braked[h.Mailbox] = &mail.Error{Op: "safety brake", Mailbox: h.Mailbox, Kind: mail.KindBrake,
			Err:  fmt.Errorf("this run %s; nothing was removed there", h.Reason),
			Hint: "if this is what you want: satchel sync --allow-mass-delete " + s.account.Name}
	}
}

// brakes returns what stopped parts of the account (SPEC §7), as one error.
func (s *session) brakes() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.braked)) {
		errs = append(errs, s.braked[name])
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	for _, err := range errs {
		s.rep.problem("", "", err)
	}
	return &mail.Error{Op: fmt.Sprintf("safety brake in %d mailboxes", len(errs)), Kind: mail.KindBrake}
}
