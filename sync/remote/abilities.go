package remote

import (
	"math"
	"slices"

	"satchel/sync/remote/resync"
)

// Abilities are what a server can: what it announces, less what it did not confirm
// and what it was caught to get wrong. They are decided here and nowhere else.
type Abilities struct {
	// Level is how a mailbox is brought up to date. It is final once ENABLE was
	// answered, which is with the first list, question or selection.
	Level resync.Level
	// OffersQResync: the server announces QRESYNC. A Level below it then means that
	// ENABLE did not confirm it.
	OffersQResync bool
	// HasLabels: one message may be in several mailboxes at once, as with the
	// labels of Gmail (X-GM-EXT-1): a change in one of them shows in the others.
	HasLabels bool
	// GroupsAppends: many messages share an APPEND (RFC 3502).
	GroupsAppends bool
	// EmulatesMove: Move copies a message, marks the original \Deleted and expunges
	// it, because MOVE (RFC 6851) is missing, or does nothing.
	EmulatesMove bool
	// MovesExactly: a move takes just the messages that are named out of their
	// mailbox, by MOVE or by UID EXPUNGE.
	MovesExactly bool
	// ExpungesExactly: UID EXPUNGE (RFC 4315) takes just the messages that are
	// named. Without it, EXPUNGE takes every message that is marked \Deleted,
	// whoever marked it.
	ExpungesExactly bool

	eSearch      bool   // searches are answered with ranges (RFC 4731)
	modSeqs      bool   // SELECT takes CONDSTORE (RFC 7162 §3.1); QRESYNC includes it (§3.2.3)
	enable       string // what ENABLE is to ask for; empty: nothing
	identity     string // the FETCH item for the identity of a message; empty: none
	objectID     bool   // mailboxes have identities (RFC 8474)
	unselect     bool   // RFC 3691
	id           bool   // RFC 2971
	namespace    bool   // RFC 2342
	listExtended bool   // RFC 5258
	listStatus   bool   // the list tells the state of mailboxes (RFC 5819)
	specialUse   bool   // RFC 6154
	appendLimits bool   // each mailbox has a limit of its own (RFC 7889)
	// atOnce is the size of the largest literal that may be sent without a
	// go-ahead (RFC 7888), in bytes; 0: none.
	atOnce int64
}

// evidence is what is known of a server beside the capabilities that it announces.
type evidence struct {
	enableTried, enabled   bool // ENABLE QRESYNC was sent; it was confirmed
	moveWrong, statusWrong bool // it was caught: MOVE, LIST-STATUS
	dovecot                bool // it calls itself Dovecot
	noIdentity             bool // it refused to tell identities of messages
}

// abilitiesOf decides. caps are in upper case.
func abilitiesOf(caps []string, ev evidence) Abilities {
	has := func(capability string) bool { return slices.Contains(caps, capability) }
	a := Abilities{
		OffersQResync:   has("QRESYNC"),
		HasLabels:       has("X-GM-EXT-1"),
		GroupsAppends:   has("MULTIAPPEND") && has("LITERAL+"),
		EmulatesMove:    !has("MOVE") || ev.moveWrong,
		MovesExactly:    has("MOVE") || has("UIDPLUS"),
		ExpungesExactly: has("UIDPLUS"),

		eSearch: has("ESEARCH"), modSeqs: has("CONDSTORE") || has("QRESYNC"),
		objectID: has("OBJECTID"), unselect: has("UNSELECT"), id: has("ID"), namespace: has("NAMESPACE"),
		listExtended: has("LIST-EXTENDED"), listStatus: has(ListStatus) && !ev.statusWrong, specialUse: has("SPECIAL-USE"),
		appendLimits: has("APPENDLIMIT"), // without a value: it depends on the mailbox
	}
	switch {
	case ev.enabled, !ev.enableTried && a.OffersQResync:
		a.Level = resync.QResync
	case a.modSeqs:
		a.Level = resync.Condstore
	}
	switch {
	case a.OffersQResync:
		a.enable = "QRESYNC"
	case has("CONDSTORE") && has("ENABLE"):
		a.enable = "CONDSTORE"
	}
	switch {
	case has("LITERAL+"):
		a.atOnce = math.MaxInt64
	case has("LITERAL-"):
		a.atOnce = 4096
	}
	switch {
	case ev.noIdentity:
	case a.objectID:
		a.identity = itemEmailID
	case a.HasLabels:
		a.identity = itemGmail
	case ev.dovecot:
		a.identity = itemGUID
	}
	return a
}

// Abilities returns what the server can. Where ENABLE is under way its answer is
// awaited, which needs no turn of its own.
func (c *Conn) Abilities() Abilities {
	_ = c.awaitEnable() // a dead connection shows with the next command
	return c.can()
}

// can is Abilities for those who do not ask for the Level, and so do not wait.
func (c *Conn) can() Abilities {
	c.link.mu.Lock()
	caps := c.link.caps // it is replaced, never changed
	c.link.mu.Unlock()
	ev := c.cl.evidence()
	ev.enableTried, ev.enabled = c.enableTried, c.qresync
	return abilitiesOf(caps, ev)
}

// evidence is what was found out over any connection: it holds for all of the
// account.
func (cl *Client) evidence() evidence {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return evidence{moveWrong: cl.wrong["MOVE"], statusWrong: cl.wrong[ListStatus], dovecot: cl.dovecot, noIdentity: cl.noIdentity}
}
