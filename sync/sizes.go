package sync

import (
	"cmp"
	"context"
	"io"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// RFC822.SIZE is exact on most servers, and then only messages of one size are
// compared. Exchange estimates it. On such a server messages of about the same
// size may be the same, and only the content tells.

// What is remembered about the sizes of a server.
const (
	sizesExact   = "exact"
	sizesInexact = "inexact"
)

// learnSizes finds out whether the server's sizes are exact, before that
// matters: from what downloads showed, or from one message.
func (s *session) learnSizes(ctx context.Context) error {
	if err := s.recallSizes(ctx); err != nil || s.sizes != "" || len(s.newLocal) == 0 {
		return err
	}
	var sample *message
	for _, m := range s.newRemote {
		if m.hasMeta && m.item.Size > 0 && (sample == nil || m.item.Size < sample.item.Size) {
			sample = m
		}
	}
	if sample == nil {
		return nil
	}
	return s.trySize(ctx, s.mailboxes[sample.item.Remote.Mailbox], sample.uid, sample.item.Size)
}

// recallSizes reads what earlier runs found out.
func (s *session) recallSizes(ctx context.Context) (err error) {
	if s.sizes == "" {
		s.sizes, err = s.db.Meta(ctx, state.MetaSizes)
	}
	return err
}

// trySize compares the size that the server tells of a message with what it
// sends.
func (s *session) trySize(ctx context.Context, mb *mailbox, uid mail.UID, told int64) error {
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	req := remote.BodyRequest{Mailbox: mb.name, UIDValidity: s.validity(mb), UIDs: []mail.UID{uid}}
	_, err = c.FetchBodies(ctx, []remote.BodyRequest{req}, func(b remote.Body) error {
		if likely(b.Size, told) {
			s.sawSize(told, b.Size) // a part of it tells nothing
		}
		_, err := io.Copy(io.Discard, b)
		return err
	})
	return err
}

// sawSize notes what the server said of a message, and what came.
func (s *session) sawSize(told, came int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case told == 0:
	case told != came:
		s.sizes = sizesInexact
		s.sizesOff++
	default:
		s.sizesRight++
		s.sizes = cmp.Or(s.sizes, sizesExact)
	}
}

// mayHaveSize reports whether a message may be what the server tells a size of.
func (s *session) mayHaveSize(size, told int64) bool {
	return size == told || s.sizes == sizesInexact && aboutAsLarge(size, told)
}

// aboutAsLarge reports whether a message may have that size by an estimate.
func aboutAsLarge(size, estimate int64) bool {
	slack := 4096 + size/4
	return size-slack <= estimate && estimate <= size+slack
}

// byEstimate gathers suspects where sizes are estimates: what is new on disk in
// the same mailbox, and what vanished from elsewhere.
func (s *session) byEstimate(list []*suspect) []*suspect {
	if s.sizes != sizesInexact {
		return list
	}
	of := map[*message]*suspect{}
	for _, sus := range list {
		of[sus.m] = sus
	}
	for _, m := range s.newRemote {
		if !m.hasMeta || m.replaces != 0 {
			continue
		}
		sus := of[m]
		if sus == nil {
			sus = &suspect{m: m}
		}
		add := func(c *message, size int64) {
			if aboutAsLarge(size, m.item.Size) && !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		for _, f := range s.newLocal {
			if f.file.Folder == m.item.Remote.Mailbox || s.wasUploading(f.content.Digest) {
				add(f, f.content.Size)
			}
		}
		for _, i := range s.intents {
			if i.Kind == state.IntentRemoteMove || i.Kind == state.IntentTrash {
				if c := s.halfMoved(i, m); c != nil {
					add(c, c.row.Size)
				}
			}
		}
		for _, v := range s.messages {
			if v.item.Remote.State == plan.Removed && !s.trashed(v) && (v.onDisk() || s.localBlind || s.hiddenFile(v.row.Base, v.row.DiskSize) != "" || s.wantsDeepProof(v)) {
				add(v, v.row.Size)
			}
		}
		sus.whole = true
		if of[m] == nil && len(sus.candidates) > 0 {
			list = append(list, sus)
		}
	}
	return list
}
