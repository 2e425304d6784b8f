package look

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// resized is a message that this run put on the server, by the server's own
// account, and that has another size there than was sent.
type resized struct {
	row  *state.Message
	told int64       // by the server
	sent mail.Digest // what the row says of it before it is known to be altered

	header []byte
	like   *mail.Likeness
}

// learnAltered finds out what the server made of what it was sent, so that the
// base knows what it has: the header first, which with the file's body makes a
// message of that size where the server has added nothing but housekeeping lines;
// then all of it. One flight each. It returns the UIDs that turned out to be other
// messages'; strangers: there are new messages that may be what was sent.
func (s *Look) learnAltered(ctx context.Context, mb *view.Mailbox, list []*resized, strangers bool) (others map[mail.UID]bool, err error) {
	if len(list) == 0 || s.quirks.Sizes == quirk.SizesInexact {
		return nil, nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return nil, err
	}
	req := remote.BodyRequest{Mailbox: mb.Name, UIDValidity: mb.Changes.Cursor.UIDValidity}
	of := map[mail.UID]*resized{}
	for _, r := range list {
		of[r.row.UID] = r
		r.sent = r.row.Digest
		req.UIDs = append(req.UIDs, r.row.UID)
	}
	slices.Sort(req.UIDs)
	if _, err := c.FetchHeaders(ctx, []remote.BodyRequest{req}, nil, func(_ string, h remote.Header) error {
		if r := of[h.UID]; r != nil {
			r.header = h.Data
		}
		return nil
	}); err != nil {
		return nil, err
	}
	req.UIDs = nil
	for _, r := range list {
		if !s.addedLines(ctx, r) {
			req.UIDs = append(req.UIDs, r.row.UID)
		}
	}
	if len(req.UIDs) == 0 {
		return nil, ctx.Err()
	}
	slices.Sort(req.UIDs)
	if _, err := c.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		like, err := ReadLikeness(b)
		if r := of[b.UID]; r != nil && err == nil {
			r.like = like
			s.quirks.SawSize(r.told, like.Size)
		}
		return err
	}); err != nil {
		return nil, err
	}
	others = map[mail.UID]bool{}
	for _, uid := range req.UIDs {
		r := of[uid]
		if r.like == nil {
			// The server's word for the UID stands. Without its row the file would go up
			// again, and once more each time that the server does not send it.
			continue
		}
		swapped := slices.ContainsFunc(list, func(o *resized) bool { return o != r && o.sent == r.like.Whole })
		if !s.isAltered(ctx, r, swapped, strangers) {
			others[uid] = true
		}
	}
	return others, ctx.Err()
}

// addedLines reports whether the message is the file with housekeeping lines, and
// notes it.
func (s *Look) addedLines(ctx context.Context, r *resized) bool {
	m := s.Message(r.row)
	if r.header == nil || !m.OnDisk() {
		return false
	}
	d, size, err := s.Store.Graft(ctx, m.File, r.header)
	if err != nil || size == 0 || size != r.told {
		return false
	}
	s.noteAltered(ctx, m, d, size)
	return true
}

// isAltered reports whether the message is the one that was sent, altered or not,
// and notes it. One whose file cannot be read now is believed to be. Text that is
// the same but for line ends settles it. Else swapped, that it is what was sent as
// another message, speaks against it. Where nothing tells, the server's word for
// the UID stands unless there are strangers, of which one may be meant.
func (s *Look) isAltered(ctx context.Context, r *resized, swapped, strangers bool) bool {
	m := s.Message(r.row)
	if r.like.Whole == r.row.Digest {
		return true
	}
	if !m.OnDisk() {
		return !swapped
	}
	file, err := s.Store.Likeness(ctx, m.File, r.row.DiskSize)
	if err != nil {
		return !swapped
	}
	same := r.like.Body == file.Body || r.like.MessageID != "" && r.like.MessageID == file.MessageID ||
		!strangers && !view.OtherID(r.like.MessageID, file.MessageID)
	if r.like.Text == file.Text || same && !swapped {
		s.noteAltered(ctx, m, r.like.Whole, r.like.Size)
		return true
	}
	return false
}

// noteAltered notes that the server has d of the message.
func (s *Look) noteAltered(ctx context.Context, m *view.Message, d mail.Digest, size int64) {
	essence := m.Row.Identity()
	m.Row.Digest, m.Row.Size = d, size
	m.Row.Identify(essence)
	c, err := s.Store.Inspect(ctx, m.File)
	m.Row.Form = mail.FormApart
	if err == nil {
		m.Row.Form = view.FormOf(&c, m.Row)
	}
	s.Touched = append(s.Touched, m)
}
