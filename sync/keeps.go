package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// Which flags a server keeps in a mailbox is said by PERMANENTFLAGS, and by
// experience: some refuse a keyword all the same, and some answer OK and drop
// it. A flag that the server does not keep stays on the local side. Were it
// believed to be there, the next look would take it for removed.

// slashed are the flags that IMAP itself defines; the rest are keywords, for
// which \* stands (RFC 3501 §2.3.2).
const slashed = mail.Draft | mail.Flagged | mail.Answered | mail.Seen | mail.Deleted

// keywords returns those of f that are keywords to a server.
func keywords(f mail.Flags) mail.Flags { return f.Minus(mail.Flags{System: slashed}) }

// errRefused is a change of flags of which part was refused. What became of it
// shows in the next cycle, which knows what to leave out.
var errRefused = fmt.Errorf("flags refused: %w", mail.ErrChanged)

// errUnverified is a change of flags of which the server would not say what became
// of it. The journal keeps it, and the next cycle sees.
var errUnverified = fmt.Errorf("what became of the flags is not known: %w", mail.ErrChanged)

// maxUnverified is how many cycles may find out before the run reports it.
const maxUnverified = 3

func (a *applier) unverified(x *laneChange) error {
	if a.rep.Cycles < maxUnverified {
		return errUnverified
	}
	return &mail.Error{Op: "store", Mailbox: x.op.Mailbox, UID: x.m.uid, Kind: mail.KindMessage, Err: errUnseen,
		Hint: "the change stays in the Maildir and is tried again; the server may have the message damaged"}
}

// errUnseen is why: the server does not say what flags a message has.
var errUnseen = errors.New("the server answered OK, and refuses to say what flags the message has now")

// describeHeld says in pm what the server keeps in the mailbox. What EXAMINE
// answers is about a read-only session. session.mu is held.
func (s *session) describeHeld(pm *plan.Mailbox, mb *mailbox) {
	pm.HoldsAny, pm.KeepsAll = true, s.keepsAll(mb.name)
	if mb.row != nil {
		pm.Holds, pm.HoldsAny, pm.ReadOnly, pm.Refused = mb.row.Permanent, mb.row.PermanentAny, mb.row.ReadOnly, mb.row.Refused
	}
	if ch := mb.changes; ch != nil && !s.examines() {
		pm.Holds, pm.HoldsAny, pm.ReadOnly = ch.Permanent, ch.PermanentAny, ch.ReadOnly
	}
	if pm.HoldsAny && !pm.Holds.IsEmpty() {
		// \* is about keywords; an empty list means that nothing is known.
		pm.Refused = pm.Refused.Union(mail.Flags{System: slashed &^ pm.Holds.System})
	}
}

// learnPermanent notes in the row which flags the server keeps.
func (s *session) learnPermanent(mb *mailbox) {
	if ch := mb.changes; !s.examines() {
		mb.row.Permanent, mb.row.PermanentAny, mb.row.ReadOnly = ch.Permanent, ch.PermanentAny, ch.ReadOnly
	}
}

// keeps returns what is known of the flags that the server keeps.
func (s *session) keeps(mb *mailbox) *plan.Mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	pm := &plan.Mailbox{Name: mb.name}
	s.describeHeld(pm, mb)
	return pm
}

// denies reports whether the server lets less be done in a mailbox than a
// change in the folder may need. That may have changed since, and shows only
// when the mailbox is opened.
func (s *session) denies(mb *mailbox) bool {
	pm := s.keeps(mb)
	return pm.ReadOnly || pm.KeepsAll
}

// forgetRefused drops what experience said about flags when the server begins
// to say something else, and reports whether it does.
func (mb *mailbox) forgetRefused(ch *remote.Changes) bool {
	if mb.row == nil || mb.row.Permanent.Equal(ch.Permanent) && mb.row.PermanentAny == ch.PermanentAny {
		return false
	}
	mb.row.Refused, mb.announces = mail.Flags{}, true
	return true
}

// sawHeld notes that the server has flags that it was believed to refuse.
func (mb *mailbox) sawHeld(flags mail.Flags) {
	if mb.row != nil && !mb.row.Refused.IsEmpty() {
		mb.row.Refused = mb.row.Refused.Minus(flags)
	}
}

// refuse remembers flags that the server does not keep in a mailbox.
func (a *applier) refuse(ctx context.Context, mb *mailbox, flags mail.Flags) error {
	return a.commit(ctx, func(tx *state.Tx) error {
		a.mu.Lock()
		mb.row.Refused = mb.row.Refused.Union(flags)
		a.mu.Unlock()
		a.noticeUnheld(mb.name, flags)
		return tx.PutMailbox(mb.row)
	})
}

// noticeUnheld says, once, which keywords a mailbox of the server does not store.
func (s *session) noticeUnheld(mailbox string, flags mail.Flags) {
	s.rep.notice("%s: the server does not store %s; it stays in the Maildir", mailbox, flags)
}

// unshown returns the keywords in f of which the server has not shown that it
// keeps them: it announces only those that messages have already.
func (a *applier) unshown(mb *mailbox, f mail.Flags) mail.Flags {
	return keywords(f).Minus(a.keeps(mb).Holds)
}

// doubted returns what a change sets of which the server has not shown that it
// keeps it, or has failed to keep it already.
func (a *applier) doubted(mb *mailbox, x *laneChange) mail.Flags {
	return a.unshown(mb, x.op.Delta.Add).Union(x.m.doubted.Intersect(x.op.Delta.Add))
}

// isRefusal reports whether the server answered NO or BAD.
func isRefusal(err error) bool {
	var re *remote.ResponseError
	return errors.As(err, &re)
}

// findRefused finds out which part of a refused change the server does not
// take, by asking for one flag at a time. A change that has no effect goes
// first: when that is refused too, it is not the flags that the server minds.
func (a *applier) findRefused(ctx context.Context, sel *remote.Selection, mb *mailbox, x *laneChange) (mail.Flags, error) {
	delta := x.op.Delta
	parts := single(delta)
	if control, ok := a.noChange(mb, x); ok {
		parts = append([]mail.Delta{control}, parts...)
	} else {
		parts = append([]mail.Delta{{}}, parts...)
	}
	reqs := make([]remote.StoreRequest, 0, len(parts))
	for _, p := range parts {
		reqs = append(reqs, remote.StoreRequest{UIDs: []mail.UID{x.m.uid}, Delta: p})
	}
	results, err := sel.Store(ctx, reqs)
	if err != nil {
		return mail.Flags{}, err
	}
	var refused mail.Flags
	if results[0].Err != nil {
		return refused, nil
	}
	for i, r := range results[1:] {
		if isRefusal(r.Err) {
			refused = refused.Union(parts[i+1].Add).Union(parts[i+1].Remove)
		}
	}
	return refused, nil
}

// single cuts a change into changes of one flag.
func single(d mail.Delta) []mail.Delta {
	var parts []mail.Delta
	for _, n := range d.Add.Names() {
		parts = append(parts, mail.Delta{Add: mail.NewFlags(n)})
	}
	for _, n := range d.Remove.Names() {
		parts = append(parts, mail.Delta{Remove: mail.NewFlags(n)})
	}
	return parts
}

// noChange returns a change that leaves the message as it is: it sets a flag
// that it has, or clears one that it has not.
func (a *applier) noChange(mb *mailbox, x *laneChange) (mail.Delta, bool) {
	held := a.keeps(mb)
	for _, bit := range []mail.System{mail.Seen, mail.Answered, mail.Flagged, mail.Draft} {
		flag := mail.Flags{System: bit}
		switch {
		case held.Stores(flag).IsEmpty() || (x.op.Delta.Add.System|x.op.Delta.Remove.System)&bit != 0:
		case x.m.item.Remote.Flags.System&bit != 0:
			return mail.Delta{Add: flag}, true
		default:
			return mail.Delta{Remove: flag}, true
		}
	}
	return mail.Delta{}, false
}

// checkStored looks at messages to which a flag was given that the server had
// not shown to keep, or had failed to: at one of each group, and at those for which STORE did
// less than it was told to. One that is missing there was dropped, which is
// no failure; a STORE that left out anything else stays one.
func (a *applier) checkStored(ctx context.Context, sel *remote.Selection, mb *mailbox, groups [][]*laneChange) error {
	look := map[mail.UID]*laneChange{}
	for _, g := range groups {
		stored := false
		for _, x := range g {
			fell := remote.NotDone(x.err) != nil
			if a.doubted(mb, x).IsEmpty() || x.err != nil && !fell || stored && !fell {
				continue
			}
			stored = stored || !fell
			look[x.m.uid] = x
		}
	}
	if len(look) == 0 {
		return nil
	}
	now, err := sel.Flags(ctx, slices.Collect(maps.Keys(look)))
	if err != nil {
		return err
	}
	var dropped mail.Flags
	for uid, x := range look {
		if flags, there := now[uid]; there {
			missing := a.doubted(mb, x).Minus(flags)
			rest := mail.Delta{Add: x.op.Delta.Add.Minus(missing), Remove: x.op.Delta.Remove}
			if x.err != nil && !flags.Apply(rest).Equal(flags) {
				continue // it is not just the keyword that was left out
			}
			dropped = dropped.Union(missing)
			x.err = nil
		}
	}
	if dropped.IsEmpty() {
		return nil
	}
	for _, g := range groups {
		for _, x := range g {
			x.unheld = x.unheld.Union(dropped.Intersect(x.op.Delta.Add))
		}
	}
	return a.refuse(ctx, mb, dropped)
}
