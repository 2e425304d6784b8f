package match

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"satchel/state"
	"satchel/sync/look"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/run"
	"satchel/sync/view"
)

// How much of a message is fetched to recognise it, in bytes
// (docs/adr/0003). Up to probeWhole the whole message costs no more than its
// parts.
const (
	probeWhole  = 512
	ProbeTail   = 128
	probeHead   = 384
	probeMiddle = 256
)

// identify settles for each suspect whose content it is:
//
//   - the server says so: the same identity (RFC 8474 §5.1)
//   - up to probeWhole bytes: all of it is compared
//   - a message that moved: size, INTERNALDATE, Message-ID, the first and the
//     last bytes agree, and all candidates for which they do have one content
//   - a mailbox that is paired from the start (state lost, UIDVALIDITY
//     changed, another tool before): the same with some bytes from the
//     middle instead of the date
//   - a message that may be a copy of one that stays: all of these
//   - anything else, and whatever is left in doubt: the digest of the whole
//     message, which is fetched for it
func (s *Match) identify(ctx context.Context, suspects []*unidentified) error {
	var open []*unidentified
	for _, sus := range suspects {
		for _, c := range sus.candidates {
			if sus.m.EmailID != "" && c.Row != nil && c.Row.EmailID == sus.m.EmailID {
				sus.digest = c.Digest()
			}
		}
		if sus.digest.IsZero() {
			sus.left = sus.possible()
			sus.deep = s.needsDigest(sus)
			open = append(open, sus)
		}
	}
	for round, where := range []func(int64) (off, n int64){tailOf, headOf, middleOf} {
		var now []*unidentified
		for _, sus := range open {
			whole := sus.m.Item.Size <= probeWhole
			switch {
			case len(sus.left) == 0, sus.whole:
			case round == 0:
				now = append(now, sus) // also where the digest decides: most differ here
			case !sus.deep && !whole && (round == 1 || sus.copied || s.StartsAnew(sus.m)):
				now = append(now, sus)
			}
		}
		if err := s.probe(ctx, now, where); err != nil {
			return err
		}
	}
	var deep []*unidentified
	for _, sus := range open {
		if s.judge(sus); sus.deep {
			deep = append(deep, sus)
		}
	}
	return s.identifyWhole(ctx, deep)
}

// possible returns the candidates that the Message-ID does not rule out, if it
// was told with the listing and they were read.
func (sus *unidentified) possible() []*view.Message {
	if !sus.m.HasMessageID || sus.whole {
		return sus.candidates
	}
	return slices.DeleteFunc(slices.Clone(sus.candidates), func(c *view.Message) bool {
		return c.Row == nil && c.Content != nil && !c.Guessed && view.OtherID(view.Bare(c.Content.MessageID), sus.m.MessageID)
	})
}

// needsDigest reports whether parts of the message are not enough. A file
// that appeared beside a new message on the server is compared in full: it
// would have to be transferred anyway if they were two.
func (s *Match) needsDigest(sus *unidentified) bool {
	if sus.whole || slices.ContainsFunc(sus.candidates, (*view.Message).ManyForms) {
		return true
	}
	if sus.m.Item.Size <= probeWhole {
		return slices.ContainsFunc(sus.candidates, func(c *view.Message) bool { return !c.OnDisk() })
	}
	return slices.ContainsFunc(sus.candidates, func(c *view.Message) bool {
		return !c.OnDisk() || c.Row == nil && !s.StartsAnew(sus.m) && !s.announced(sus.m, c)
	})
}

// StartsAnew reports whether the message is in a mailbox that is paired from
// the start.
func (s *Match) StartsAnew(m *view.Message) bool {
	mb := s.Mailboxes[m.Item.Remote.Mailbox]
	return mb.UIDsVoid || mb.CursorOf().UIDNext == 0
}

// announced reports whether an interrupted run was uploading f to where m is.
func (s *Match) announced(m, f *view.Message) bool {
	return slices.ContainsFunc(s.IntendedAppends(m.Item.Remote.Mailbox), func(i *state.Intent) bool {
		return i.Digest == f.Content.Digest
	})
}

// judge draws the conclusion from the evidence.
func (s *Match) judge(sus *unidentified) {
	if len(sus.left) == 0 {
		sus.deep = false
		return
	}
	if sus.deep {
		return
	}
	size := sus.m.Item.Size
	first := sus.left[0].DigestFor(size)
	whole := size <= probeWhole
	if slices.ContainsFunc(sus.left, func(c *view.Message) bool { return c.DigestFor(size) != first || sus.doubted[c] }) || sus.noID && !whole {
		sus.deep = true
		return
	}
	dated := slices.ContainsFunc(sus.left, func(c *view.Message) bool { return c.Date == sus.m.Date })
	if whole || dated || s.StartsAnew(sus.m) {
		sus.digest = first
		return
	}
	sus.deep = true
}

func tailOf(size int64) (off, n int64) {
	if size <= probeWhole {
		return 0, size
	}
	return size - ProbeTail, ProbeTail
}

func headOf(int64) (off, n int64) { return 0, probeHead }

func middleOf(size int64) (off, n int64) { return size / 2, probeMiddle }

// probe fetches a part of each suspect and strikes out the candidates whose
// files show something else there.
func (s *Match) probe(ctx context.Context, suspects []*unidentified, where func(int64) (off, n int64)) error {
	if len(suspects) == 0 {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	reqs, at := s.partsOf(suspects, where)
	failed, err := c.FetchSamples(ctx, reqs, func(mailbox string, p remote.Sample) error {
		if sus := at[mailbox][p.UID]; sus != nil {
			delete(at[mailbox], p.UID) // once, should the server answer twice
			s.strikeOut(ctx, sus, where, p)
		}
		return nil
	})
	for _, unanswered := range at {
		for _, sus := range unanswered {
			sus.deep = true // no evidence either way
		}
	}
	if len(failed) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(failed)))
		s.Log.Warn("probe failed", "mailboxes", len(failed), "mailbox", name, "err", failed[name])
	}
	return err
}

// partsOf asks for the part of each suspect that is there; at finds them again.
func (s *Match) partsOf(suspects []*unidentified, where func(int64) (off, n int64)) (reqs []remote.SampleRequest, at view.ByUID[*unidentified]) {
	at = view.ByUID[*unidentified]{}
	of := map[string]int{} // the place of a mailbox in reqs
	for _, sus := range suspects {
		mb := s.Mailboxes[sus.m.Item.Remote.Mailbox]
		if at[mb.Name] == nil {
			of[mb.Name] = len(reqs)
			reqs = append(reqs, remote.SampleRequest{Mailbox: mb.Name, UIDValidity: s.Validity(mb)})
		}
		off, n := where(sus.m.Item.Size)
		r := &reqs[of[mb.Name]]
		r.Items = append(r.Items, remote.SampleItem{UID: sus.m.UID, Offset: off, Length: n})
		at.Put(mb.Name, sus.m.UID, sus)
	}
	return reqs, at
}

// strikeOut leaves those of the candidates whose files have what p shows, or of which
// that cannot be said.
func (s *Match) strikeOut(ctx context.Context, sus *unidentified, where func(int64) (off, n int64), p remote.Sample) {
	id := view.Bare(p.MessageID)
	sus.noID = id == ""
	sus.left = slices.DeleteFunc(slices.Clone(sus.left), func(c *view.Message) bool {
		if !c.OnDisk() {
			return false // its digest will tell
		}
		shows, err := s.shows(ctx, c, sus, where, id, p.Part)
		if errors.Is(err, mail.ErrGone) && !c.Digest().IsZero() {
			// Somebody gave it another name meanwhile; its digest is known.
			sus.deep = true
			return false
		}
		sus.unsure = sus.unsure || err != nil
		if shows == unknown {
			sus.doubt(c)
		}
		// No form of the file leads to what the server had.
		sus.deep = sus.deep || shows != no && c.Row != nil && view.FormOf(c.Content, c.Row) == mail.FormApart
		return shows == no
	})
}

// evidence is what a look at something says.
type evidence uint8

// Absent evidence is not contrary evidence: unknown never removes and never
// doubles.
const (
	no evidence = iota
	yes
	unknown
)

// doubt notes that parts of the message do not show whether it is c: only the
// digest of the whole will do.
func (sus *unidentified) doubt(c *view.Message) {
	if sus.doubted == nil {
		sus.doubted = map[*view.Message]bool{}
	}
	sus.doubted[c] = true
}

// shows tells whether a candidate's file has those bytes where the server was
// probed, and that Message-ID. A file that cannot be read shows nothing, nor
// does one that is no longer what was synced.
func (s *Match) shows(ctx context.Context, c *view.Message, sus *unidentified, where func(int64) (off, n int64), id string, part []byte) (evidence, error) {
	if c.Content == nil || c.Guessed {
		content, err := s.Store.Inspect(ctx, c.File)
		if err != nil {
			return no, err
		}
		c.Content, c.Guessed = &content, false
	}
	size := sus.m.Item.Size
	own := view.Bare(c.Content.MessageID)
	switch {
	case sus.deep && view.OtherID(own, id):
		return no, nil // it spares the transfer of the whole
	case c.ManyForms():
		return yes, nil // its digest will tell
	case c.Row != nil && !slices.Contains(c.Content.Digests(), c.Row.Digest) && c.Content.Essence != c.Row.Identity():
		return no, nil
	case part == nil:
		return unknown, nil
	}
	form := c.Form()
	switch {
	case c.RawFor(size):
		form = mail.FormRaw
	case c.BareFor(size):
		form = mail.FormBare
	}
	if c.Row != nil {
		if form = view.FormOf(c.Content, c.Row); form == mail.FormApart {
			return yes, nil // as above
		}
	}
	off, n := where(size)
	have, err := s.Store.ReadServerRange(c.File, form, off, n)
	switch {
	case err != nil || !bytes.HasPrefix(have, part):
		return no, err
	case len(part) < len(have), own != id && n < size:
		return unknown, nil // less than was asked for, or the Message-ID is read in different ways
	}
	return yes, nil
}

// identifyWhole fetches whole messages and goes by their digest.
func (s *Match) identifyWhole(ctx context.Context, suspects []*unidentified) error {
	if len(suspects) == 0 {
		return nil
	}
	at := view.ByUID[*unidentified]{}
	for _, sus := range suspects {
		at.Put(sus.m.Item.Remote.Mailbox, sus.m.UID, sus)
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	for range 2 { // servers leave messages out, and send them when asked again
		list := run.Bodies(s.Run, at)
		if len(list) == 0 {
			return nil
		}
		if _, err := c.FetchBodies(ctx, list, func(b remote.Body) error {
			like, err := look.ReadLikeness(b)
			if err != nil {
				return err
			}
			sus := at[b.Mailbox][b.UID]
			if sus == nil || like.Size != b.Size {
				return nil
			}
			sus.m.Like = like
			n, d := like.Size, like.Whole
			for _, cand := range sus.candidates {
				if cand.Digest() == d || cand.Content != nil && cand.Row == nil && slices.Contains(cand.Content.Digests(), d) {
					sus.digest = d
				}
			}
			// A part that comes as the whole shows nothing.
			if told := sus.m.Item.Size; !sus.digest.IsZero() || n == told || quirk.Likely(n, told) {
				delete(at[b.Mailbox], b.UID)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	s.unproven(at)
	return nil
}

// unproven leaves mailboxes alone in which a message may be one that is here,
// and the server does not send it: taken for another, it would become two.
func (s *Match) unproven(open view.ByUID[*unidentified]) {
	for name, suspects := range open {
		for _, sus := range suspects {
			sus.unsure = true
			s.FreezeRemote(s.Mailboxes[name], look.ErrUndescribed(name))
			for _, c := range sus.candidates {
				if c.Row != nil {
					home := s.ByID[c.Row.MailboxID]
					s.FreezeRemote(home, look.ErrUndescribed(home.Name))
				}
			}
		}
	}
}
