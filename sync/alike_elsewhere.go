package sync

import (
	"slices"

	"satchel/state"
)

// alikesElsewhere returns the new messages that may be what an interrupted upload, which
// is not found where it went, became: another client has moved it on since
// (movedon.go), and the server had altered it. A move keeps the date, and who alters
// a message that has a Message-ID keeps that.
func (s *session) alikesElsewhere() []*resemblance {
	var list []*resemblance
	of := map[*message]*resemblance{}
	for _, i := range s.intents {
		if i.Kind != state.IntentAppend || isCopy(i) || slices.Contains(s.explained, i) || !s.wentOn(i) {
			continue
		}
		f := s.uploaded(i)
		if f == nil || f.paired() {
			continue
		}
		for _, m := range s.newRemote {
			if m.done || !m.hasMeta || m.replaces != 0 || m.item.CopyOf != nil || m.item.Remote.Mailbox == i.Mailbox ||
				m.date != f.date || !aboutAsLarge(i.Size, m.item.Size) || !s.hasID(m, f) {
				continue
			}
			if of[m] == nil {
				of[m] = &resemblance{m: m, id: m.messageID, announced: map[*message]*state.Intent{}}
				list = append(list, of[m])
			}
			of[m].announced[f] = i
			of[m].files = append(of[m].files, f)
		}
	}
	return list
}

// hasID reports whether a new message has the Message-ID of a file, as far as that is
// known yet.
func (s *session) hasID(m, f *message) bool {
	id, ok := s.idOf(f)
	return ok && id != "" && (!m.hasMessageID || m.messageID == id)
}

// showsAltered reports whether a new message where i led to has the date and the Message-ID
// of the file f, and a content that nobody knows: it is what the server made of f. A message
// elsewhere with just the content of f is a copy then, or was there before.
func (s *session) showsAltered(i *state.Intent, f *message) bool {
	if isCopy(i) {
		return false // what COPY makes is what the original is
	}
	return slices.ContainsFunc(s.newRemote, func(n *message) bool {
		return n.item.Remote.Mailbox == i.Mailbox && !n.done && n.hasMeta && n.replaces == 0 && s.after(i, n) && n.date == f.date &&
			n.hasMessageID && s.hasID(n, f) && aboutAsLarge(i.Size, n.item.Size) && !s.recognised(n)
	})
}

// recognised reports whether a new message is proven to have a content that is known.
func (s *session) recognised(n *message) bool {
	for d, list := range s.proven {
		if !d.IsZero() && slices.Contains(list, n) {
			return true
		}
	}
	return false
}

// announcedHere reports whether the journal knows of the upload of a file to the mailbox
// that the message is in.
func (a *resemblance) announcedHere(f *message) bool {
	i := a.announced[f]
	return i != nil && i.Mailbox == a.m.item.Remote.Mailbox
}
