package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// brakeDay is the time within which removals add up (SPEC §7).
const brakeDay = 24 * time.Hour

// tallyRemovals fetches what the brakes need, when anything was removed: how
// many messages there are, which of the removed ones came when, and what was
// removed within a day.
func (s *session) tallyRemovals(ctx context.Context) error {
	s.lately, s.before = nil, nil
	byRow := map[int64]*message{}
	for _, m := range s.messages {
		if l, r := m.item.Local.State, m.item.Remote.State; (l == plan.Removed) != (r == plan.Removed) {
			byRow[m.row.ID] = m
		}
	}
	if len(byRow) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(byRow))
	since, err := s.db.Since(ctx, ids)
	if err != nil {
		return err
	}
	for id, run := range since {
		byRow[id].item.Since = run
	}
	counts, err := s.db.Counts(ctx)
	if err != nil {
		return err
	}
	s.before = map[string]int{}
	for _, name := range s.names {
		if mb := s.mailboxes[name]; mb.row != nil {
			s.before[name] = counts[mb.row.ID]
			s.before[""] += counts[mb.row.ID]
		}
	}
	lost, err := s.db.Lost(ctx, s.start.Add(-brakeDay))
	if err != nil {
		return err
	}
	s.lately = make(map[string]plan.Lost, len(lost))
	for name, l := range lost {
		s.lately[s.nameNow(name)] = plan.Lost{Run: l.Run, Held: l.Held, Local: l.Local, Remote: l.Remote}
	}
	return nil
}

// noteRemoval remembers, in the transaction that forgets the row, what was
// removed.
func (s *session) noteRemoval(n *notes, op *plan.Op, trashUID mail.UID) {
	if op.Item.Left {
		return
	}
	m := ref(op.Item)
	r := state.Removal{Time: s.now(), Side: state.Remote, Mailbox: m.home, Fate: state.FateExpunged, Message: m.row.ID,
		Digest: m.row.Digest, Size: m.row.Size, Date: m.row.Date, Base: m.row.Base}
	switch op.Kind {
	case plan.LocalRemove:
		r.Side, r.Fate = state.Local, state.FateUndo
	case plan.RemoteTrash:
		r.Fate, r.Trash, r.TrashUID = state.FateTrash, op.To, trashUID
	}
	n.losses, n.held = append(n.losses, r), s.before
}

// releaseBrakes makes the count of a day begin anew behind a run that was allowed
// to remove as much as there was.
func (s *session) releaseBrakes(tx *state.Tx) error {
	if !s.req.AllowMassDelete {
		return nil
	}
	return tx.ReleaseRemovals(s.only())
}

// forgetRemovals drops what is too old for either use. A run that did nothing
// leaves that to the next one.
func (s *session) forgetRemovals(tx *state.Tx) error {
	if !s.rep.Changed() {
		return nil
	}
	return tx.ForgetRemovals(s.start.Add(-s.remembered()))
}

// remembered is how long removals are: as long as they may be undone, and at
// least as long as the brakes add them up.
func (s *session) remembered() time.Duration {
	return max(brakeDay, time.Duration(s.account.UndoDays)*24*time.Hour)
}

// halted notes the brakes that the planner pulled.
func (s *session) halted(p *plan.Plan) {
	for _, h := range p.Halts {
		what := "nothing was removed there"
		if h.Mailbox == "" {
			what = "nothing was removed on that side"
		}
		s.braked[h.Mailbox] = &mail.Error{Op: "safety brake", Mailbox: h.Mailbox, Kind: mail.KindBrake,
			Err:  fmt.Errorf("this run %s; %s", h.Reason(), what),
			Hint: s.waysOut(h.Local)}
	}
}

// waysOut says how to go on from a brake on removals, first the way that brings
// the mail back. Without a state the messages are paired by their content, and
// what one side is missing is copied from the other.
func (s *session) waysOut(local bool) string {
	account := mail.ShellWord(s.account.Name)
	side := "into the Maildir"
	remove := "from the server as well"
	if local {
		side, remove = "onto the server", "from the Maildir as well"
	}
	path := s.db.Path()
	return fmt.Sprintf("to bring them back %s: mv %s %s && satchel sync %s; to remove them %s: satchel sync --allow-mass-delete %s",
		side, mail.ShellWord(path), mail.ShellWord(path+".old"), account, remove, account)
}

// brakes returns what stopped parts of the account (SPEC §7), as one error.
func (s *session) brakes() error {
	if len(s.braked) == 0 {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.braked)) {
		errs = append(errs, s.braked[name])
	}
	if len(errs) == 1 {
		return errs[0]
	}
	for _, err := range errs {
		s.rep.problem("", "", err)
	}
	return &mail.Error{Op: fmt.Sprintf("safety brake in %d mailboxes", len(errs)), Kind: mail.KindBrake}
}
