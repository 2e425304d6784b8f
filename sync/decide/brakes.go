package decide

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// brakeDay is the time within which removals add up (SPEC §7).
const brakeDay = 24 * time.Hour

// TallyRemovals fetches what the brakes need, when anything was removed: how
// many messages there are, which of the removed ones came when, and what was
// removed within a day.
func (s *Decide) TallyRemovals(ctx context.Context) error {
	s.lately, s.Before = nil, nil
	byRow := map[int64]*view.Message{}
	for _, m := range s.Messages {
		if l, r := m.Item.Local.State, m.Item.Remote.State; (l == plan.Removed) != (r == plan.Removed) {
			byRow[m.Row.ID] = m
		}
	}
	if len(byRow) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(byRow))
	since, err := s.DB.Since(ctx, ids)
	if err != nil {
		return err
	}
	for id, run := range since {
		byRow[id].Item.Since = run
	}
	counts, err := s.DB.Counts(ctx)
	if err != nil {
		return err
	}
	s.Before = map[string]int{}
	for _, name := range s.Names {
		if mb := s.Mailboxes[name]; mb.Row != nil {
			s.Before[name] = counts[mb.Row.ID]
			s.Before[""] += counts[mb.Row.ID]
		}
	}
	lost, err := s.DB.Lost(ctx, s.Start.Add(-brakeDay))
	if err != nil {
		return err
	}
	s.lately = make(map[string]plan.Lost, len(lost))
	for name, l := range lost {
		s.lately[s.survey.NameNow(name)] = plan.Lost{Run: l.Run, Held: l.Held, Local: l.Local, Remote: l.Remote}
	}
	return nil
}

// ReleaseBrakes makes the count of a day begin anew behind a run that was allowed
// to remove as much as there was.
func (s *Decide) ReleaseBrakes(tx *state.Tx) error {
	if !s.Req.AllowMassDelete {
		return nil
	}
	return tx.ReleaseRemovals(s.Only())
}

// ForgetRemovals drops what is too old for either use. A run that did nothing
// leaves that to the next one.
func (s *Decide) ForgetRemovals(tx *state.Tx) error {
	if !s.Rep.Changed() {
		return nil
	}
	return tx.ForgetRemovals(s.Start.Add(-s.remembered()))
}

// remembered is how long removals are: as long as they may be undone, and at
// least as long as the brakes add them up.
func (s *Decide) remembered() time.Duration {
	return max(brakeDay, time.Duration(s.Account.UndoDays)*24*time.Hour)
}

// Halted notes the brakes that the planner pulled.
func (s *Decide) Halted(p *plan.Plan) {
	for _, h := range p.Halts {
		what := "nothing was removed there"
		if h.Mailbox == "" {
			what = "nothing was removed on that side"
		}
		s.Braked[h.Mailbox] = &mail.Error{Op: "safety brake", Mailbox: h.Mailbox, Kind: mail.KindBrake,
			Err:  fmt.Errorf("this run %s; %s", h.Reason(), what),
			Hint: s.waysOut(h.Local)}
	}
}

// waysOut says how to go on from a brake on removals, first the way that brings
// the mail back. Without a state the messages are paired by their content, and
// what one side is missing is copied from the other.
func (s *Decide) waysOut(local bool) string {
	account := mail.ShellWord(s.Account.Name)
	side := "into the Maildir"
	remove := "from the server as well"
	if local {
		side, remove = "onto the server", "from the Maildir as well"
	}
	path := s.DB.Path()
	return fmt.Sprintf("to bring them back %s: mv %s %s && satchel sync %s; to remove them %s: satchel sync --allow-mass-delete %s",
		side, mail.ShellWord(path), mail.ShellWord(path+".old"), account, remove, account)
}

// Brakes returns what stopped parts of the account (SPEC §7), as one error.
func (s *Decide) Brakes() error {
	if len(s.Braked) == 0 {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Braked)) {
		errs = append(errs, s.Braked[name])
	}
	if len(errs) == 1 {
		return errs[0]
	}
	for _, err := range errs {
		s.Rep.Problem("", "", err)
	}
	return &mail.Error{Op: fmt.Sprintf("safety brake in %d mailboxes", len(errs)), Kind: mail.KindBrake}
}
