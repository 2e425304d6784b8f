package sync

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// base notes what both sides agree on already: one transaction.
func (a *applier) base(ctx context.Context, ops []plan.Op) error {
	var silent []*plan.Op
	for i := range ops {
		if ops[i].Kind.Stage() == plan.StageBase {
			silent = append(silent, &ops[i])
		}
	}
	detached := slices.DeleteFunc(slices.Clone(a.names), func(n string) bool {
		mb := a.mailboxes[n]
		return !mb.detached || mb.released || mb.frozen() || mb.row == nil
	})
	for _, op := range silent {
		if op.Kind == plan.Adopt {
			a.setDate(ref(op.Item), ref(op.Item).date)
		}
	}
	void := map[int64]*message{} // by row
	for _, m := range a.messages {
		if m.detached {
			void[m.row.ID] = m
			m.row.ID, m.id = 0, 0 // it gets a new row
		}
	}
	// Rows will name the UIDs of these.
	unknown := slices.DeleteFunc(slices.Clone(a.names), func(n string) bool {
		mb := a.mailboxes[n]
		return mb.frozen() || mb.changes == nil || mb.row == nil || mb.row.Cursor.UIDValidity != 0
	})
	evicted, unlisted := a.evictions(), a.unlisted()
	rows, parked, err := a.agreed(silent)
	if err != nil || len(silent)+len(rows)+len(detached)+len(unknown)+len(unlisted)+len(evicted)+len(a.explained)+len(a.withRows) == 0 {
		return err
	}
	err = a.commit(ctx, func(tx *state.Tx) error {
		for _, n := range unknown {
			if err := a.learnValidity(tx, a.mailboxes[n], a.validity(a.mailboxes[n])); err != nil {
				return err
			}
		}
		if err := errors.Join(a.startPairing(tx, detached), a.listAnew(tx, unlisted)); err != nil {
			return err
		}
		var n notes
		for _, i := range a.explained {
			if !a.frozen(i) {
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
			if m := ref(op.Item); op.Kind == plan.Adopt && m.id == 0 {
				a.replacesStump(&n, m, a.mailboxes[op.Mailbox])
				n.young = append(n.young, a.young(m)...)
			}
		}
		if err := n.write(tx); err != nil {
			return err
		}
		if err := a.followRows(tx, void); err != nil {
			return err
		}
		for _, note := range a.withRows {
			if err := note(tx); err != nil {
				return err
			}
		}
		for _, op := range silent {
			m := ref(op.Item)
			m.id, m.home = m.row.ID, a.byID[m.row.MailboxID].name
		}
		for _, m := range a.touched {
			m.id = m.row.ID
		}
		return nil
	})
	if err == nil {
		for _, n := range detached {
			a.mailboxes[n].released = true
		}
	}
	return err
}

// evictions are the rows that go because their UID is another message's or none's. A
// mailbox that is left alone keeps its rows: no other message gets one there either.
func (a *applier) evictions() []int64 {
	return slices.DeleteFunc(slices.Clone(a.evicted), func(id int64) bool {
		m := a.messages[id]
		return m != nil && a.byID[m.row.MailboxID].frozen()
	})
}

// unlisted returns the mailboxes of the base that the server does not have, and that are
// to be listed anew if it shows them again.
func (a *applier) unlisted() []*mailbox {
	var list []*mailbox
	for _, name := range a.names {
		if mb := a.mailboxes[name]; mb.row != nil && mb.remote == nil && !mb.frozen() && mb.row.Cursor.UIDNext != 0 {
			list = append(list, mb)
		}
	}
	return list
}

// listAnew sets the cursors of mailboxes back, before messages lose their rows there. A
// server that was behind shows them again as they were, under the same UIDVALIDITY.
func (a *applier) listAnew(tx *state.Tx, list []*mailbox) error {
	for _, mb := range list {
		mb.row.Cursor = mail.Cursor{UIDValidity: mb.row.Cursor.UIDValidity} // all is reported anew
		if err := tx.PutMailbox(mb.row); err != nil {
			return err
		}
	}
	return nil
}

// startPairing drops the rows of mailboxes that are paired anew.
func (a *applier) startPairing(tx *state.Tx, names []string) error {
	for _, n := range names {
		mb := a.mailboxes[n]
		if err := tx.Detach(mb.row.ID); err != nil {
			return err
		}
		mb.row.Cursor = mail.Cursor{UIDValidity: a.validity(mb)}
		mb.row.LookAgain()
		if err := tx.PutMailbox(mb.row); err != nil {
			return err
		}
	}
	return nil
}

// followRows makes the journal speak of messages by their new rows; old are those by
// their old ones. What is left of a removal would have no message else.
func (a *applier) followRows(tx *state.Tx, old map[int64]*message) error {
	for _, i := range a.intents {
		if m := old[i.Message]; i.Message != 0 && m != nil && m.row.ID != 0 {
			i.Message = m.row.ID
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
	uids := make([]mail.UID, len(a.touched))
	for i, m := range a.touched {
		uids[i] = m.row.UID
	}
	for _, op := range silent {
		m := ref(op.Item)
		switch op.Kind {
		case plan.Adopt:
			if err := a.adopt(op, m); err != nil {
				return nil, nil, err
			}
		default:
			m.settled(op, mail.Flags{})
		}
		if m.row.MailboxID != 0 && m.onDisk() && a.byID[m.row.MailboxID].name == m.file.Folder {
			m.place(m.row.MailboxID, m.file)
		}
		rows = append(rows, m.row)
	}
	phantom := ^mail.UID(0)
	for i, m := range a.touched {
		home := a.byID[m.row.MailboxID]
		if m.row.ID == 0 {
			if !m.detached || !m.item.Remote.State.Present() || home.frozen() {
				continue // its mailbox started anew, or stays as it is
			}
			if m.item.Remote.Mailbox != home.name {
				// It follows its message below. Until then it has a row by
				// which a run that resumes finds the message there again,
				// under a UID that no message will have, as in startAnew.
				phantom--
				m.row.UID = phantom
			}
		}
		if m.item.Remote.State.Present() && m.item.Remote.Mailbox == home.name {
			m.row.UID = m.uid
		}
		if m.onDisk() && m.file.Folder == home.name {
			m.place(home.row.ID, m.file)
		}
		if m.row.ID != 0 && m.row.UID != uids[i] {
			parked = append(parked, m.row)
		}
		if m.row.ID == 0 || m.row.Differs() {
			rows = append(rows, m.row)
		}
	}
	return rows, parked, nil
}

// adopt makes the row say where both sides have the message.
func (a *applier) adopt(op *plan.Op, m *message) error {
	mb := a.mailboxes[op.Mailbox]
	if mb == nil || mb.row == nil {
		return &mail.Error{Op: "adopt", Mailbox: op.Mailbox, Kind: mail.KindAccount, Err: mail.ErrGone}
	}
	if m.row == nil {
		m.row = a.newRow(mb, m, m)
		m.row.LocalFlags, m.row.RemoteFlags = m.item.Local.Base, m.item.Remote.Base
	}
	m.row.MailboxID, m.row.UID = mb.row.ID, m.uid
	return nil
}
