package match

import (
	"context"
	"errors"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/view"
)

// Servers alter what they store, and programs what they save. So a new message
// on the server and a new file may be one message, though no form of the file is
// what the server has. Here is what then counts as proof, the strongest first;
// all of it is asked for in a few flights for all messages together:
//
//   - the essence is the same (mail.Essence)
//   - the text is the same but for line ends
//   - Message-ID and body are the same but for line ends; a file without a
//     Message-ID needs the same subject and date instead
//   - an upload was under way, or the server said OK to it, and came to where no
//     other message of that Message-ID is; INTERNALDATE or author, subject and
//     date have to agree, since a draft that is saved again keeps its Message-ID
//   - Message-ID, author, subject and date are the same, and the server sends
//     other bytes each time, so that the rest cannot be compared
//   - what is left has the same text but for line ends, in a mailbox that is paired
//     from the start
//
// All but the last hold as well for an upload that was moved on since (alike_elsewhere.go).
//
// The third holds for uploads of the journal, and in a mailbox that is paired from
// the start. From the second to the last but one, INTERNALDATE has to agree as well, unless the
// journal knows of the upload; from the third on there must be one such message, and one such
// file. Each side keeps what it has (mail.FormApart).

// resemblance is a new message on the server with the files that it may be.
type resemblance struct {
	m     *view.Message
	files []*view.Message
	// announced are the uploads in the journal that it may be, by file.
	announced map[*view.Message]*state.Intent

	header []byte // all of it; nil when it was not asked for
	hk     int64  // bytes of housekeeping lines, once id is known
	id     string // its Message-ID
	asked  bool   // id and hk are known
	tail   []byte // its last bytes
	like   *mail.Likeness
	again  *mail.Likeness // as it was sent the second time
	// unknown: the server did not send what is needed, or a file cannot be read now.
	unknown bool
}

// matchAlike pairs what is left new on both sides and is one message altered.
func (s *Match) matchAlike(ctx context.Context) error {
	if err := s.pairAlike(ctx, s.alikes()); err != nil {
		return err
	}
	return s.pairAlike(ctx, s.alikesElsewhere())
}

func (s *Match) pairAlike(ctx context.Context, list []*resemblance) error {
	if len(list) == 0 {
		return nil
	}
	if err := s.readCards(ctx, list); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(a *resemblance) bool {
		a.unknown = !a.asked && a.m.Like == nil
		s.narrow(a)
		return len(a.files) == 0
	})
	if err := s.pairByHeader(ctx, known(list)); err != nil {
		return err
	}
	if err := s.pairByContent(ctx, stillOpen(list)); err != nil {
		return err
	}
	s.leaveUnknown(list)
	return nil
}

// pairByContent pairs by all of a message and of a file.
func (s *Match) pairByContent(ctx context.Context, list []*resemblance) error {
	if len(list) == 0 {
		return nil
	}
	ask := known(list)
	if err := s.readWhole(ctx, ask, func(a *resemblance) **mail.Likeness { return &a.like }); err != nil {
		return err
	}
	for _, a := range ask {
		a.unknown = a.like == nil
	}
	for _, is := range []proof{sameEssence, sameText, sameBody, sameDatedUpload, sameUpload, sameTextAnew} {
		if err := s.pairBy(ctx, list, is); err != nil {
			return err
		}
	}
	return s.pairUnsteady(ctx, list)
}

// alikes returns the new messages that some new file, or an upload of the
// journal, is about as large as.
func (s *Match) alikes() []*resemblance {
	byBox := s.unpairedFiles()
	uploads := map[string]map[*view.Message]*state.Intent{}
	for _, i := range s.Intents {
		if i.Kind != state.IntentAppend || slices.Contains(s.Explained, i) {
			continue // what COPY makes is what the original is
		}
		if f := s.Uploaded(i); f != nil && !f.Paired() {
			if uploads[i.Mailbox] == nil {
				uploads[i.Mailbox] = map[*view.Message]*state.Intent{}
			}
			uploads[i.Mailbox][f] = i
		}
	}
	if len(byBox)+len(uploads) == 0 {
		return nil
	}
	var list []*resemblance
	for _, m := range s.NewRemote {
		if m.Done || !m.HasMeta || m.Replaces != 0 || m.Item.CopyOf != nil {
			continue
		}
		a := &resemblance{m: m, id: m.MessageID, announced: map[*view.Message]*state.Intent{}}
		name := m.Item.Remote.Mailbox
		for f, i := range uploads[name] {
			if s.after(i, m) && quirk.AboutAsLarge(i.Size, m.Item.Size) {
				a.announced[f] = i
				a.files = append(a.files, f)
			}
		}
		for _, f := range byBox[name] {
			if a.announced[f] == nil && quirk.AboutAsLarge(f.Size(), m.Item.Size) && s.mayHaveID(f, m) {
				a.files = append(a.files, f)
			}
		}
		if len(a.files) > 0 {
			list = append(list, a)
		}
	}
	return list
}

// proof says whether the content of a message and that of a file show that they
// are one. alone: no other message and no other file may be meant.
type proof func(s *Match, a *resemblance, f *view.Message, like *mail.Likeness) (is, alone bool)

func sameEssence(_ *Match, a *resemblance, _ *view.Message, like *mail.Likeness) (is, alone bool) {
	return a.like.Essence == like.Essence, false
}

func sameText(s *Match, a *resemblance, f *view.Message, like *mail.Likeness) (is, alone bool) {
	return a.like.Text == like.Text && s.dated(a, f), false
}

// sameTextAnew is for what is left of several messages of one text, each with its
// own end, of which a server may have made the others.
func sameTextAnew(s *Match, a *resemblance, _ *view.Message, like *mail.Likeness) (is, alone bool) {
	return a.like.Text == like.Text && s.StartsAnew(a.m), false
}

func sameBody(s *Match, a *resemblance, f *view.Message, like *mail.Likeness) (is, alone bool) {
	known := a.like.MessageID != "" && a.like.MessageID == like.MessageID || like.MessageID == "" && a.like.SameSubjectAndDate(like) || a.announced[f] != nil
	// Elsewhere two that differ in a Received line are two deliveries.
	known = known && (a.announced[f] != nil || s.StartsAnew(a.m))
	return known && !a.like.Cut && !like.Cut && a.like.Body == like.Body && s.dated(a, f), true
}

// sameDatedUpload tells uploads of one Message-ID apart by their dates.
func sameDatedUpload(_ *Match, a *resemblance, f *view.Message, like *mail.Likeness) (is, alone bool) {
	return a.announced[f] != nil && a.like.SameCard(like) && f.Date == a.m.Date, true
}

func sameUpload(s *Match, a *resemblance, f *view.Message, like *mail.Likeness) (is, alone bool) {
	i := a.announced[f]
	if i == nil {
		return false, true
	}
	// INTERNALDATE is the file's time to the second, where the server keeps it. An
	// upload without an answer need not have arrived, so another ID speaks against it.
	same := a.like.SameCard(like)
	other := a.like.MessageID != "" && like.MessageID != "" && a.like.MessageID != like.MessageID
	return same || f.Date == a.m.Date && (!other || i.Confirmed && !s.isOthers(a.like.MessageID)), true
}

// isOthers reports whether a Message-ID is that of another file, which found its message:
// then a server has not given it to anything else.
func (s *Match) isOthers(id string) bool {
	return id != "" && slices.ContainsFunc(s.Paired, func(m *view.Message) bool { return m.Content != nil && view.Bare(m.Content.MessageID) == id })
}

func sameCard(s *Match, a *resemblance, f *view.Message, like *mail.Likeness) (is, alone bool) {
	return a.again != nil && a.again.Whole != a.like.Whole && a.like.SameCard(like) && s.dated(a, f), true
}

// dated reports whether the date of the file is that of the message, or whether
// there is a better reason to think of it.
func (s *Match) dated(a *resemblance, f *view.Message) bool {
	return f.Date == a.m.Date || a.announced[f] != nil
}

// pairBy pairs those that a proof holds for. Where there must be no other one, a
// message or a file of which nothing is known now may be that.
func (s *Match) pairBy(ctx context.Context, list []*resemblance, is proof) error {
	type pair struct {
		a *resemblance
		f *view.Message
	}
	var pairs []pair
	ofFile := map[*view.Message]int{}
	ofMessage := map[*view.Message]int{}
	unsure := map[*view.Message]bool{} // files that may be a message of which nothing is known
	only := false
	for _, a := range stillOpen(list) {
		if a.like == nil {
			for _, f := range a.files {
				unsure[f] = true
			}
			continue
		}
		for _, f := range a.files {
			unsure[f] = unsure[f] || f.Left
			like, err := s.likenessOf(ctx, f)
			if err != nil {
				return err
			}
			if like == nil {
				a.unknown = true
				continue
			}
			if yes, alone := is(s, a, f, like); yes {
				pairs = append(pairs, pair{a, f})
				ofFile[f]++
				ofMessage[a.m]++
				only = alone
			}
		}
	}
	for _, p := range pairs {
		if p.a.m.Done || p.f.Paired() || only && (ofFile[p.f] > 1 || ofMessage[p.a.m] > 1) {
			continue
		}
		if only && (p.a.unknown || unsure[p.f]) {
			p.a.unknown = true
			continue
		}
		s.pairApart(p.a, p.f, p.a.like.Whole, p.a.like.Size)
	}
	return nil
}

// likenessOf reads a file once in a cycle; nil where it cannot be read now.
func (s *Match) likenessOf(ctx context.Context, f *view.Message) (*mail.Likeness, error) {
	if f.Like == nil {
		if _, ok := s.idOf(f); !ok {
			s.Moved = true
			return nil, nil
		}
		l, err := s.Store.Likeness(ctx, f.File, f.Content.DiskSize)
		if errors.Is(err, mail.ErrGone) || err != nil && ctx.Err() == nil {
			s.Moved = true
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		f.Like = &l
	}
	return f.Like, nil
}

// pairUnsteady pairs what cannot be compared, because the server words it anew
// each time that it sends it.
func (s *Match) pairUnsteady(ctx context.Context, list []*resemblance) error {
	var ask []*resemblance
	for _, a := range known(stillOpen(list)) {
		for _, f := range a.files {
			like, err := s.likenessOf(ctx, f)
			if err != nil {
				return err
			}
			if like == nil {
				a.unknown = true
				continue
			}
			if a.like.SameCard(like) && s.dated(a, f) && !slices.Contains(ask, a) {
				ask = append(ask, a)
			}
		}
	}
	if len(ask) == 0 {
		return nil
	}
	if err := s.readWhole(ctx, ask, func(a *resemblance) **mail.Likeness { return &a.again }); err != nil {
		return err
	}
	for _, a := range ask {
		a.unknown = a.unknown || a.again == nil
	}
	if err := s.pairBy(ctx, list, sameCard); err != nil {
		return err
	}
	for _, a := range ask {
		if a.m.Done {
			s.Rep.Notice("%s: the server words a message anew each time that it sends it, so messages there were recognised by Message-ID, date, sender and subject only",
				a.m.Item.Remote.Mailbox)
		}
	}
	return nil
}

// pairApart takes a message and a file for one, of which the server has d.
func (s *Match) pairApart(a *resemblance, f *view.Message, d mail.Digest, size int64) {
	n, i := a.m, a.announced[f]
	f.Left = false
	if i != nil && !a.announcedHere(f) {
		if !s.mayHaveLeft(i) {
			return // another one did
		}
		s.uidGaps[i.Mailbox]--
	}
	if f.Row != nil { // it went up again, or its UID is void
		f.Row.Digest, f.Row.Size = d, size
		f.Row.DiskSize, f.Row.Form = f.Content.DiskSize, view.FormOf(f.Content, f.Row)
		f.Row.Identify(f.Content.Essence)
		if i != nil {
			s.Explained = append(s.Explained, i)
		}
		s.movedTo(f, n)
		return
	}
	sent := f.Content.Digest
	f.Content.Apart(d, size)
	if i != nil && (f.File.Folder != n.Item.Remote.Mailbox || !a.announcedHere(f)) {
		s.completeUpload(i, n, f)
		return
	}
	s.meet(n, f, sent)
}

// MayBeUpload reports whether a new message may be what an upload led to that the
// server said OK to. A server may write another Message-ID.
func (s *Match) MayBeUpload(i *state.Intent, f, n *view.Message) bool {
	if n.Item.Remote.Mailbox != i.Mailbox || !s.after(i, n) || n.Done || n.Item.Remote.State != plan.New ||
		n.HasMeta && !quirk.AboutAsLarge(i.Size, n.Item.Size) {
		return false
	}
	id, _ := s.idOf(f)
	other := n.HasMessageID && n.MessageID != id && id != "" && n.MessageID != ""
	return !other || n.Date == f.Date && !s.isOthers(n.MessageID)
}
