package imaptest

import "unicode/utf8"

// Spelling is how a server writes the names of its mailboxes in its lists.
type Spelling struct {
	// Plain writes UTF-8 in place of modified UTF-7, as some servers do though nobody
	// asked for it, and Both lists such a mailbox under either name.
	Plain, Both bool
	// Inbox is how it writes INBOX; empty: so.
	Inbox string
}

// SetSpelling changes how names are listed. What is listed in UTF-8 is also taken so.
func (s *Server) SetSpelling(sp Spelling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spelling = sp
	s.plainNames.Store(s.plainNames.Load() || sp.Plain || sp.Both)
}

// spell returns the name of a mailbox as the server writes it, and the other spelling
// that it lists too, empty if there is none.
func (s *Server) spell(name string) (first, second string) {
	sp, encoded := s.spelling, EncodeName(name)
	switch {
	case name == "INBOX" && sp.Inbox != "":
		return sp.Inbox, ""
	case sp.Both && encoded != name:
		return encoded, name
	case sp.Plain:
		return name, ""
	}
	return encoded, ""
}

// decode reads a name that a client sent.
func (p *parser) decode(raw string) (string, error) {
	name, err := DecodeName(raw)
	if err != nil && p.eightBit() && utf8.ValidString(raw) {
		return raw, nil
	}
	return name, err
}

// eightBit reports whether names may come in UTF-8.
func (p *parser) eightBit() bool { return p.srv != nil && p.srv.plainNames.Load() }
