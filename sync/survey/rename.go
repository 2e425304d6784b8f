package survey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/run"
	"satchel/sync/view"
)

// Renames come before everything else: once both sides and the base call a
// mailbox by one name, the rest of a cycle need not know that it ever had
// another one.
//
// A rename is an intent in the journal, the rename itself, and one transaction
// that gives the base the new names and drops the intent (adr/0004). A run
// that died in between is recognised by the old name: where the side has it no
// more, the rename was carried out.

// renames plans and carries out the renames. It reports whether the sides have
// to be looked at again.
func (s *Survey) renames(ctx context.Context, f *finding) (again bool, err error) {
	s.renaming = nil
	if again, err := s.recoverRename(ctx, f); again || err != nil || s.renaming != nil {
		return again, err
	}
	steps := s.planRenames(f)
	if len(steps) == 0 {
		return false, nil
	}
	s.Ahead.Forget() // was read under the old names
	for i := range steps {
		step := &steps[i]
		if s.Req.DryRun {
			s.pretend(f, step)
			continue
		}
		err := s.rename(ctx, f, step)
		if err == nil {
			continue
		}
		if pool.Fatal(ctx, err) {
			return false, err
		}
		s.Boxes = nil
		op := step.Ops[0]
		if errors.Is(err, errRenameUnseen) && s.quirks.MaybeBehind(op.To) {
			return true, nil // it is in the journal, and waits
		}
		// The messages are moved one by one instead. Planned again, this
		// rename would fail again.
		s.Log.Warn("rename failed", "op", op.String(), "err", err)
		if s.unrenamed == nil {
			s.unrenamed = map[string]bool{}
		}
		s.unrenamed[op.String()] = true
		return true, s.dropRename(ctx)
	}
	return !s.Req.DryRun, nil
}

func (s *Survey) planRenames(f *finding) []plan.RenameStep {
	s.otherName = nil
	in := plan.RenameInput{Pull: s.Req.Pull, Push: s.Req.Push}
	for _, name := range s.Req.Mailboxes {
		in.Only = append(in.Only, maildir.Canonical(name))
	}
	there := remotePlaces(f)
	renamed := false
	for _, r := range f.rows {
		p := plan.Place{Name: r.Name, Local: f.here[r.Name], Remote: there[r.Name], ReadOnly: r.ReadOnly}
		renamed = renamed || p.Local != "" && p.Local != p.Name || p.Remote != "" && p.Remote != p.Name
		p.Ignored = !slices.ContainsFunc([]string{p.Name, p.Local, p.Remote}, func(n string) bool { return n != "" && s.Wanted(n) })
		in.Places = append(in.Places, p)
	}
	if !renamed {
		return nil
	}
	for _, folder := range f.folders {
		in.LocalNames = append(in.LocalNames, folder.Name)
	}
	for _, skipped := range f.skipped {
		in.LocalNames = append(in.LocalNames, skipped.Name)
	}
	in.RemoteNames = slices.Collect(maps.Keys(f.boxes))
	steps := plan.Renames(in)
	s.leaveRenames(in, steps)
	// Steps build on each other, so those behind one that failed go as well.
	if i := slices.IndexFunc(steps, func(st plan.RenameStep) bool {
		op := &st.Ops[0]
		return s.unrenamed[op.String()] || op.Kind == plan.RemoteRename && (s.Pool.Client.Nameable(op.To) != nil || s.aliasOf(f.boxes, op.To) != nil)
	}); i >= 0 {
		steps = steps[:i]
	}
	return steps
}

// leaveRenames notes the mailboxes that have another name on the server, and are
// renamed by a run of other direction or scope. Their messages are not gone.
func (s *Survey) leaveRenames(in plan.RenameInput, steps []plan.RenameStep) {
	if !in.Pull && !in.Push && len(in.Only) == 0 {
		return
	}
	s.otherName = map[string]bool{}
	in.Pull, in.Push, in.Only = false, false, nil
	now := map[string]bool{}
	for _, st := range steps {
		now[st.Ops[0].String()] = true
	}
	for _, st := range plan.Renames(in) {
		if op := &st.Ops[0]; op.Kind == plan.LocalRename && !now[op.String()] {
			for _, names := range st.Base {
				s.otherName[names[0]] = true
			}
		}
	}
}

// rename carries out one step.
func (s *Survey) rename(ctx context.Context, f *finding, step *plan.RenameStep) error {
	op := &step.Ops[0]
	if op.Kind != plan.AdoptRename {
		intent, err := s.intendRename(ctx, f, step)
		if err != nil {
			return err
		}
		// What is under way ends, also when the run is told to stop: the
		// base has to learn of it.
		work, done := run.Graceful(ctx)
		defer done()
		if op.Kind == plan.LocalRename {
			err = s.Store.RenameFolder(work, op.Mailbox, op.To)
		} else {
			err = s.renameRemote(work, f, op)
		}
		if errors.Is(err, errRenameUnseen) {
			err = errors.Join(err, s.DB.Update(work, func(tx *state.Tx) error { return tx.ConfirmIntents(intent.ID) }))
		}
		if err != nil {
			return err
		}
	}
	if err := s.renamed(ctx, step.Base, step.Conflicts); err != nil {
		return err
	}
	if op.Kind == plan.RemoteRename {
		s.Boxes = nil // to be listed again: some servers give a new UIDVALIDITY
	}
	for _, op := range step.Ops {
		s.Rep.Count(op.Kind, op.Mailbox)
		s.Log.Debug("done", "op", op.String())
	}
	s.follow(step)
	return nil
}

// intendRename writes the journal, and returns the entry of the rename itself.
func (s *Survey) intendRename(ctx context.Context, f *finding, step *plan.RenameStep) (*state.Intent, error) {
	op := step.Ops[0]
	list := []*state.Intent{state.Rename(state.IntentLocalRename, op.Mailbox, op.To)}
	if op.Kind == plan.RemoteRename {
		list[0].Kind = state.IntentRemoteRename
		for _, sub := range subscriptions(f, &op) {
			list = append(list, state.Rename(state.IntentSubscription, sub[0], sub[1]))
		}
	}
	for _, c := range step.Base {
		list = append(list, state.Rename(state.IntentBaseName, c[0], c[1]))
	}
	return list[0], s.DB.Update(ctx, func(tx *state.Tx) error { return tx.AddIntents(list) })
}

// subscriptions returns the subscribed mailboxes that a rename takes along, by
// their old and new names.
func subscriptions(f *finding, op *plan.Op) (list [][2]string) {
	for name, b := range f.boxes {
		if to, ok := mail.Renamed(name, op.Mailbox, op.To); ok && b.Subscribed {
			list = append(list, [2]string{name, to})
		}
	}
	slices.SortFunc(list, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return list
}

func (s *Survey) renameRemote(ctx context.Context, f *finding, op *plan.Op) error {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	subs := subscriptions(f, op)
	refused := c.Rename(ctx, op.Mailbox, op.To)
	if refused != nil && !maybeRenamed(refused) {
		return refused
	}
	if err := s.confirmRename(ctx, c, op); refused != nil && !errors.Is(err, errRenameUnseen) {
		return refused
	} else if err != nil {
		return err
	}
	renameBoxes(f.boxes, op)
	return s.resubscribe(ctx, c, subs)
}

// confirmRename looks whether the server lists the mailbox under exactly its
// new name, and no more under the old one. A server may keep it under another
// name, or say OK and do nothing. One that has the old name in another spelling is
// another mailbox, which was beside it before.
func (s *Survey) confirmRename(ctx context.Context, c *remote.Conn, op *plan.Op) error {
	list, err := c.ListNames(ctx)
	if err != nil {
		return err
	}
	there, still := false, false
	for i := range list {
		b := &list[i]
		there = there || b.Name == op.To && s.Pool.Client.Spells(b)
		still = still || b.Name == op.Mailbox && b.Selectable && s.Pool.Client.Spells(b)
	}
	if there && still { // as a level above others, which servers forget to mark
		gone, err := s.Absent(ctx, c, op.Mailbox)
		if err != nil {
			return err
		}
		still = !gone
	}
	if there && !still {
		return nil
	}
	if other := Alike(list, op.To); !there && other != "" && other != op.Mailbox {
		s.NoteAlias(op.To, other)
	}
	err = fmt.Errorf("the server said that it did, and does not list it as %s", op.To)
	switch {
	case there:
		err = fmt.Errorf("the server said that it did, and has %s and still %s", op.To, op.Mailbox)
	case still && Alike(list, op.To) == "":
		err = errRenameUnseen
	}
	return &mail.Error{Op: "rename mailbox", Mailbox: op.Mailbox, Kind: mail.KindMailbox, Err: err}
}

// resubscribe moves subscriptions, which stay with the old name (RFC 3501
// §6.3.9). A refusal costs nobody mail, and is noted only.
func (s *Survey) resubscribe(ctx context.Context, c *remote.Conn, subs [][2]string) error {
	for _, sub := range subs {
		for i, on := range []bool{false, true} {
			if err := c.Subscribe(ctx, sub[i], on); err != nil {
				if pool.Fatal(ctx, err) {
					return err
				}
				s.Log.Warn("subscription not moved", "mailbox", sub[i], "err", err)
			}
		}
	}
	return nil
}

// renamed lets the base follow, and empties the journal of renames.
func (s *Survey) renamed(ctx context.Context, base [][2]string, conflicts []conflict.Conflict) error {
	now := s.Now()
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
		if err := tx.RenameMailboxes(base); err != nil {
			return err
		}
		for _, c := range conflicts {
			if err := tx.AddConflict(state.Conflict{Time: now, Mailbox: c.Mailbox, Kind: c.Kind.String(), Outcome: c.Outcome}); err != nil {
				return err
			}
		}
		return errors.Join(s.noteRenamed(tx, base), tx.DeleteRenameIntents())
	})
	if err == nil {
		s.AddConflicts(conflicts)
	}
	return err
}

// dropRename forgets a rename that was refused.
func (s *Survey) dropRename(ctx context.Context) error {
	return s.DB.Update(ctx, func(tx *state.Tx) error { return tx.DeleteRenameIntents() })
}

// pretend goes on in a dry run as if a step had been carried out.
func (s *Survey) pretend(f *finding, step *plan.RenameStep) {
	for _, op := range step.Ops {
		if op.Kind.Silent() {
			continue
		}
		s.Rep.Operations = append(s.Rep.Operations, view.Operation(&op))
		s.Rep.Count(op.Kind, op.Mailbox)
		if op.Kind == plan.LocalRename {
			s.Store.Pretend(op.Mailbox, op.To)
			for i := range f.folders {
				f.folders[i].Name, _ = mail.Renamed(f.folders[i].Name, op.Mailbox, op.To)
			}
			continue
		}
		s.Pool.Client.Pretend(op.Mailbox, op.To)
		renameBoxes(f.boxes, &op)
	}
	s.renameBase(f, step.Base)
	s.AddConflicts(step.Conflicts)
	s.follow(step)
}

// follow lets a request for a mailbox stand for it under its new name.
func (s *Survey) follow(step *plan.RenameStep) {
	s.Req.Mailboxes = slices.Clone(s.Req.Mailboxes)
	for i, name := range s.Req.Mailboxes {
		for _, op := range step.Ops {
			if to, ok := mail.Renamed(maildir.Canonical(name), op.Mailbox, op.To); ok {
				s.Req.Mailboxes[i] = to
				break
			}
		}
	}
}

// renameBoxes gives mailboxes of the server their new names.
func renameBoxes(boxes map[string]*remote.Mailbox, op *plan.Op) {
	moved := map[string]*remote.Mailbox{}
	for name, b := range boxes {
		if to, ok := mail.Renamed(name, op.Mailbox, op.To); ok {
			b.Name = to
			moved[to] = b
			delete(boxes, name)
		}
	}
	maps.Copy(boxes, moved)
}
