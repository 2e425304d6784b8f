package remote

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
