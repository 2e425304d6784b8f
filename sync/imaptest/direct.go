package imaptest

import (
	"bytes"
	"slices"
	"time"
)

// Message is a message as the server holds it.
type Message struct {
	UID     uint32
	Flags   []string // sorted
	ModSeq  uint64
	Date    time.Time
	Content []byte // shared with the server, not to be changed
	EmailID string // the same for all copies of a message
}

// In the methods below mailboxes go by their full names: decoded, with the prefix of the namespace and with the delimiter of
// the server. A mailbox that does not exist makes them return zero values. Open sessions learn of all changes.

// do runs f on a mailbox, if there is one, under the lock.
func (s *Server) do(name string, f func(*mailbox)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if box := s.store.boxes[s.canonical(name)]; box != nil {
		f(box)
	}
}

// CreateMailbox creates a mailbox. Unlike the command it is not bound to the namespace.
func (s *Server) CreateMailbox(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.store.create(s.canonical(name))
	return err
}

// DeleteMailbox deletes a mailbox with its messages, but not those below it. Sessions that have it selected get a BYE.
func (s *Server) DeleteMailbox(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.remove(s.canonical(name))
}

// RenameMailbox renames a mailbox and those below it, as the command does: of INBOX, only the messages go.
func (s *Server) RenameMailbox(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.rename(s.canonical(from), s.canonical(to))
}

// Mailboxes lists the mailboxes in order of their names.
func (s *Server) Mailboxes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.names()
}

// Append stores a message, at the time of Options.Now if date is zero. It returns 0 if it cannot.
func (s *Server) Append(name string, flags []string, date time.Time, content []byte) (uid uint32) {
	if date.IsZero() {
		date = s.opts.Now()
	}
	s.do(name, func(box *mailbox) {
		if m, err := s.store.append(box, flags, date, bytes.Clone(content)); err == nil {
			uid = m.uid
		}
	})
	return uid
}

func (b *mailbox) export(m *message) Message {
	flags := b.names(m.flags)
	slices.Sort(flags)
	return Message{UID: m.uid, Flags: flags, ModSeq: m.modSeq, Date: m.date, Content: m.content.data, EmailID: m.content.id}
}

// Messages lists the messages of a mailbox by UID.
func (s *Server) Messages(name string) (all []Message) {
	s.do(name, func(box *mailbox) {
		all = make([]Message, 0, len(box.msgs))
		for _, m := range box.msgs {
			all = append(all, box.export(m))
		}
	})
	return all
}

// Message finds one message.
func (s *Server) Message(name string, uid uint32) (msg Message, ok bool) {
	s.do(name, func(box *mailbox) {
		if m := box.get(uid); m != nil {
			msg, ok = box.export(m), true
		}
	})
	return msg, ok
}

// StoreFlags adds and removes flags. It reports whether the message exists and took them.
func (s *Server) StoreFlags(name string, uid uint32, add, remove []string) (ok bool) {
	s.do(name, func(box *mailbox) {
		m := box.get(uid)
		if s.opts.Exchange != nil {
			add = s.permitted(box, add) // no client of such a server can set more
		}
		plus, fits := box.set(add)
		if m == nil || !fits {
			return
		}
		var minus flagSet
		for _, flag := range remove {
			bit, _ := box.bit(flag)
			minus |= bit
		}
		box.setFlags([]*message{m}, func(f flagSet) flagSet { return f&^minus | plus }, nil)
		ok = true
	})
	return ok
}

// Rewrite gives a message another content under its UID, which a server must
// never do (RFC 3501 §2.3.1.1) and which a damaged one does; ok is false when
// there is none.
func (s *Server) Rewrite(name string, uid uint32, data []byte) (ok bool) {
	s.do(name, func(box *mailbox) {
		if m := box.get(uid); m != nil {
			m.content, ok = &content{data: bytes.Clone(data), id: m.content.id}, true
		}
	})
	return ok
}

// Expunge removes messages, whatever their flags, and returns how many there were.
func (s *Server) Expunge(name string, uids ...uint32) (n int) {
	uids = slices.Sorted(slices.Values(uids))
	s.do(name, func(box *mailbox) { n = len(box.expunge(uids)) })
	return n
}

// Copy copies a message and returns the UID of the copy, 0 if there is no such message or mailbox.
func (s *Server) Copy(from string, uid uint32, to string) (newUID uint32) {
	return s.transfer(from, uid, to, false)
}

// Move moves a message and returns its new UID, 0 if there is no such message or mailbox.
func (s *Server) Move(from string, uid uint32, to string) (newUID uint32) {
	return s.transfer(from, uid, to, true)
}

func (s *Server) transfer(from string, uid uint32, to string, move bool) (newUID uint32) {
	s.do(from, func(src *mailbox) {
		m, dst := src.get(uid), s.store.boxes[s.canonical(to)]
		if m == nil || dst == nil {
			return
		}
		if uids, err := s.store.copy(src, []*message{m}, dst); err == nil {
			newUID = uids[0]
			if move {
				src.takeOut([]uint32{uid})
			}
		}
	})
	return newUID
}

// UIDState returns what the cursor of a synchroniser holds.
func (s *Server) UIDState(name string) (uidValidity, uidNext uint32, highestModSeq uint64) {
	s.do(name, func(box *mailbox) { uidValidity, uidNext, highestModSeq = box.uidValidity, box.uidNext, box.modSeq })
	return uidValidity, uidNext, highestModSeq
}

// MailboxID is the MAILBOXID of a mailbox.
func (s *Server) MailboxID(name string) (id string) {
	s.do(name, func(box *mailbox) { id = box.id })
	return id
}

// SetUIDValidity gives a mailbox another UIDVALIDITY and its messages, in their order, new UIDs counted from 2. Not from
// 1, so that in a small mailbox a UID of before names another message: a client that fails to look is found out.
// Sessions that have the mailbox selected get a BYE.
func (s *Server) SetUIDValidity(name string, v uint32) {
	s.do(name, func(box *mailbox) {
		box.renumber(v, 2)
		s.store.lastValidity = max(s.store.lastValidity, v)
	})
}

// SetReadOnly makes a mailbox read-only: SELECT says so, and changes are refused.
func (s *Server) SetReadOnly(name string, readOnly bool) {
	s.do(name, func(box *mailbox) { box.readOnly = readOnly })
}

// SetPermanentFlags replaces the list of Options for one mailbox, as an ACL does (RFC 4314 §4): other flags are dropped, also when
// a message is copied or moved there.
func (s *Server) SetPermanentFlags(name string, flags ...string) {
	s.do(name, func(box *mailbox) { box.permanent = append([]string{}, flags...) })
}

// SetDrops makes a mailbox drop flags of what comes there and of what is stored, without a word and whatever PERMANENTFLAGS says.
func (s *Server) SetDrops(name string, flags ...string) {
	s.do(name, func(box *mailbox) { box.drops = flags })
}

// SetNoModSeq makes a mailbox one without mod-sequences, which answers NOMODSEQ, RFC 7162 §3.1.2.2.
func (s *Server) SetNoModSeq(name string, off bool) {
	s.do(name, func(box *mailbox) { box.noModSeq = off })
}

// SetSpecialUse sets the attribute of RFC 6154, such as \Sent; "" takes it away.
func (s *Server) SetSpecialUse(name, attribute string) {
	s.do(name, func(box *mailbox) { box.specialUse = attribute })
}

// ForgetExpunged makes a mailbox forget which messages were expunged. It then answers clients of an older state with all UIDs
// that have no message, RFC 7162 §3.2.6.
func (s *Server) ForgetExpunged(name string) {
	s.do(name, func(box *mailbox) { box.expunged, box.forgot = nil, box.modSeq })
}

// Subscribed reports whether a name is subscribed.
func (s *Server) Subscribed(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.subscribed[s.canonical(name)]
}

// Subscribe subscribes to a name, or no longer.
func (s *Server) Subscribe(name string, subscribed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.subscribe(s.canonical(name), subscribed)
}

func (st *store) subscribe(name string, subscribed bool) {
	if subscribed {
		st.subscribed[name] = true
	} else {
		delete(st.subscribed, name)
	}
}
