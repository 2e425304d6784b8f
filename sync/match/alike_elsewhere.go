package match

import (
	"slices"

	"satchel/state"
	"satchel/sync/quirk"
	"satchel/sync/view"
)

// alikesElsewhere returns the new messages that may be what an interrupted upload, which
// is not found where it went, became: another client has moved it on since
// (uidgaps.go), and the server had altered it. A move keeps the date, and who alters
// a message that has a Message-ID keeps that.
func (s *Match) alikesElsewhere() []*resemblance {
	var list []*resemblance
	of := map[*view.Message]*resemblance{}
	for _, i := range s.Intents {
		if i.Kind != state.IntentAppend || slices.Contains(s.Explained, i) || !s.mayHaveLeft(i) {
			continue
		}
		f := s.Uploaded(i)
		if f == nil || f.Paired() {
			continue
		}
		for _, m := range s.NewRemote {
			if m.Done || !m.HasMeta || m.Replaces != 0 || m.Item.CopyOf != nil || m.Item.Remote.Mailbox == i.Mailbox ||
				m.Date != f.Date || !quirk.AboutAsLarge(i.Size, m.Item.Size) || !s.hasID(m, f) {
				continue
			}
			if of[m] == nil {
				of[m] = &resemblance{m: m, id: m.MessageID, announced: map[*view.Message]*state.Intent{}}
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
func (s *Match) hasID(m, f *view.Message) bool {
	id, ok := s.idOf(f)
	return ok && id != "" && (!m.HasMessageID || m.MessageID == id)
}

// showsAltered reports whether a new message where i led to has the date and the Message-ID
// of the file f, and a content that nobody knows: it is what the server made of f. A message
// elsewhere with just the content of f is a copy then, or was there before.
func (s *Match) showsAltered(i *state.Intent, f *view.Message) bool {
	if i.Kind == state.IntentCopy {
		return false // what COPY makes is what the original is
	}
	return slices.ContainsFunc(s.NewRemote, func(n *view.Message) bool {
		return n.Item.Remote.Mailbox == i.Mailbox && !n.Done && n.HasMeta && n.Replaces == 0 && s.after(i, n) && n.Date == f.Date &&
			n.HasMessageID && s.hasID(n, f) && quirk.AboutAsLarge(i.Size, n.Item.Size) && !s.recognised(n)
	})
}

// recognised reports whether a new message is proven to have a content that is known.
func (s *Match) recognised(n *view.Message) bool {
	for d, list := range s.proven {
		if !d.IsZero() && slices.Contains(list, n) {
			return true
		}
	}
	return false
}

// announcedHere reports whether the journal knows of the upload of a file to the mailbox
// that the message is in.
func (a *resemblance) announcedHere(f *view.Message) bool {
	i := a.announced[f]
	return i != nil && i.Mailbox == a.m.Item.Remote.Mailbox
}
