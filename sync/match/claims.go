package match

import (
	"context"

	"satchel/sync/view"
)

// claim is a reason why a recognised message of the server is what it is. takes reports whether the
// reason holds, and takes the message then.
type claim struct {
	as    string // what the message is, for the log
	takes func(context.Context, *unidentified) (bool, error)
}

// claims are the reasons, the strongest first. A new reason to recognise a message is a line
// here. What an emulated move left behind is known before (followMovedSources).
func (s *Match) claims() []claim {
	return []claim{
		{"what waits to be delivered", s.claimDelivery},
		{"an upload of a run that died", s.claimUpload},
		{"unknown, as long as the server is behind", s.claimUnknown},
		{"a message that moved with its file", s.claimMovedAlong},
		{"the other half of a new file", s.claimNewFile},
		{"the copy of an emulated move", s.claimEmulatedMove},
		{"a message that moved", s.claimMoved},
		{"a copy", s.claimCopy},
	}
}

// assign gives a recognised message to the strongest claim.
func (s *Match) assign(ctx context.Context, sus *unidentified) error {
	for _, c := range s.claims() {
		is, err := c.takes(ctx, sus)
		if err != nil {
			return err
		}
		if is {
			s.Log.Debug("recognised", "mailbox", sus.m.Item.Remote.Mailbox, "uid", sus.m.UID, "as", c.as)
			return nil
		}
	}
	return nil
}

// claimDelivery takes a message that a row stands for until it is delivered.
func (s *Match) claimDelivery(_ context.Context, sus *unidentified) (bool, error) {
	if sus.m.Replaces == 0 {
		return false, nil
	}
	s.copyOf(sus.m, sus)
	return true, nil
}

// claimUpload takes a message that a run had sent when it died, whatever became of it since.
func (s *Match) claimUpload(ctx context.Context, sus *unidentified) (bool, error) {
	i, f, err := s.uploadedBefore(ctx, sus)
	if f == nil || err != nil {
		return false, err
	}
	f.Content.Is(sus.digest)
	s.completeUpload(i, sus.m, f)
	return true, nil
}

// claimUnknown leaves a message for later that may be one which a replica does not show in its
// place.
func (s *Match) claimUnknown(_ context.Context, sus *unidentified) (bool, error) {
	if !s.unknownPlace(sus) {
		return false, nil
	}
	sus.m.Done = true
	s.HoldCursor(sus.m.Item.Remote.Mailbox)
	return true, nil
}

// claimMovedAlong takes a message that is where the file of a known one went. It ranks the
// candidates for the claims behind it: one with other line ends than the server's message, or with
// lines that a program added, comes last, and one of another date behind one of the same; of files
// that are alike in all this, it is rather the one with the same flags.
func (s *Match) claimMovedAlong(_ context.Context, sus *unidentified) (bool, error) {
	PutFirst(sus.candidates, func(c *view.Message) bool {
		return c.Content != nil && (c.Content.Digest == sus.digest || c.Content.RawDigest == sus.digest)
	})
	PutFirst(sus.candidates, func(c *view.Message) bool { return c.Row == nil && flaggedAs(c, sus.m) })
	PutFirst(sus.candidates, func(c *view.Message) bool { return c.Date == sus.m.Date })
	from := s.movedAlong(sus)
	if from == nil {
		return false, nil
	}
	s.movedTo(from, sus.m)
	return true, nil
}

// claimNewFile takes a message that is the one of a new file in the same mailbox.
func (s *Match) claimNewFile(_ context.Context, sus *unidentified) (bool, error) {
	for _, c := range sus.candidates {
		if mayMeet(c, sus) {
			sent := c.Content.Digest // as an interrupted upload announced it
			c.Content.Is(sus.digest)
			s.meet(sus.m, c, sent)
			return true, nil
		}
	}
	return false, nil
}

// claimEmulatedMove takes the copy that a run made which died before it removed the original.
func (s *Match) claimEmulatedMove(_ context.Context, sus *unidentified) (bool, error) {
	return s.resumeMove(sus), nil
}

// claimMoved takes a message that vanished elsewhere.
func (s *Match) claimMoved(_ context.Context, sus *unidentified) (bool, error) {
	from := s.movedFrom(sus)
	if from == nil {
		return false, nil
	}
	i := s.explainUpload(from, sus.m)
	s.movedTo(from, sus.m)
	s.copiedAgain(from, i)
	return true, nil
}

// claimCopy takes what is left: a message of which the content is on disk.
func (s *Match) claimCopy(_ context.Context, sus *unidentified) (bool, error) {
	s.copyOf(sus.m, sus)
	return true, nil
}
