package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/names"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// Mailbox is a mailbox as LIST and STATUS describe it.
type Mailbox struct {
	Name       string // canonical; see names
	Wire       string // as the server spells it
	Selectable bool   // false for \Noselect and \NonExistent
	Subscribed bool
	Foreign    bool        // in a namespace of other users, or a shared one (RFC 2342)
	SpecialUse string      // "\Sent" and its like (RFC 6154), or empty
	Status     mail.Cursor // zero fields are unknown
	MailboxID  string      // RFC 8474 §4, or empty
}

// maxMailboxes bounds what a list may hold, and so what it takes of memory.
const maxMailboxes = 100_000

// statusWindow is how many STATUS commands are in flight at once.
const statusWindow = 32

// listing gathers the answers of the flight.
type listing struct {
	lists    []wire.List
	listed   map[string]bool // by name on the wire
	tooMany  bool
	subbed   map[string]bool
	statuses map[string]wire.Status
	personal []wire.Namespace
	others   []wire.Namespace
	enabled  bool
	dovecot  bool
	bare     bool // only names are asked for
	long     bool // there are mailboxes with names that are too long to be kept
}

func newListing() *listing {
	return &listing{listed: map[string]bool{}, subbed: map[string]bool{}, statuses: map[string]wire.Status{}}
}

func (li *listing) take(r wire.Response) {
	switch r.Kind {
	case "LIST":
		l, ok := wire.ParseList(r.Rest)
		if ok && len(l.Name) > names.MaxListedName {
			li.long = li.long || names.Selectable(l)
			return
		}
		if ok && !li.listed[l.Name] {
			if li.tooMany = len(li.lists) >= maxMailboxes; !li.tooMany {
				li.lists, li.listed[l.Name] = append(li.lists, l), true
			}
		}
	case "LSUB":
		if l, ok := wire.ParseList(r.Rest); ok && !l.Has(`\Noselect`) && len(li.subbed) < maxMailboxes && len(l.Name) <= names.MaxListedName {
			li.subbed[names.FoldINBOX(l.Name)] = true
		}
	case "STATUS":
		if st, ok := wire.ParseStatus(r.Rest); ok && len(li.statuses) < maxMailboxes && len(st.Name) <= names.MaxListedName {
			li.statuses[names.FoldINBOX(st.Name)] = st
		}
	case "NAMESPACE":
		if len(r.Rest) <= 16*names.MaxListedName {
			li.personal, li.others, _ = wire.ParseNamespace(r.Rest)
		}
	case "ENABLED":
		li.enabled = li.enabled || isEnabled(r)
	case "ID":
		li.dovecot = isDovecot(r)
	}
}

// ListMailboxes lists the mailboxes with their state. Where LIST-STATUS is offered
// it takes one turn of the line, together with ENABLE and NAMESPACE.
//
// The personal namespace loses its prefix; whatever else the server lists,
// other users' and shared mailboxes, keeps its full name.
func (c *Conn) ListMailboxes(ctx context.Context) ([]Mailbox, error) {
	defer c.guard(ctx)()
	li := newListing()
	extended, err := c.lists(li)
	if err != nil {
		return nil, err
	}
	if !extended || !c.can().listStatus {
		if err := c.statusFlight(li, c.mailboxes(li, extended)); err != nil {
			return nil, err
		}
	}
	return c.listed(li, extended), nil
}

// lists fills li with all that the server lists.
func (c *Conn) lists(li *listing) (extended bool, err error) {
	extended = c.can().listStatus || c.can().listExtended
	failed, err := c.listFlight(li, extended)
	if err != nil {
		return extended, err
	}
	if failed != nil && extended {
		// A server that offers LIST-EXTENDED and chokes on it is asked again
		// in plain words.
		c.log.Warn("extended LIST refused", "err", failed)
		li.lists, li.listed, extended = nil, map[string]bool{}, false
		if failed, err = c.listFlight(li, false); err != nil {
			return extended, err
		}
	}
	if failed == nil && li.tooMany {
		failed = fmt.Errorf("the server lists more than %d", maxMailboxes)
	}
	if failed != nil {
		return extended, &mail.Error{Op: "list mailboxes", Kind: mail.KindAccount, Err: failed}
	}
	return extended, nil
}

// listed joins what LIST and STATUS told.
func (c *Conn) listed(li *listing, extended bool) []Mailbox {
	boxes := c.mailboxes(li, extended)
	limits := map[string]int64{}
	for i := range boxes {
		if st, ok := li.statuses[names.FoldINBOX(boxes[i].Wire)]; ok {
			boxes[i].Status, boxes[i].MailboxID = st.Cursor, st.MailboxID
			if st.AppendLimit > 0 {
				limits[boxes[i].Name] = st.AppendLimit
			}
		}
	}
	c.cl.setLimits(limits)
	return boxes
}

// listFlight sends everything up to the list at once. failed is the refusal
// of LIST itself.
func (c *Conn) listFlight(li *listing, extended bool) (failed, err error) {
	const op = refusal.OpList
	first := !c.enableTried
	var flight []*command
	if cmd := c.enableCommand(); cmd != nil {
		cmd.untagged = li.take
		flight = append(flight, cmd)
	}
	if first && c.can().id {
		flight = append(flight, li.ask(`ID ("name" "satchel")`))
	}
	lists, list := c.listCommands(li, extended)
	flight = append(flight, lists...)
	if cmd := c.compressCommand(); cmd != nil {
		flight = append(flight, cmd)
	}
	c.link.cork()
	for _, cmd := range flight {
		if err := c.link.begin(cmd); err != nil {
			return nil, c.dead(op, "", err)
		}
	}
	if err := c.link.uncork(); err != nil {
		return nil, c.dead(op, "", err)
	}
	for _, cmd := range flight {
		if err := c.wait(cmd); err != nil {
			return nil, c.dead(op, "", err)
		}
	}
	if first {
		c.qresync = li.enabled
		if c.can().id {
			c.cl.setDovecot(li.dovecot)
		}
	}
	return list.err(), nil
}

// ask makes a command whose answer the listing takes.
func (li *listing) ask(line string) *command {
	return &command{line: line, free: true, lists: true, untagged: li.take}
}

// listCommands are those that list mailboxes; list is the one that matters.
func (c *Conn) listCommands(li *listing, extended bool) (flight []*command, list *command) {
	if c.can().namespace {
		flight = append(flight, li.ask("NAMESPACE"))
	}
	list = li.ask(c.listLine(extended, li.bare))
	flight = append(flight, list)
	if !extended {
		flight = append(flight, li.ask(`LSUB "" "*"`), li.ask(`LIST "" ""`)) // the delimiter, for a server without NAMESPACE
	}
	return flight, list
}

func (c *Conn) listLine(extended, bare bool) string {
	line := `LIST "" "*"`
	if !extended {
		return line
	}
	ret := []string{"SUBSCRIBED"}
	if c.can().specialUse {
		ret = append(ret, "SPECIAL-USE")
	}
	if c.can().listStatus && !bare {
		ret = append(ret, "STATUS ("+c.statusItems()+")")
	}
	return line + " RETURN (" + strings.Join(ret, " ") + ")"
}

func (c *Conn) statusItems() string {
	items := "MESSAGES UIDNEXT UIDVALIDITY"
	if c.can().modSeqs {
		items += " HIGHESTMODSEQ"
	}
	if c.can().objectID {
		items += " " + itemMailboxID
	}
	if c.can().appendLimits {
		items += " APPENDLIMIT"
	}
	return items
}

// mailboxes settles the names and makes the list.
func (c *Conn) mailboxes(li *listing, extended bool) []Mailbox {
	n := c.settleNames(li)
	kept, out := n.List(li.lists)
	if li.long {
		out = append(out, names.LeftOut{Text: "mailboxes with long names", Name: "", Why: fmt.Sprintf("their names are longer than %d bytes", names.MaxListedName)})
	}
	boxes := make([]Mailbox, 0, len(kept))
	for name, l := range kept {
		boxes = append(boxes, Mailbox{Name: name, Wire: l.Name, Selectable: names.Selectable(l),
			Subscribed: l.Has(`\Subscribed`) || !extended && li.subbed[names.FoldINBOX(l.Name)],
			Foreign:    n.Foreign(l.Name),
			SpecialUse: specialUse(l.Attrs),
		})
	}
	c.cl.setNames(n, out)
	slices.SortFunc(boxes, func(a, b Mailbox) int { return strings.Compare(a.Name, b.Name) })
	return boxes
}

func specialUse(attrs []string) string {
	for _, use := range []string{`\All`, `\Archive`, `\Drafts`, `\Flagged`, `\Junk`, `\Sent`, `\Trash`} {
		if slices.ContainsFunc(attrs, func(a string) bool { return strings.EqualFold(a, use) }) {
			return use
		}
	}
	return ""
}

// statusFlight asks each mailbox for its state, for servers without
// LIST-STATUS. A mailbox that refuses keeps a zero state.
func (c *Conn) statusFlight(li *listing, boxes []Mailbox) error {
	var list []inquired
	for _, m := range boxes {
		if quoted, ok := names.QuoteListed(m.Wire); ok && m.Selectable && c.cl.asks(m.Name) {
			list = append(list, inquired{m.Name, &command{line: "STATUS " + quoted + " (" + c.statusItems() + ")", free: true, untagged: li.take}})
		}
	}
	return c.askEach(refusal.OpStatus, list)
}
