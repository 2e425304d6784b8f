package imaptest

import (
	"strings"
	"sync"
)

// Damage is what a server does that comes upon something broken in its store.
type Damage int

// The damages. Of a message, they show when its content is asked for, or its size if Listed.
const (
	Sound      Damage = iota
	EndsAll           // it ends the session with BYE, as Dovecot does
	ClosesAll         // it ends the session without a word
	Refused           // it answers NO to the whole command, behind what it sent of it
	RefusedBad        // the same with BAD, before it sends anything
)

// Damaged holds what is broken in a store. Its methods may be called from any goroutine. The zero value is a sound store.
type Damaged struct {
	// Listed makes messages show their damage when anything but UID and FLAGS is asked for.
	Listed bool

	mu        sync.Mutex
	messages  map[string]map[uint32]Damage
	mailboxes map[string]Damage
	met       map[string]int
}

// Message damages a message, or mends it.
func (d *Damaged) Message(mailbox string, uid uint32, how Damage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.messages == nil {
		d.messages = map[string]map[uint32]Damage{}
	}
	if d.messages[mailbox] == nil {
		d.messages[mailbox] = map[uint32]Damage{}
	}
	d.messages[mailbox][uid] = how
}

// Mailbox damages a mailbox, or mends it: it shows in STATUS, SELECT and EXAMINE.
func (d *Damaged) Mailbox(name string, how Damage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mailboxes == nil {
		d.mailboxes = map[string]Damage{}
	}
	d.mailboxes[name] = how
}

// Met counts how often a client came upon the damage of a mailbox, or of a message in it.
func (d *Damaged) Met(mailbox string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.met[mailbox]
}

// meet notes that a client came upon damage. d.mu is held.
func (d *Damaged) meet(mailbox string, how Damage) Damage {
	if how != Sound {
		if d.met == nil {
			d.met = map[string]int{}
		}
		d.met[mailbox]++
	}
	return how
}

// ofMailbox is the damage that opening a mailbox, or its STATUS, shows.
func (d *Damaged) ofMailbox(name string) Damage {
	if d == nil {
		return Sound
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meet(name, d.mailboxes[name])
}

// shows reports whether a FETCH looks at what is broken.
func (d *Damaged) shows(f fetching) bool {
	for _, i := range f.items {
		if i.section != nil || d.Listed && i.name != "UID" && i.name != "FLAGS" && i.name != "MODSEQ" {
			return true
		}
	}
	return false
}

// ofMessage is the damage that a FETCH of a message shows.
func (d *Damaged) ofMessage(mailbox string, uid uint32, f fetching) Damage {
	if d == nil || !d.shows(f) {
		return Sound
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meet(mailbox, d.messages[mailbox][uid])
}

// meetsBad reports whether a FETCH is answered BAD before anything is sent.
func (d *Damaged) meetsBad(mailbox string, msgs []*message, f fetching) bool {
	if d == nil || !d.shows(f) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range msgs {
		if d.messages[mailbox][m.uid] == RefusedBad {
			d.meet(mailbox, RefusedBad)
			return true
		}
	}
	return false
}

// suffer does what a damage makes the server do, and returns the tagged reply; "" when there is none of it.
func (c *Conn) suffer(how Damage) string {
	switch how {
	case EndsAll:
		c.out.printf("* BYE Internal error occurred. Refer to server log for more information.")
	case ClosesAll:
	case Refused:
		return "NO [SERVERBUG] Internal error occurred. Refer to server log for more information."
	case RefusedBad:
		return "BAD Could not read the message"
	default:
		return ""
	}
	c.out.closed, c.ending = true, true
	return replied
}

// fetchAll sends the responses of a FETCH, up to what is broken.
func (c *Conn) fetchAll(f fetching, msgs []*message, turned map[uint32]bool) (reply string) {
	d := c.srv.opts.Damaged
	if d.meetsBad(c.sel.box.name, msgs, f) {
		return c.suffer(RefusedBad)
	}
	for _, m := range msgs {
		if how := d.ofMessage(c.sel.box.name, m.uid, f); how != Sound {
			return c.suffer(how)
		}
		c.fetchOne(f, m, turned[m.uid])
	}
	return ""
}

// uidLast moves the UID of a FETCH response behind everything else, where RFC 3501 allows it to be.
func uidLast(f fetching) fetching {
	var items []fetchItem
	for _, i := range f.items {
		if i.name != "UID" {
			items = append(items, i)
		}
	}
	if len(items) < len(f.items) {
		items = append(items, fetchItem{name: "UID"})
	}
	f.items = items
	return f
}

// asksIdentity reports whether a FETCH asks for the identity of messages.
func asksIdentity(word string) bool { return strings.HasSuffix(word, "ID") && word != "UID" }
