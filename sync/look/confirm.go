package look

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/view"
)

// What a server says is gone will be removed from the Maildir, so it must add
// up: the messages of the base, without those that went and with those that
// are new, are as many as the mailbox holds. Where they are not, or most of the
// mailbox is said to be gone, the server is asked for each of them before
// anything is believed (SPEC §7).

// vanished returns the UIDs of the base that went from the server. elsewhere is how many
// rows have none, since their messages are not in the mailbox any more.
func (s *Look) vanished(ctx context.Context, mb *view.Mailbox, known map[mail.UID]*state.Message, elsewhere int) (mail.UIDSet, error) {
	ch := mb.Changes
	claimed, err := s.claimedGone(ctx, mb)
	if err != nil {
		if !pool.Fatal(ctx, err) {
			s.FreezeRemote(mb, err)
			err = nil
		}
		return nil, err
	}
	n := claimed.Count() + uint64(elsewhere)
	fresh := 0
	for _, f := range ch.Flags {
		if known[f.UID] == nil {
			fresh++
		}
	}
	for _, m := range ch.New {
		if known[m.UID] == nil {
			fresh++
		}
	}
	addsUp := int64(mb.BaseCount)-int64(n)+int64(fresh) == int64(ch.Cursor.Messages) ||
		s.Windowed(mb) // the rest is not listed yet
	mass := n*100 > uint64(mb.BaseCount*s.Account.MaxDeletePct)
	if addsUp && !ch.Short && (!mass || !s.Windowed(mb)) {
		mb.MassGone = mass // asked for when it is known what was only moved
		return claimed, nil
	}
	gone, err := s.confirmGone(ctx, mb, claimed, addsUp && !ch.Short)
	switch {
	case err == nil && (!mass || gone.Count()+uint64(elsewhere) == n):
		return gone, nil
	case err == nil && mb.BaseCount <= plan.SmallMailbox:
		return gone, nil
	case err != nil && (ctx.Err() != nil || mail.KindOf(err) == mail.KindConnection):
		return nil, err
	case mass:
		err = s.unconfirmed(mb, n, err)
	}
	s.FreezeRemote(mb, err)
	return nil, nil
}

// unconfirmed is the brake for a server that calls most of a mailbox gone and
// does not stand by it (SPEC §7). The next run, which knows, compares UIDs.
func (s *Look) unconfirmed(mb *view.Mailbox, n uint64, err error) error {
	if err == nil {
		err = errors.New("asked for them one by one, it still has some")
	}
	return &mail.Error{Op: "safety brake", Mailbox: mb.Name, Kind: mail.KindBrake,
		Err:  fmt.Errorf("the server says that %d of %d messages are gone, and this is not confirmed: %w; nothing was removed there", n, mb.BaseCount, err),
		Hint: "compare everything: satchel sync --full " + mail.ShellWord(s.Account.Name)}
}

// ConfirmMass asks for each message of a mailbox that is said to have lost most
// of them, when they were not found elsewhere.
func (s *Look) ConfirmMass(ctx context.Context) error {
	gone := map[int64][]*view.Message{}
	for _, m := range s.Messages {
		if m.Item.Remote.State == plan.Removed && !m.UIDVoid {
			gone[m.Row.MailboxID] = append(gone[m.Row.MailboxID], m)
		}
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if !mb.MassGone || mb.RemoteIncomplete || len(gone[mb.Row.ID])*100 <= mb.BaseCount*s.Account.MaxDeletePct {
			continue
		}
		var claimed []mail.UID
		for _, m := range gone[mb.Row.ID] {
			if m.Row.UID != 0 {
				claimed = append(claimed, m.Row.UID)
			}
		}
		c, err := s.Pool.First(ctx)
		if err != nil {
			return err
		}
		there, err := c.ExistingUIDs(ctx, name, mb.Changes.Cursor.UIDValidity, mail.UIDSetOf(claimed))
		if err != nil {
			if ctx.Err() != nil || mail.KindOf(err) == mail.KindConnection {
				return err
			}
			s.FreezeRemote(mb, s.unconfirmed(mb, uint64(len(claimed)), err))
			continue
		}
		if len(there) == 0 {
			continue
		}
		s.quirks.Doubt(name, remote.DoubtVanished)
		if mb.BaseCount > plan.SmallMailbox {
			s.FreezeRemote(mb, s.unconfirmed(mb, uint64(len(claimed)), nil))
		}
		s.HoldCursor(name)
		for _, m := range gone[mb.Row.ID] {
			if there.Contains(m.Row.UID) {
				m.Item.Remote.State, m.UID = plan.Same, m.Row.UID
				m.Refresh(name)
			}
		}
	}
	return nil
}

// claimedGone returns the UIDs of the base that are gone if the server is
// right.
func (s *Look) claimedGone(ctx context.Context, mb *view.Mailbox) (mail.UIDSet, error) {
	ch := mb.Changes
	if ch.HasPresent {
		return s.notPresent(ctx, mb, ch.Present)
	}
	var claimed []mail.UID
	// A range may reach to 4294967295.
	if err := s.among(ctx, mb, ch.Vanished, func(m *state.Message) error { claimed = append(claimed, m.UID); return nil }); err != nil {
		return nil, err
	}
	late, err := s.resumedGone(ctx, mb)
	return mail.UIDSetOf(claimed).Union(late), err
}

// confirmGone finds out what is really gone. Unless the numbers add up the
// server lists its messages anew; then it is asked for each that seems to be
// missing. Gone is what neither of the answers has.
func (s *Look) confirmGone(ctx context.Context, mb *view.Mailbox, claimed mail.UIDSet, addsUp bool) (mail.UIDSet, error) {
	ch := mb.Changes
	s.Relisted = nil // what goes from now on may be elsewhere since
	c, err := s.Pool.First(ctx)
	if err != nil {
		return nil, err
	}
	gone := claimed
	var present mail.UIDSet
	if !addsUp {
		present, err = c.SearchAllUIDs(ctx, mb.Name, ch.Cursor.UIDValidity)
		if err != nil && !errors.Is(err, remote.ErrIncomplete) {
			return nil, err
		}
		present = present.Union(ch.Present)
		if gone, err = s.notPresent(ctx, mb, present); err != nil {
			return nil, err
		}
	}
	var there mail.UIDSet
	if len(gone) > 0 {
		if there, err = c.ExistingUIDs(ctx, mb.Name, ch.Cursor.UIDValidity, gone); err != nil {
			return nil, err
		}
		gone = gone.Minus(there)
	}
	if len(there) > 0 && (!addsUp || ch.HasPresent) {
		s.quirks.Doubt(mb.Name, remote.DoubtSearch)
	}
	if !ch.HasPresent && !slices.Equal(claimed, gone) {
		s.quirks.Doubt(mb.Name, remote.DoubtVanished)
	}
	if addsUp {
		return gone, nil
	}
	present = present.Union(there)
	if n := present.Count(); n != uint64(ch.Cursor.Messages) && n <= 1<<31 {
		// EXISTS is wrong, or something came or went meanwhile; what STATUS says
		// next time is compared with what was seen.
		ch.Cursor.Messages = uint32(n)
	}
	return gone, s.FoundUnknown(ctx, mb, present)
}

// listedAll makes sure that no message is missing from the list of a mailbox
// that is paired from the start.
func (s *Look) listedAll(ctx context.Context, mb *view.Mailbox) error {
	ch := mb.Changes
	if uint64(len(ch.New)) >= uint64(ch.Cursor.Messages) || s.Windowed(mb) {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	present, err := c.SearchAllUIDs(ctx, mb.Name, ch.Cursor.UIDValidity)
	if err == nil || errors.Is(err, remote.ErrIncomplete) {
		err = s.FoundUnknown(ctx, mb, present)
	}
	if err != nil && ctx.Err() == nil && mail.KindOf(err) != mail.KindConnection {
		s.FreezeRemote(mb, err)
		return nil
	}
	return err
}

// FoundUnknown takes for new what the server holds and neither the base nor
// its answer has: FETCH left it out, or an earlier run was told that it is gone.
func (s *Look) FoundUnknown(ctx context.Context, mb *view.Mailbox, present mail.UIDSet) error {
	ch := mb.Changes
	var known mail.UIDSet
	if mb.Row != nil && !mb.UIDsVoid {
		if err := s.KnownUIDs(ctx, mb, 0, func(uid mail.UID) { known = mail.AppendUID(known, uid) }); err != nil {
			return err
		}
	}
	told := make([]mail.UID, 0, len(ch.Flags)+len(ch.New))
	for _, f := range ch.Flags {
		told = append(told, f.UID)
	}
	for _, n := range ch.New {
		told = append(told, n.UID)
	}
	unknown := present.Minus(known).Minus(mail.UIDSetOf(told))
	if next := ch.Cursor.UIDNext; next > 0 {
		// What came since is the next run's.
		unknown = unknown.Minus(mail.UIDSet{{Start: next, Stop: mail.MaxUID}})
	}
	if len(unknown) == 0 || unknown.Count() > uint64(ch.Cursor.Messages)+1 {
		return nil // a range that reaches beyond what there can be
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	found, err := c.FetchMetadata(ctx, mb.Name, ch.Cursor.UIDValidity, unknown)
	if err != nil {
		return err
	}
	for _, n := range found {
		s.NewMessage(mb, n)
		unknown = unknown.Minus(mail.UIDSet{{Start: n.UID, Stop: n.UID}})
	}
	if n := unknown.Count(); n > mostUndescribed {
		return ErrUndescribed(mb.Name) // that many are no accident
	}
	for _, r := range unknown {
		for uid := uint64(r.Start); uid <= uint64(r.Stop); uid++ {
			s.NewMessage(mb, remote.NewMessage{UID: mail.UID(uid)})
		}
	}
	mb.Undescribed = len(unknown) > 0
	return nil
}

// mostUndescribed is how many messages of a mailbox the server may list, or tell
// flags of, without telling what they are. Each is asked for on its own.
const mostUndescribed = 1000

// mostOld is how many messages of a mailbox the server may tell flags of as of old
// ones that are not here, whatever it says that the mailbox holds.
const mostOld = 1 << 18

// overtold reports whether the server tells flags of more messages than a mailbox
// that is said to hold so many can have.
func overtold(told int, holds uint32) bool {
	return told > mostOld || int64(told) > int64(holds)+mostUndescribed
}

// errOvertold is an answer about that many messages.
func errOvertold(mailbox string, told int, holds uint32) error {
	return &mail.Error{Op: "fetch", Mailbox: mailbox, Kind: mail.KindMailbox,
		Err:  fmt.Errorf("the server tells flags of %d or more messages that are not here and says that they are old, and that the mailbox holds %d", told, holds),
		Hint: "nothing was lost; the next sync tries again"}
}

// ErrUndescribed says that the server lists messages of a mailbox and tells nothing about them.
func ErrUndescribed(mailbox string) error {
	return &mail.Error{Op: "fetch", Mailbox: mailbox, Kind: mail.KindMailbox,
		Err:  errors.New("the server lists messages and sends nothing of them, and they may be ones that are here already"),
		Hint: "nothing was lost; the next sync tries again"}
}

// notPresent returns the UIDs of the base that are not in the server's list.
func (s *Look) notPresent(ctx context.Context, mb *view.Mailbox, present mail.UIDSet) (mail.UIDSet, error) {
	var gone mail.UIDSet
	err := s.KnownUIDs(ctx, mb, 0, func(uid mail.UID) {
		if !present.Contains(uid) {
			gone = mail.AppendUID(gone, uid)
		}
	})
	return gone, err
}
