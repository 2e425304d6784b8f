package remote

import (
	"errors"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
)

// A server that comes upon something damaged in its store may end the session,
// as Dovecot does, and would do so again each time. What it was asked for then
// is what has to be asked for apart from the rest.

// Ending is what a server was asked for when it ended a connection: the oldest
// command without an answer.
type Ending struct {
	Mailbox  string // empty: the list of mailboxes
	Messages bool   // for messages of it; it was open by then
}

// EndedAt reports whether err says that a server ended a connection that it was
// read from, without the reason that a limit is. It may have been the network.
func EndedAt(err error) (at Ending, ok bool) {
	var e *mail.Error
	if !errors.As(err, &e) || e.Kind != mail.KindConnection {
		return at, false
	}
	var bye *refusal.ByeError
	if limit, _ := refusal.LimitOf(err); limit != refusal.NoLimit || errors.As(err, &bye) && bye.Refused || bye == nil && !isClosing(err) {
		return at, false
	}
	switch e.Op {
	case opFetch, opProbe, opHeader:
		return Ending{Mailbox: e.Mailbox, Messages: true}, e.Mailbox != ""
	case opList:
		return Ending{}, true
	case opExamine, opSelect, opChanges, opMessages, opStatus, opLookup, opIdentity:
		return Ending{Mailbox: e.Mailbox}, e.Mailbox != ""
	}
	return at, false
}

// What is read, as errors name it.
const (
	opFetch    = "fetch"
	opProbe    = "probe"
	opHeader   = "header"
	opList     = "list mailboxes"
	opExamine  = "examine"
	opSelect   = "select"
	opChanges  = "changes"
	opMessages = "list messages"
	opStatus   = "status"
	opDelete   = "delete mailbox"
	opLookup   = "look for mailbox"
	opIdentity = "ask for the identity of mailboxes"
)

// inquired is a command about one mailbox.
type inquired struct {
	mailbox string
	cmd     *command
}

// askEach sends commands about mailboxes, a window of them at a time, and waits
// for the answers. When the connection ends, the error names the mailbox of
// the oldest one without an answer.
func (c *Conn) askEach(op string, list []inquired) error {
	var flight []inquired
	for len(list) > 0 || len(flight) > 0 {
		if len(list) > 0 && len(flight) < statusWindow {
			next := list[0]
			list = list[1:]
			if err := c.link.begin(next.cmd); err != nil {
				return c.dead(op, append(flight, next)[0].mailbox, err)
			}
			flight = append(flight, next)
			continue
		}
		if err := c.wait(flight[0].cmd); err != nil {
			return c.dead(op, flight[0].mailbox, err)
		}
		flight = flight[1:]
	}
	return nil
}

// SetAside makes lists do without the state of a mailbox: asking for it ended
// a connection.
func (cl *Client) SetAside(mailbox string) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.aside == nil {
		cl.aside = map[string]bool{}
	}
	cl.aside[mailbox] = true
}

// asks reports whether lists ask for the state of a mailbox.
func (cl *Client) asks(mailbox string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return !cl.aside[mailbox] && (cl.opts.Wanted == nil || cl.opts.Wanted(mailbox))
}

// isAside reports whether asking for the state of a mailbox ended a connection.
func (cl *Client) isAside(mailbox string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.aside[mailbox]
}

// ListStatus is the capability of the state of all mailboxes in the list (RFC
// 5819), of which one may be damaged, whether it is wanted or not.
const ListStatus = "LIST-STATUS"

// listsStatus reports whether the list tells the state of mailboxes.
func (c *Conn) listsStatus() bool { return c.Has(ListStatus) && !c.cl.distrusts(ListStatus) }

// OfMessages reports whether an error is about messages that were asked for, of
// a mailbox that could be opened.
func OfMessages(err error) bool {
	var e *mail.Error
	return errors.As(err, &e) && (e.Op == opFetch || e.Op == opProbe || e.Op == opHeader)
}
