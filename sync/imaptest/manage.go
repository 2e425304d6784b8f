package imaptest

import "strings"

// inNamespace refuses to create what lies outside the personal namespace.
func (s *Server) inNamespace(name string) bool {
	return name == "INBOX" || s.opts.Prefix == "" || strings.HasPrefix(name, s.opts.Prefix) && name != s.opts.Prefix
}

// runCreate ignores a delimiter at the end, which only announces that names will be created below, RFC 3501 §6.3.3.
func runCreate(c *Conn, _ string, p *parser) string {
	p.sp()
	name := p.mailbox()
	if !p.end() {
		return ""
	}
	name = strings.TrimSuffix(name, c.srv.store.delim)
	if !c.srv.inNamespace(name) {
		return "NO [CANNOT] Name is not in the personal namespace"
	}
	box, err := c.srv.store.create(name)
	if err != nil {
		return err.Error()
	}
	if c.srv.opts.Caps.Has(CapObjectID) {
		return "OK [MAILBOXID (" + box.id + ")] Create completed" // RFC 8474 §4.1
	}
	return "OK Create completed"
}

func runDelete(c *Conn, _ string, p *parser) string {
	p.sp()
	name := p.mailbox()
	if !p.end() {
		return ""
	}
	if c.sel != nil && c.sel.box.name == name && name != "INBOX" {
		c.unselect()
		if c.srv.opts.Caps.Has(CapQResync) {
			c.out.printf("* OK [CLOSED] Deleted mailbox closed")
		}
	}
	if err := c.srv.store.remove(name); err != nil {
		return err.Error()
	}
	return "OK Delete completed"
}

func runRename(c *Conn, _ string, p *parser) string {
	p.sp()
	from := p.mailbox()
	p.sp()
	to := p.mailbox()
	if !p.end() {
		return ""
	}
	if !c.srv.inNamespace(to) {
		return "NO [CANNOT] Name is not in the personal namespace"
	}
	if err := c.srv.store.rename(from, to); err != nil {
		return err.Error()
	}
	return "OK Rename completed"
}

// subscribeHandler accepts names of no mailbox, as RFC 3501 §6.3.6 allows: subscriptions outlive mailboxes.
func subscribeHandler(subscribe bool) func(*Conn, string, *parser) string {
	return func(c *Conn, _ string, p *parser) string {
		p.sp()
		name := p.mailbox()
		if !p.end() {
			return ""
		}
		if !c.srv.store.validName(name) {
			return errBadName.Error()
		}
		c.srv.store.subscribe(name, subscribe)
		return "OK Completed"
	}
}
