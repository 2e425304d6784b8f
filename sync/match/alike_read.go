package match

import (
	"bytes"
	"context"
	"slices"

	"satchel/sync/look"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// Requests asks for messages, by mailbox; at finds them again.
func Requests[T any](s *Match, list []T, of func(T) *view.Message) (reqs []remote.BodyRequest, at map[string]map[mail.UID]T) {
	at = map[string]map[mail.UID]T{}
	for _, x := range list {
		m := of(x)
		name := m.Item.Remote.Mailbox
		if at[name] == nil {
			at[name] = map[mail.UID]T{}
			reqs = append(reqs, remote.BodyRequest{Mailbox: name, UIDValidity: s.Mailboxes[name].Changes.Cursor.UIDValidity})
		}
		at[name][m.UID] = x
		r := &reqs[slices.IndexFunc(reqs, func(r remote.BodyRequest) bool { return r.Mailbox == name })]
		r.UIDs = append(r.UIDs, m.UID)
	}
	for i := range reqs {
		slices.Sort(reqs[i].UIDs)
	}
	return reqs, at
}

// requests asks for the messages that files may be.
func (s *Match) requests(list []*resemblance) (reqs []remote.BodyRequest, at map[string]map[mail.UID]*resemblance) {
	return Requests(s, list, func(a *resemblance) *view.Message { return a.m })
}

// readCards asks for Message-ID and housekeeping lines: one flight for all.
func (s *Match) readCards(ctx context.Context, list []*resemblance) error {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	reqs, at := s.requests(list)
	names := append([]string{"Message-ID"}, mail.HousekeepingFields()...)
	failed, err := c.FetchHeaders(ctx, reqs, names, func(mailbox string, h remote.Header) error {
		if a := at[mailbox][h.UID]; a != nil {
			a.id, a.hk, a.asked = mail.FieldOf(h.Data, "Message-ID"), mail.HousekeepingIn(h.Data), true
			a.m.MessageID, a.m.HasMessageID = a.id, true
		}
		return nil
	})
	s.LogFailed("headers", failed)
	return err
}

// LogFailed logs why the server did not tell what identifies messages, by mailbox.
func (s *Match) LogFailed(what string, failed map[string]error) {
	for name, err := range failed {
		s.Log.Warn(what+" not read", "mailbox", name, "err", err)
	}
}

// pairByHeader pairs what differs from a file by housekeeping lines alone, without
// a transfer, where a part of a message is proof enough (see prove): the header
// is the file's but for such lines, the size is what that makes, and the last
// bytes agree.
func (s *Match) pairByHeader(ctx context.Context, list []*resemblance) error {
	list = slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool {
		return !slices.ContainsFunc(a.files, func(f *view.Message) bool { return s.fitsHeader(a, f) })
	})
	if len(list) == 0 {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	reqs, at := s.requests(list)
	failed, err := c.FetchHeaders(ctx, reqs, nil, func(mailbox string, h remote.Header) error {
		if a := at[mailbox][h.UID]; a != nil {
			a.header = h.Data
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.LogFailed("headers", failed)
	if err := s.readTails(ctx, c, list); err != nil {
		return err
	}
	for _, a := range list {
		for _, f := range a.files {
			if a.m.Done || f.Done || a.header == nil || a.tail == nil || !s.fitsHeader(a, f) {
				continue
			}
			d, size, err := s.Store.Graft(ctx, f.File, a.header)
			if err != nil || size != a.m.Item.Size {
				if ctx.Err() != nil {
					return err
				}
				continue // what it is will be told by all of it
			}
			n := int64(len(a.tail))
			have, err := s.Store.ReadServerRange(f.File, mail.FormBare, f.Content.EssenceSize-n, n)
			if err != nil || !bytes.Equal(have, a.tail) {
				continue
			}
			s.pairApart(a, f, d, size)
		}
	}
	return nil
}

// fitsHeader reports whether a message has the size of the file with other
// housekeeping lines, and parts of it are proof enough.
func (s *Match) fitsHeader(a *resemblance, f *view.Message) bool {
	return f.Content != nil && f.Content.EssenceSize == a.m.Item.Size-a.hk && view.Bare(f.Content.MessageID) == a.id && a.id != "" &&
		(a.announced[f] != nil || s.StartsAnew(a.m)) && s.quirks.Sizes != quirk.SizesInexact
}

// readTails asks for the last bytes, as far as they are behind the header.
func (s *Match) readTails(ctx context.Context, c *remote.Conn, list []*resemblance) error {
	reqs, at := s.requests(slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool { return a.header == nil }))
	probes := make([]remote.SampleRequest, 0, len(reqs))
	for _, r := range reqs {
		p := remote.SampleRequest{Mailbox: r.Mailbox, UIDValidity: r.UIDValidity}
		for _, uid := range r.UIDs {
			a := at[r.Mailbox][uid]
			n := max(0, min(ProbeTail, a.m.Item.Size-int64(len(a.header))))
			if n == 0 {
				a.tail = []byte{} // it has no body
				continue
			}
			p.Items = append(p.Items, remote.SampleItem{UID: uid, Offset: a.m.Item.Size - n, Length: n})
		}
		if len(p.Items) > 0 {
			probes = append(probes, p)
		}
	}
	if len(probes) == 0 {
		return nil
	}
	failed, err := c.FetchSamples(ctx, probes, func(mailbox string, p remote.Sample) error {
		if a := at[mailbox][p.UID]; a != nil && len(p.Part) > 0 {
			a.tail = p.Part
		}
		return nil
	})
	s.LogFailed("parts", failed)
	return err
}

// readWhole fetches messages and finds out what they are like; what identifyWhole
// fetched is known already, but for the second time.
func (s *Match) readWhole(ctx context.Context, list []*resemblance, to func(*resemblance) **mail.Likeness) error {
	for _, a := range list {
		if p := to(a); p == &a.like && a.m.Like != nil {
			a.like = a.m.Like
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(a *resemblance) bool { return *to(a) != nil })
	if len(list) == 0 {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	reqs, at := s.requests(list)
	failed, err := c.FetchBodies(ctx, reqs, func(b remote.Body) error {
		like, err := look.ReadLikeness(b)
		if a := at[b.Mailbox][b.UID]; a != nil && err == nil {
			*to(a) = like
		}
		return err
	})
	s.LogFailed("messages", failed)
	return err
}
