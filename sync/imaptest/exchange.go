package imaptest

import "strings"

// Exchange makes a server behave as Exchange Online does. It has no CONDSTORE, no ESEARCH and no LIST-STATUS; it refuses
// keywords with BAD; RFC822.SIZE is an estimate; the special mailboxes are marked although SPECIAL-USE is not announced; and there
// are mailboxes of other things than mail.
type Exchange struct {
	// SizeOff is what RFC822.SIZE adds to the true size. Messages come whole all the same.
	SizeOff int
}

// ThrottleReply is what Exchange Online answers to a client that asks for too much.
const ThrottleReply = "BAD Request is throttled. Suggested Backoff Time: 299609 milliseconds"

// refusedKeyword is its answer to a keyword.
const refusedKeyword = "BAD Command Argument Error. 11"

// ExchangeOptions describe a server in the manner of Exchange Online.
func ExchangeOptions(x Exchange) Options {
	return Options{
		Exchange: &x,
		Caps: CapIMAP4rev1 | CapAuthPlain | CapAuthXOAuth2 | CapSASLIR | CapUIDPlus | CapMove | CapID | CapUnselect | CapChildren | CapIdle |
			CapNamespace | CapLiteralPlus,
		PermanentFlags: []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, "$MDNSent"},
	}
}

// beExchange makes the mailboxes that such a server has from the start.
func (st *store) beExchange() {
	for name, use := range map[string]string{
		"Calendar": "", "Calendar/Birthdays": "", "Contacts": "", "Conversation History": "", "Deleted Items": `\Trash`, "Drafts": `\Drafts`,
		"Journal": "", "Junk Email": `\Junk`, "Notes": "", "Outbox": "", "Sent Items": `\Sent`, "Sync Issues/Conflicts": "", "Tasks": "",
	} {
		box, err := st.create(name)
		if err != nil {
			panic("imaptest: " + err.Error())
		}
		box.specialUse = use
	}
}

// refusesKeyword reports whether one of the flags is a keyword that the server does not know.
func (s *Server) refusesKeyword(box *mailbox, flags []string) bool {
	return s.opts.Exchange != nil && strings.Join(s.permitted(box, flags), " ") != strings.Join(flags, " ")
}

// size is RFC822.SIZE.
func (s *Server) size(m *message) int {
	n := len(m.content.data)
	if s.opts.Exchange != nil {
		n += s.opts.Exchange.SizeOff
	}
	return n
}
