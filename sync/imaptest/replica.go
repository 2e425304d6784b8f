package imaptest

import (
	"maps"
	"slices"
)

// A replica that is behind answers all that reads from the mailboxes as they were at
// some moment, and hands all that writes to the server itself, which executes it and
// answers. What a client writes it does not see there, until the replica has caught up.

// Moment is what the mailboxes were at some time.
type Moment struct{ st store }

// Remember keeps the mailboxes as they are now, for [Server.Lag]. Content is shared.
func (s *Server) Remember() *Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	past := &Moment{s.store}
	past.st.boxes, past.st.subscribed = make(map[string]*mailbox, len(s.store.boxes)), maps.Clone(s.store.subscribed)
	for name, box := range s.store.boxes {
		old := *box
		old.keywords, old.expunged = slices.Clone(box.keywords), slices.Clone(box.expunged)
		old.selections = make(map[*selection]struct{})
		old.msgs = make([]*message, len(box.msgs))
		for i, m := range box.msgs {
			copied := *m
			old.msgs[i] = &copied
		}
		past.st.boxes[name] = &old
	}
	return past
}

// UIDs lists the messages of a mailbox at that moment.
func (m *Moment) UIDs(name string) []uint32 {
	if box := m.st.boxes[name]; box != nil {
		return uidsOf(box.msgs)
	}
	return nil
}

// Lag gives each nth of the connections that are made from now on a replica that is
// behind, and stays where the mailboxes were at a moment.
func (s *Server) Lag(at *Moment, nth int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past, s.pastNth = at, nth
}

// CatchUp ends that, for connections that are made from now on.
func (s *Server) CatchUp() { s.Lag(nil, 0) }

// replica returns what the nth connection sees instead of the server, nil for the server.
func (s *Server) replica(nth int) *Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past == nil || nth%s.pastNth != 0 {
		return nil
	}
	return s.past
}

// seen are the mailboxes that a connection reads from.
func (c *Conn) seen() *store {
	if c.past != nil {
		return &c.past.st
	}
	return &c.srv.store
}

// onServer has a command that writes work on the mailbox of the server, where the
// selected one is that of a replica. It returns what ends that, or why it cannot be.
// The numbers that the client knows are those of its replica, but for what it expunges
// itself: of that it is told.
func (c *Conn) onServer(verb string) (end func(), refused string) {
	s := c.sel
	writes := slices.Contains([]string{"STORE", "UID STORE", "COPY", "UID COPY", "MOVE", "UID MOVE", "EXPUNGE", "UID EXPUNGE", "CLOSE"}, verb)
	if c.past == nil || s == nil || !writes {
		return func() {}, ""
	}
	old := s.box
	for _, box := range c.srv.store.boxes {
		if box.id != old.id || box.uidValidity != old.uidValidity {
			continue
		}
		s.box = box
		box.selections[s] = struct{}{}
		return func() {
			delete(box.selections, s)
			s.box, s.arrived, s.removed = old, nil, nil
			clear(s.changed)
		}, ""
	}
	return func() {}, errNonexistent.Error()
}
