package remote

import (
	"context"
	"fmt"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
)

// Selection is a mailbox that a connection has open for changes. It holds until
// the connection opens another mailbox; after that every method returns
// [ErrDeselected] and sends nothing, because the same UID names another message
// there.
type Selection struct {
	c           *Conn
	mailbox     string
	uidValidity mail.UIDValidity
	readOnly    bool
	noModSeq    bool
	nth         int // of the selections of c
}

// ErrDeselected says that a change was not sent because the connection has
// another mailbox open by now.
var ErrDeselected = fmt.Errorf("another mailbox was opened meanwhile: %w", mail.ErrChanged)

// Select opens a mailbox for changes and checks its UIDVALIDITY; v of 0
// accepts any. It does nothing when the mailbox is open already.
func (c *Conn) Select(ctx context.Context, mailbox string, v mail.UIDValidity) (*Selection, error) {
	defer c.guard(ctx)()
	if c.selected.mailbox != mailbox || c.selected.examined {
		s, err := c.startChanging(mailbox)
		if err != nil {
			return nil, err
		}
		if err := c.wait(s.cmd); err != nil {
			return nil, c.dead(refusal.OpSelect, mailbox, err)
		}
		if err := c.settle(s); err != nil {
			return nil, err
		}
	}
	if v != 0 && c.selected.uidValidity != v {
		return nil, refusal.ForMailbox("select", mailbox, mail.ErrUIDValidityChanged)
	}
	return &Selection{c: c, mailbox: mailbox, uidValidity: c.selected.uidValidity, readOnly: c.selected.readOnly,
		noModSeq: c.selected.noModSeq, nth: c.selected.nth}, nil
}

// startChanging sends the SELECT of a mailbox that is to be changed.
func (c *Conn) startChanging(mailbox string) (*selecting, error) {
	params := ""
	if c.can().modSeqs {
		params = "CONDSTORE"
	}
	s := &selecting{mailbox: mailbox}
	return s, c.startSelect(s, params)
}

// ReadOnly reports whether the server will refuse changes.
func (s *Selection) ReadOnly() bool { return s.readOnly }

// enter begins an operation. The function that it returns must be called when
// the operation is over.
func (s *Selection) enter(ctx context.Context, op string) (leave func(), err error) {
	if !s.holds() {
		return nil, refusal.ForMailbox(op, s.mailbox, ErrDeselected)
	}
	return s.c.guard(ctx), nil
}

func (s *Selection) holds() bool {
	now := s.c.selected
	return now.nth == s.nth && now.mailbox == s.mailbox && !now.examined
}

// regain takes up the mailbox again after this connection opened another one
// in between, as sel says.
func (s *Selection) regain(sel *selecting) error {
	if err := s.c.settle(sel); err != nil {
		return err
	}
	if sel.Cursor.UIDValidity != s.uidValidity {
		return refusal.ForMailbox("select", s.mailbox, mail.ErrUIDValidityChanged)
	}
	s.nth, s.readOnly, s.noModSeq = s.c.selected.nth, s.c.selected.readOnly, s.c.selected.noModSeq
	return nil
}
