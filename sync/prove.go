package sync

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// How much of a message is fetched to recognise it, in bytes
// (docs/adr/0003). Up to probeWhole the whole message costs no more than its
// parts.
const (
	probeWhole  = 512
	probeTail   = 128
	probeHead   = 384
	probeMiddle = 256
)

// prove settles for each suspect whose content it is:
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
func (s *session) prove(ctx context.Context, suspects []*suspect) error {
	var open []*suspect
	for _, sus := range suspects {
		for _, c := range sus.candidates {
			if sus.m.emailID != "" && c.row != nil && c.row.EmailID == sus.m.emailID {
				sus.digest = c.digest()
			}
		}
		if sus.digest.IsZero() {
			sus.left = sus.possible()
			sus.deep = s.needsDigest(sus)
			open = append(open, sus)
		}
	}
	for round, where := range []func(int64) (off, n int64){tailOf, headOf, middleOf} {
		var now []*suspect
		for _, sus := range open {
			whole := sus.m.item.Size <= probeWhole
			switch {
			case len(sus.left) == 0, sus.whole:
			case round == 0:
				now = append(now, sus) // also where the digest decides: most differ here
			case !sus.deep && !whole && (round == 1 || sus.copied || s.startsAnew(sus.m)):
				now = append(now, sus)
			}
		}
		if err := s.probe(ctx, now, where); err != nil {
			return err
		}
	}
	var deep []*suspect
	for _, sus := range open {
		if s.judge(sus); sus.deep {
			deep = append(deep, sus)
		}
	}
	return s.proveDeep(ctx, deep)
}

// possible returns the candidates that the Message-ID does not rule out, if it
// was told with the listing and they were read.
func (sus *suspect) possible() []*message {
	if !sus.m.hasMessageID || sus.whole {
		return sus.candidates
	}
	return slices.DeleteFunc(slices.Clone(sus.candidates), func(c *message) bool {
		return c.row == nil && c.content != nil && !c.guessed && otherID(bare(c.content.MessageID), sus.m.messageID)
	})
}

// otherID reports whether two Message-IDs show that the messages differ. A
// server and we may read an odd field differently, or one of us not at all, so
// only two that are plain say so; the content settles everything else.
func otherID(a, b string) bool { return a != b && plainID(a) && plainID(b) }

// plainID reports whether a Message-ID can be read in one way only: no comment,
// no encoded word, nothing around the angle brackets.
func plainID(id string) bool {
	return len(id) > 2 && id[0] == '<' && strings.IndexByte(id, '>') == len(id)-1 && strings.LastIndexByte(id, '<') == 0 &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// needsDigest reports whether parts of the message are not enough. A file
// that appeared beside a new message on the server is compared in full: it
// would have to be transferred anyway if they were two.
func (s *session) needsDigest(sus *suspect) bool {
	if sus.whole || slices.ContainsFunc(sus.candidates, (*message).manyForms) {
		return true
	}
	if sus.m.item.Size <= probeWhole {
		return slices.ContainsFunc(sus.candidates, func(c *message) bool { return !c.onDisk() })
	}
	return slices.ContainsFunc(sus.candidates, func(c *message) bool {
		return !c.onDisk() || c.row == nil && !s.startsAnew(sus.m) && !s.announced(sus.m, c)
	})
}

// startsAnew reports whether the message is in a mailbox that is paired from
// the start.
func (s *session) startsAnew(m *message) bool {
	mb := s.mailboxes[m.item.Remote.Mailbox]
	return mb.detached || mb.cursorOf().UIDNext == 0
}

// announced reports whether an interrupted run was uploading f to where m is.
func (s *session) announced(m, f *message) bool {
	return slices.ContainsFunc(s.intendedAppends(m.item.Remote.Mailbox), func(i *state.Intent) bool {
		return i.Digest == f.content.Digest
	})
}

// judge draws the conclusion from the evidence.
func (s *session) judge(sus *suspect) {
	if len(sus.left) == 0 {
		sus.deep = false
		return
	}
	if sus.deep {
		return
	}
	size := sus.m.item.Size
	first := sus.left[0].digestFor(size)
	whole := size <= probeWhole
	if slices.ContainsFunc(sus.left, func(c *message) bool { return c.digestFor(size) != first || sus.doubted[c] }) || sus.noID && !whole {
		sus.deep = true
		return
	}
	dated := slices.ContainsFunc(sus.left, func(c *message) bool { return c.date == sus.m.date })
	if whole || dated || s.startsAnew(sus.m) {
		sus.digest = first
		return
	}
	sus.deep = true
}

func tailOf(size int64) (off, n int64) {
	if size <= probeWhole {
		return 0, size
	}
	return size - probeTail, probeTail
}

func headOf(int64) (off, n int64) { return 0, probeHead }

func middleOf(size int64) (off, n int64) { return size / 2, probeMiddle }

// bare removes white space, which folding may have changed.
func bare(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, id)
}

// probe fetches a part of each suspect and strikes out the candidates whose
// files show something else there.
func (s *session) probe(ctx context.Context, suspects []*suspect, where func(int64) (off, n int64)) error {
	if len(suspects) == 0 {
		return nil
	}
	reqs := map[string]*remote.ProbeRequest{}
	var order []string
	at := map[string]map[mail.UID]*suspect{}
	for _, sus := range suspects {
		name := sus.m.item.Remote.Mailbox
		r := reqs[name]
		if r == nil {
			r = &remote.ProbeRequest{Mailbox: name, UIDValidity: s.mailboxes[name].changes.Cursor.UIDValidity}
			reqs[name] = r
			at[name] = map[mail.UID]*suspect{}
			order = append(order, name)
		}
		off, n := where(sus.m.item.Size)
		r.Items = append(r.Items, remote.ProbeItem{UID: sus.m.uid, Offset: off, Length: n})
		at[name][sus.m.uid] = sus
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	list := make([]remote.ProbeRequest, 0, len(order))
	for _, name := range order {
		list = append(list, *reqs[name])
	}
	failed, err := c.Probe(ctx, list, func(mailbox string, p remote.Probe) error {
		sus := at[mailbox][p.UID]
		if sus == nil {
			return nil
		}
		delete(at[mailbox], p.UID) // once, should the server answer twice
		id := bare(p.MessageID)
		sus.noID = id == ""
		sus.left = slices.DeleteFunc(slices.Clone(sus.left), func(c *message) bool {
			if !c.onDisk() {
				return false // its digest will tell
			}
			shows, err := s.shows(ctx, c, sus, where, id, p.Part)
			if errors.Is(err, mail.ErrGone) && !c.digest().IsZero() {
				// Somebody gave it another name meanwhile; its digest is known.
				sus.deep = true
				return false
			}
			sus.unsure = sus.unsure || err != nil
			if shows == unknown {
				sus.doubt(c)
			}
			// No form of the file leads to what the server had.
			sus.deep = sus.deep || shows != no && c.row != nil && formOf(c.content, c.row) == mail.FormApart
			return shows == no
		})
		return nil
	})
	for _, unanswered := range at {
		for _, sus := range unanswered {
			sus.deep = true // no evidence either way
		}
	}
	if len(failed) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(failed)))
		s.log.Warn("probe failed", "mailboxes", len(failed), "mailbox", name, "err", failed[name])
	}
	return err
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
func (sus *suspect) doubt(c *message) {
	if sus.doubted == nil {
		sus.doubted = map[*message]bool{}
	}
	sus.doubted[c] = true
}

// shows tells whether a candidate's file has those bytes where the server was
// probed, and that Message-ID. A file that cannot be read shows nothing, nor
// does one that is no longer what was synced.
func (s *session) shows(ctx context.Context, c *message, sus *suspect, where func(int64) (off, n int64), id string, part []byte) (evidence, error) {
	if c.content == nil || c.guessed {
		content, err := s.store.Inspect(ctx, c.file)
		if err != nil {
			return no, err
		}
		c.content, c.guessed = &content, false
	}
	size := sus.m.item.Size
	own := bare(c.content.MessageID)
	switch {
	case sus.deep && otherID(own, id):
		return no, nil // it spares the transfer of the whole
	case c.manyForms():
		return yes, nil // its digest will tell
	case c.row != nil && !slices.Contains(c.content.Digests(), c.row.Digest) && c.content.Essence != c.row.Identity():
		return no, nil
	case part == nil:
		return unknown, nil
	}
	form := c.form()
	switch {
	case c.rawFor(size):
		form = mail.FormRaw
	case c.bareFor(size):
		form = mail.FormBare
	}
	if c.row != nil {
		if form = formOf(c.content, c.row); form == mail.FormApart {
			return yes, nil // as above
		}
	}
	off, n := where(size)
	have, err := s.store.ReadServerRange(c.file, form, off, n)
	switch {
	case err != nil || !bytes.HasPrefix(have, part):
		return no, err
	case len(part) < len(have), own != id && n < size:
		return unknown, nil // less than was asked for, or the Message-ID is read in different ways
	}
	return yes, nil
}

// proveDeep fetches whole messages and goes by their digest.
func (s *session) proveDeep(ctx context.Context, suspects []*suspect) error {
	if len(suspects) == 0 {
		return nil
	}
	at := map[string]map[mail.UID]*suspect{}
	for _, sus := range suspects {
		name := sus.m.item.Remote.Mailbox
		if at[name] == nil {
			at[name] = map[mail.UID]*suspect{}
		}
		at[name][sus.m.uid] = sus
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	for range 2 { // servers leave messages out, and send them when asked again
		list := s.deepRequests(at)
		if len(list) == 0 {
			return nil
		}
		if _, err := c.FetchBodies(ctx, list, func(b remote.Body) error {
			like, err := readLikeness(b)
			if err != nil {
				return err
			}
			sus := at[b.Mailbox][b.UID]
			if sus == nil || like.Size != b.Size {
				return nil
			}
			sus.m.like = like
			n, d := like.Size, like.Whole
			for _, cand := range sus.candidates {
				if cand.digest() == d || cand.content != nil && cand.row == nil && slices.Contains(cand.content.Digests(), d) {
					sus.digest = d
				}
			}
			// A part that comes as the whole shows nothing.
			if told := sus.m.item.Size; !sus.digest.IsZero() || n == told || likely(n, told) {
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

// deepRequests asks for the messages that are still open.
func (s *session) deepRequests(open map[string]map[mail.UID]*suspect) []remote.BodyRequest {
	var list []remote.BodyRequest
	for _, name := range s.names {
		if len(open[name]) == 0 {
			continue
		}
		r := remote.BodyRequest{Mailbox: name, UIDValidity: s.mailboxes[name].changes.Cursor.UIDValidity}
		for uid := range open[name] {
			r.UIDs = append(r.UIDs, uid)
		}
		slices.Sort(r.UIDs)
		list = append(list, r)
	}
	return list
}

// unproven leaves mailboxes alone in which a message may be one that is here,
// and the server does not send it: taken for another, it would become two.
func (s *session) unproven(open map[string]map[mail.UID]*suspect) {
	for name, suspects := range open {
		for _, sus := range suspects {
			sus.unsure = true
			s.freeze(s.mailboxes[name], false, errUndescribed(name))
			for _, c := range sus.candidates {
				if c.row != nil {
					home := s.byID[c.row.MailboxID]
					s.freeze(home, false, errUndescribed(home.name))
				}
			}
		}
	}
}
