package quirk

import (
	"cmp"
	"context"
	"io"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// RFC822.SIZE is exact on most servers, and then only messages of one size are
// compared. Exchange estimates it. On such a server messages of about the same
// size may be the same, and only the content tells.

// What is remembered about the sizes of a server.
const (
	sizesExact   = "exact"
	SizesInexact = "inexact"
)

// LearnSizes finds out whether the server's sizes are exact, before that
// matters: from what downloads showed, or from one message.
func (s *Quirks) LearnSizes(ctx context.Context) error {
	if err := s.RecallSizes(ctx); err != nil || s.Sizes != "" || len(s.NewLocal) == 0 {
		return err
	}
	var sample *view.Message
	for _, m := range s.NewRemote {
		if m.HasMeta && m.Item.Size > 0 && (sample == nil || m.Item.Size < sample.Item.Size) {
			sample = m
		}
	}
	if sample == nil {
		return nil
	}
	return s.TrySize(ctx, s.Mailboxes[sample.Item.Remote.Mailbox], sample.UID, sample.Item.Size)
}

// RecallSizes reads what earlier runs found out.
func (s *Quirks) RecallSizes(ctx context.Context) (err error) {
	if s.Sizes == "" {
		s.Sizes, err = s.DB.Meta(ctx, state.MetaSizes)
	}
	return err
}

// TrySize compares the size that the server tells of a message with what it
// sends.
func (s *Quirks) TrySize(ctx context.Context, mb *view.Mailbox, uid mail.UID, told int64) error {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	req := remote.BodyRequest{Mailbox: mb.Name, UIDValidity: s.Validity(mb), UIDs: []mail.UID{uid}}
	_, err = c.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		if Likely(b.Size, told) {
			s.SawSize(told, b.Size) // a part of it tells nothing
		}
		_, err := io.Copy(io.Discard, b)
		return err
	})
	return err
}

// SawSize notes what the server said of a message, and what came.
func (s *Quirks) SawSize(told, came int64) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	switch {
	case told == 0:
	case told != came:
		s.Sizes = SizesInexact
		s.SizesOff++
	default:
		s.SizesRight++
		s.Sizes = cmp.Or(s.Sizes, sizesExact)
	}
}

// MayHaveSize reports whether a message may be what the server tells a size of.
func (s *Quirks) MayHaveSize(size, told int64) bool {
	return size == told || s.Sizes == SizesInexact && AboutAsLarge(size, told)
}

// AboutAsLarge reports whether a message may have that size by an estimate.
func AboutAsLarge(size, estimate int64) bool {
	slack := 4096 + size/4
	return size-slack <= estimate && estimate <= size+slack
}

// Likely reports whether a size may be an estimate of what came. Nothing at all
// is never all that there is of something.
func Likely(came, told int64) bool {
	return came > 0 && AboutAsLarge(came, told) && came >= told-told/4
}

const (
	// TransferBytes bounds what a job transfers, unless it is one message.
	TransferBytes = 8 << 20
	// GuessedSize stands for the size of a message, in bytes, that the server
	// has not told yet.
	GuessedSize = 8 << 10
)
