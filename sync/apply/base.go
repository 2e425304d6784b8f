package apply

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/view"
)

// base notes what both sides agree on already: one transaction.
func (a *applier) base(ctx context.Context, ops []plan.Op) error {
	var silent []*plan.Op
	for i := range ops {
		if ops[i].Kind.Stage() == plan.StageBase {
			silent = append(silent, &ops[i])
		}
	}
	detached := slices.DeleteFunc(slices.Clone(a.Names), func(n string) bool {
		mb := a.Mailboxes[n]
		return !mb.UIDsVoid || mb.Released || mb.Frozen() || mb.Row == nil
	})
	for _, op := range silent {
		if op.Kind == plan.Adopt {
			a.setDate(view.Ref(op.Item), view.Ref(op.Item).Date)
		}
	}
	void := map[int64]*view.Message{} // by row
	for _, m := range a.Messages {
		if m.UIDVoid {
			void[m.Row.ID] = m
			m.Row.ID, m.ID = 0, 0 // it gets a new row
		}
	}
	// Rows will name the UIDs of these.
	unknown := slices.DeleteFunc(slices.Clone(a.Names), func(n string) bool {
		mb := a.Mailboxes[n]
		return mb.Frozen() || mb.Changes == nil || mb.Row == nil || mb.Row.Cursor.UIDValidity != 0
	})
	evicted, unlisted := a.evictions(), a.unlisted()
	rows, parked, err := a.agreed(silent)
	if err != nil || len(silent)+len(rows)+len(detached)+len(unknown)+len(unlisted)+len(evicted)+len(a.Explained)+len(a.WithRows) == 0 {
		return err
	}
	err = a.commit(ctx, func(tx *state.Tx) error {
		for _, n := range unknown {
			if err := a.LearnValidity(tx, a.Mailboxes[n], a.Validity(a.Mailboxes[n])); err != nil {
				return err
			}
		}
		if err := errors.Join(a.startPairing(tx, detached), a.listAnew(tx, unlisted)); err != nil {
			return err
		}
		var n notes
		for _, i := range a.Explained {
			if !a.recovery.Frozen(i) {
				n.over(i)
			}
		}
		if err := tx.DeleteMessages(evicted...); err != nil {
			return err
		}
		// UIDs may change places, and no two rows may have one at any time.
		if err := tx.ParkUIDs(parked...); err != nil {
			return err
		}
		n.rows = rows
		for _, op := range silent {
			if m := view.Ref(op.Item); op.Kind == plan.Adopt && m.ID == 0 {
				a.replacesStump(&n, m, a.Mailboxes[op.Mailbox])
				n.young = append(n.young, a.young(m)...)
			}
		}
		if err := n.write(tx); err != nil {
			return err
		}
		if err := a.followRows(tx, void); err != nil {
			return err
		}
		for _, note := range a.WithRows {
			if err := note(tx); err != nil {
				return err
			}
		}
		for _, op := range silent {
			m := view.Ref(op.Item)
			m.ID, m.Home = m.Row.ID, a.ByID[m.Row.MailboxID].Name
		}
		for _, m := range a.Touched {
			m.ID = m.Row.ID
		}
		return nil
	})
	if err == nil {
		for _, n := range detached {
			a.Mailboxes[n].Released = true
		}
	}
	return err
}

// evictions are the rows that go because their UID is another message's or none's. A
// mailbox that is left alone keeps its rows: no other message gets one there either.
func (a *applier) evictions() []int64 {
	return slices.DeleteFunc(slices.Clone(a.DroppedPairs), func(id int64) bool {
		m := a.Messages[id]
		return m != nil && a.ByID[m.Row.MailboxID].Frozen()
	})
}

// unlisted returns the mailboxes of the base that the server does not have, and that are
// to be listed anew if it shows them again.
func (a *applier) unlisted() []*view.Mailbox {
	var list []*view.Mailbox
	for _, name := range a.Names {
		if mb := a.Mailboxes[name]; mb.Row != nil && mb.Remote == nil && !mb.Frozen() && mb.Row.Cursor.UIDNext != 0 {
			list = append(list, mb)
		}
	}
	return list
}

// listAnew sets the cursors of mailboxes back, before messages lose their rows there. A
// server that was behind shows them again as they were, under the same UIDVALIDITY.
func (a *applier) listAnew(tx *state.Tx, list []*view.Mailbox) error {
	for _, mb := range list {
		mb.Row.Cursor = mail.Cursor{UIDValidity: mb.Row.Cursor.UIDValidity} // all is reported anew
		if err := tx.PutMailbox(mb.Row); err != nil {
			return err
		}
	}
	return nil
}

// startPairing drops the rows of mailboxes that are paired anew.
func (a *applier) startPairing(tx *state.Tx, names []string) error {
	for _, n := range names {
		mb := a.Mailboxes[n]
		if err := tx.Detach(mb.Row.ID); err != nil {
			return err
		}
		mb.Row.Cursor = mail.Cursor{UIDValidity: a.Validity(mb)}
		mb.Row.LookAgain()
		if err := tx.PutMailbox(mb.Row); err != nil {
			return err
		}
	}
	return nil
}

// followRows makes the journal speak of messages by their new rows; old are those by
// their old ones. What is left of a removal would have no message else.
func (a *applier) followRows(tx *state.Tx, old map[int64]*view.Message) error {
	for _, i := range a.Intents {
		if m := old[i.Message]; i.Message != 0 && m != nil && m.Row.ID != 0 {
			i.Message = m.Row.ID
			if err := tx.Repoint(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// agreed brings rows up to what both sides agree on, and to where what was
// touched is. It returns those that say something new, and which of them get
// another UID.
func (a *applier) agreed(silent []*plan.Op) (rows, parked []*state.Message, err error) {
	uids := make([]mail.UID, len(a.Touched))
	for i, m := range a.Touched {
		uids[i] = m.Row.UID
	}
	for _, op := range silent {
		m := view.Ref(op.Item)
		switch op.Kind {
		case plan.Adopt:
			if err := a.adopt(op, m); err != nil {
				return nil, nil, err
			}
		default:
			m.Applied(op, mail.Flags{})
		}
		if m.Row.MailboxID != 0 && m.OnDisk() && a.ByID[m.Row.MailboxID].Name == m.File.Folder {
			m.Place(m.Row.MailboxID, m.File)
		}
		rows = append(rows, m.Row)
	}
	phantom := ^mail.UID(0)
	for i, m := range a.Touched {
		home := a.ByID[m.Row.MailboxID]
		if m.Row.ID == 0 {
			if !m.UIDVoid || !m.Item.Remote.State.Present() || home.Frozen() {
				continue // its mailbox started anew, or stays as it is
			}
			if m.Item.Remote.Mailbox != home.Name {
				// It follows its message below. Until then it has a row by
				// which a run that resumes finds the message there again,
				// under a UID that no message will have, as in startAnew.
				phantom--
				m.Row.UID = phantom
			}
		}
		if m.Item.Remote.State.Present() && m.Item.Remote.Mailbox == home.Name {
			m.Row.UID = m.UID
		}
		if m.OnDisk() && m.File.Folder == home.Name {
			m.Place(home.Row.ID, m.File)
		}
		if m.Row.ID != 0 && m.Row.UID != uids[i] {
			parked = append(parked, m.Row)
		}
		if m.Row.ID == 0 || m.Row.Differs() {
			rows = append(rows, m.Row)
		}
	}
	return rows, parked, nil
}

// adopt makes the row say where both sides have the message.
func (a *applier) adopt(op *plan.Op, m *view.Message) error {
	mb := a.Mailboxes[op.Mailbox]
	if mb == nil || mb.Row == nil {
		return &mail.Error{Op: "adopt", Mailbox: op.Mailbox, Kind: mail.KindAccount, Err: mail.ErrGone}
	}
	if m.Row == nil {
		m.Row = a.NewRow(mb, m, m)
		m.Row.LocalFlags, m.Row.RemoteFlags = m.Item.Local.Base, m.Item.Remote.Base
	}
	m.Row.MailboxID, m.Row.UID = mb.Row.ID, m.UID
	return nil
}
