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

// agreement is what the base learns before anything is done: what both sides agree on
// already, and what was found out about rows and mailboxes.
type agreement struct {
	silent     []*plan.Op              // operations that only change the base
	unnumbered []*view.Mailbox         // that have no UIDVALIDITY yet
	detached   []*view.Mailbox         // that are paired anew
	unlisted   []*view.Mailbox         // that are to be listed anew
	evicted    []int64                 // rows that go
	void       map[int64]*view.Message // by their old rows, messages that get new ones
	parked     []*state.Message        // rows that get another UID
	rows       []*state.Message        // that say something new
}

// base notes what both sides agree on already: one transaction.
func (a *applier) base(ctx context.Context, ops []plan.Op) error {
	g, err := a.agree(ops)
	if err != nil || g.isEmpty() && len(a.Explained)+len(a.WithRows) == 0 {
		return err
	}
	if err := a.commit(ctx, func(tx *state.Tx) error { return a.writeAgreement(tx, g) }); err != nil {
		return err
	}
	for _, mb := range g.detached {
		mb.Released = true
	}
	for _, op := range g.silent {
		m := view.Ref(op.Item)
		m.ID, m.Home = m.Row.ID, a.ByID[m.Row.MailboxID].Name
	}
	for _, m := range a.Touched {
		m.ID = m.Row.ID
	}
	return nil
}

// agree gathers what the base is to learn, and makes rows say it.
func (a *applier) agree(ops []plan.Op) (g *agreement, err error) {
	g = &agreement{evicted: a.evictions(), void: a.void()}
	for i := range ops {
		if ops[i].Kind.Stage() == plan.StageBase {
			g.silent = append(g.silent, &ops[i])
		}
	}
	for _, op := range g.silent {
		if op.Kind == plan.Adopt {
			a.setDate(view.Ref(op.Item), view.Ref(op.Item).Date)
		}
	}
	for _, name := range a.Names {
		mb := a.Mailboxes[name]
		if mb.Row == nil || mb.Frozen() {
			continue
		}
		if mb.Changes != nil && mb.Row.Cursor.UIDValidity == 0 {
			g.unnumbered = append(g.unnumbered, mb)
		}
		if mb.UIDsVoid && !mb.Released {
			g.detached = append(g.detached, mb)
		}
		// The server does not have it. If it shows it again, it may have been behind.
		if mb.Remote == nil && mb.Row.Cursor.UIDNext != 0 {
			g.unlisted = append(g.unlisted, mb)
		}
	}
	g.rows, g.parked, err = a.agreed(g.silent)
	return g, err
}

func (g *agreement) isEmpty() bool {
	return len(g.silent)+len(g.unnumbered)+len(g.detached)+len(g.unlisted)+len(g.evicted)+len(g.rows) == 0
}

// writeAgreement writes it to the state. Mailboxes come first, for rows are told by their
// UIDs; rows that go, and UIDs that change places, make way for others before these are
// written; what speaks of messages by their rows follows them.
func (a *applier) writeAgreement(tx *state.Tx, g *agreement) error {
	for _, mb := range g.unnumbered {
		if err := a.LearnValidity(tx, mb, a.Validity(mb)); err != nil {
			return err
		}
	}
	if err := errors.Join(a.startPairing(tx, g.detached), a.listAnew(tx, g.unlisted)); err != nil {
		return err
	}
	if err := tx.DeleteMessages(g.evicted...); err != nil {
		return err
	}
	// UIDs may change places, and no two rows may have one at any time.
	if err := tx.ParkUIDs(g.parked...); err != nil {
		return err
	}
	n := a.agreementNotes(g)
	if err := n.write(tx); err != nil {
		return err
	}
	if err := a.followRows(tx, g.void); err != nil {
		return err
	}
	for _, note := range a.WithRows {
		if err := note(tx); err != nil {
			return err
		}
	}
	return nil
}

// agreementNotes are the rows, the intents whose message was found, and what is to be
// remembered of files that are young, or have grown.
func (a *applier) agreementNotes(g *agreement) *notes {
	n := &notes{rows: g.rows}
	for _, i := range a.Explained {
		if !a.recovery.Frozen(i) {
			n.over(i)
		}
	}
	for _, op := range g.silent {
		if m := view.Ref(op.Item); op.Kind == plan.Adopt && m.ID == 0 {
			a.replacesStump(n, m, a.Mailboxes[op.Mailbox])
			n.young = append(n.young, a.young(m)...)
		}
	}
	return n
}

// void takes the messages out of their rows whose UIDs are void: they get new ones. It
// returns them by their old rows.
func (a *applier) void() map[int64]*view.Message {
	void := map[int64]*view.Message{}
	for _, m := range a.Messages {
		if m.UIDVoid {
			void[m.Row.ID] = m
			m.Row.ID, m.ID = 0, 0
		}
	}
	return void
}

// evictions are the rows that go because their UID is another message's or none's. A
// mailbox that is left alone keeps its rows: no other message gets one there either.
func (a *applier) evictions() []int64 {
	return slices.DeleteFunc(slices.Clone(a.DroppedPairs), func(id int64) bool {
		m := a.Messages[id]
		return m != nil && a.ByID[m.Row.MailboxID].Frozen()
	})
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
func (a *applier) startPairing(tx *state.Tx, list []*view.Mailbox) error {
	for _, mb := range list {
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
		a.placeFile(m)
		rows = append(rows, m.Row)
	}
	for i, m := range a.Touched {
		home := a.ByID[m.Row.MailboxID]
		if m.Row.ID == 0 {
			if !m.UIDVoid || !m.Item.Remote.State.Present() || home.Frozen() {
				continue // its mailbox started anew, or stays as it is
			}
			if m.Item.Remote.Mailbox != home.Name {
				// It follows its message below. Until then it has a row by
				// which a run that resumes finds the message there again,
				// and no UID, as in startAnew.
				m.Row.UID = 0
			}
		}
		if m.Item.Remote.State.Present() && m.Item.Remote.Mailbox == home.Name {
			m.Row.UID = m.UID
		}
		a.placeFile(m)
		if m.Row.ID != 0 && m.Row.UID != uids[i] {
			parked = append(parked, m.Row)
		}
		if m.Row.ID == 0 || m.Row.Differs() {
			rows = append(rows, m.Row)
		}
	}
	return rows, parked, nil
}

// placeFile notes in the row of m how its file is called, if the file is in the folder
// of the row. In another folder it has moved, and that is for a move to note.
func (a *applier) placeFile(m *view.Message) {
	if home := a.ByID[m.Row.MailboxID]; home != nil && m.OnDisk() && home.Name == m.File.Folder {
		m.Place(m.Row.MailboxID, m.File)
	}
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
