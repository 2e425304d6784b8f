package sync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
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

// suspect is a new message on the server together with the messages, known
// or new on disk, that it may be.
type suspect struct {
	m          *message
	candidates []*message
	left       []*message  // candidates that all evidence so far speaks for
	noID       bool        // it has no Message-ID
	unsure     bool        // a candidate's file could not be read just now
	deep       bool        // only the digest of the whole message will do
	digest     mail.Digest // proven; zero when it is none of them
}

// matchRemote finds out which new messages on the server have a content that
// is here already: interrupted uploads, new files in the same mailbox,
// messages that vanished from where they were, copies. Nothing is believed
// from size and Message-ID alone; see prove.
func (s *session) matchRemote(ctx context.Context) error {
	if len(s.newRemote) == 0 {
		return nil
	}
	slices.SortFunc(s.newRemote, func(a, b *message) int {
		if c := strings.Compare(a.item.Remote.Mailbox, b.item.Remote.Mailbox); c != 0 {
			return c
		}
		return int(int64(a.uid) - int64(b.uid))
	})
	suspects, err := s.suspects(ctx)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, suspects); err != nil {
		return err
	}
	for _, sus := range suspects {
		switch {
		case !sus.digest.IsZero():
			if err := s.assign(ctx, sus); err != nil {
				return err
			}
		case sus.unsure || slices.ContainsFunc(sus.candidates, s.unread):
			// It may be one whose file could not be looked at just now.
			sus.m.done = true
			s.hold(true, sus.m.item.Remote.Mailbox)
			for _, c := range sus.candidates {
				if c.row == nil && !c.done {
					c.done = true
					s.hold(false, c.file.Folder)
				}
			}
		}
	}
	s.postponeTwins()
	if err := s.postponeUnsure(ctx); err != nil {
		return err
	}
	s.newRemote = slices.DeleteFunc(s.newRemote, func(m *message) bool { return m.done })
	s.newLocal = slices.DeleteFunc(s.newLocal, func(m *message) bool { return m.done })
	return nil
}

// postponeTwins leaves a message that is new in several mailboxes at once, as
// one with several labels on Gmail is, to the next cycle in all but one of them:
// then it is on disk, and the others are copies.
func (s *session) postponeTwins() {
	first := map[string]bool{}
	for _, m := range s.newRemote {
		if m.done || m.emailID == "" || m.item.CopyOf != nil {
			continue
		}
		if first[m.emailID] {
			m.done = true
			s.moved = true
			s.hold(true, m.item.Remote.Mailbox)
		}
		first[m.emailID] = true
	}
}

// mayBe reports whether a file of that size could be a message of this size:
// they differ by one byte a line.
func mayBe(disk, server int64) bool {
	const bytesPerLine = 20 // hardly any message has shorter lines on average
	return disk <= server && server <= disk+disk/bytesPerLine+64
}

// unread reports whether the file of a message is in a folder that could not
// be looked at.
func (s *session) unread(m *message) bool {
	return m.row != nil && s.byID[m.row.MailboxID].blindLocal
}

// postponeUnsure leaves new messages alone that may have been moved from a
// mailbox that the server would not open just now: taken for new, and the
// other half seen later, they would become two.
func (s *session) postponeUnsure(ctx context.Context) error {
	for _, m := range s.newRemote {
		// A new file that could not be read may be the same message.
		mb := s.mailboxes[m.item.Remote.Mailbox]
		if !m.done && slices.ContainsFunc(mb.unread, func(disk int64) bool { return mayBe(disk, m.item.Size) }) {
			m.done = true
			s.hold(true, mb.name)
		}
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if !mb.blindRemote || mb.row == nil {
			continue
		}
		for _, m := range s.newRemote {
			if m.done {
				continue
			}
			like, err := s.db.HasSize(ctx, mb.row.ID, m.item.Size)
			if err != nil {
				return err
			}
			if like || !m.hasMeta {
				m.done = true
				s.hold(true, m.item.Remote.Mailbox)
			}
		}
	}
	return nil
}

// releaseDetached gives up pairs that UIDVALIDITY voided and that were not
// found again: what is on disk is new, so that it is not lost, and what is on
// neither side is forgotten.
func (s *session) releaseDetached(context.Context) error {
	for id, m := range s.messages {
		if !m.detached || m.item.Remote.State != plan.Removed {
			continue
		}
		delete(s.messages, id)
		if !m.onDisk() {
			continue
		}
		row := m.row
		f := &message{file: m.file, date: row.Date, guessed: true, content: &maildir.Content{DiskSize: row.DiskSize, Size: row.Size,
			Digest: row.Digest, Form: row.Form, RawDigest: row.Digest, ModTime: row.Date}}
		f.item = plan.Item{Ref: f, Size: row.Size, Local: plan.Side{State: plan.New, Mailbox: m.file.Folder, Key: m.file.Base(), Flags: m.item.Local.Flags}}
		s.newLocal = append(s.newLocal, f)
	}
	return nil
}

// suspects gathers candidates: by size new files in the same mailbox and
// messages that vanished from elsewhere, by the server's own identity any
// message at all.
func (s *session) suspects(ctx context.Context) ([]*suspect, error) {
	vanished := map[int64][]*message{}
	for _, m := range s.messages {
		if m.item.Remote.State == plan.Removed && !s.trashed(m) && (m.onDisk() || s.localBlind || s.wantsDeepProof(m)) {
			vanished[m.row.Size] = append(vanished[m.row.Size], m)
		}
	}
	newHere := map[string]map[int64][]*message{}
	for _, f := range s.newLocal {
		in := newHere[f.file.Folder]
		if in == nil {
			in = map[int64][]*message{}
			newHere[f.file.Folder] = in
		}
		in[f.content.Size] = append(in[f.content.Size], f)
		if f.content.DiskSize != f.content.Size {
			// Its server form may also be the file as it is.
			in[f.content.DiskSize] = append(in[f.content.DiskSize], f)
		}
	}
	same, err := s.sameIdentity(ctx)
	if err != nil {
		return nil, err
	}
	var list []*suspect
	for _, m := range s.newRemote {
		if !m.hasMeta {
			continue
		}
		sus := &suspect{m: m, candidates: slices.Clone(newHere[m.item.Remote.Mailbox][m.item.Size])}
		for _, v := range vanished[m.item.Size] {
			// What an interrupted run uploaded again has a new identity.
			if m.emailID == "" || v.row.EmailID == "" || m.emailID == v.row.EmailID || v.detached || s.wasUploading(v.row.Digest) {
				sus.candidates = append(sus.candidates, v)
			}
		}
		for _, i := range s.intents {
			var c *message
			switch i.Kind {
			case state.IntentAppend:
				c = s.intended(i)
			case state.IntentRemoteMove, state.IntentTrash:
				c = s.halfMoved(i, m)
			}
			if c != nil && c.item.Size == m.item.Size && !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		if m.emailID != "" {
			for _, c := range same[m.emailID] {
				if !slices.Contains(sus.candidates, c) {
					sus.candidates = append(sus.candidates, c)
				}
			}
		}
		if len(sus.candidates) > 0 {
			list = append(list, sus)
		}
	}
	return list, nil
}

// sameIdentity returns the messages on disk that the server says are the same
// as new ones, by identity.
func (s *session) sameIdentity(ctx context.Context) (map[string][]*message, error) {
	if empty, err := s.db.Empty(ctx); err != nil || empty {
		return nil, err // a first sync has nothing to find
	}
	var ids []string
	for _, m := range s.newRemote {
		if m.emailID != "" {
			ids = append(ids, m.emailID)
		}
	}
	rows, err := s.db.ByEmailID(ctx, ids)
	if err != nil {
		return nil, err
	}
	same := make(map[string][]*message, len(rows))
	for id, list := range rows {
		for _, row := range list {
			if mb := s.byID[row.MailboxID]; mb == nil || mb.detached || s.mailboxes[mb.name] == nil {
				continue
			}
			if c := s.message(row); c.onDisk() {
				same[id] = append(same[id], c)
			}
		}
	}
	return same, nil
}

func (m *message) onDisk() bool { return m.file.Name != "" }

// wantsDeepProof reports whether it matters to recognise a vanished message
// that is not on disk either: by its digest alone, so by a transfer.
func (s *session) wantsDeepProof(m *message) bool {
	return s.account.Policy.EditVsDelete == conflict.Delete || s.movedByUs(m)
}

// intended returns the new file that an interrupted upload was about,
// wherever it is now.
func (s *session) intended(i *state.Intent) *message {
	var found *message
	for _, f := range s.newLocal {
		if f.content.Digest == i.Digest && (found == nil || f.file.Base() == i.Base) {
			found = f
		}
	}
	return found
}

// halfMoved returns the message that an interrupted run was moving to where m
// is, if it is still at its old place as well: a server without MOVE copies
// first.
func (s *session) halfMoved(i *state.Intent, m *message) *message {
	c := s.messages[i.Message]
	if c == nil || i.Mailbox != m.item.Remote.Mailbox || !c.item.Remote.State.Present() || c.item.Remote.Mailbox == i.Mailbox {
		return nil
	}
	return c
}

// wasUploading reports whether an interrupted run was uploading that content.
func (s *session) wasUploading(d mail.Digest) bool {
	return slices.ContainsFunc(s.intents, func(i *state.Intent) bool { return i.Kind == state.IntentAppend && i.Digest == d })
}

// prove settles for each suspect whose content it is:
//
//   - the server says so: the same identity (RFC 8474 §5.1)
//   - up to probeWhole bytes: all of it is compared
//   - a message that moved: size, INTERNALDATE, Message-ID, the first and the
//     last bytes agree, and all candidates for which they do have one content
//   - a mailbox that is paired from the start (state lost, UIDVALIDITY
//     changed, another tool before): the same with some bytes from the
//     middle instead of the date
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
			sus.left = sus.candidates
			sus.deep = s.needsDigest(sus)
			open = append(open, sus)
		}
	}
	for round, where := range []func(int64) (off, n int64){tailOf, headOf, middleOf} {
		var now []*suspect
		for _, sus := range open {
			whole := sus.m.item.Size <= probeWhole
			switch {
			case len(sus.left) == 0:
			case round == 0:
				now = append(now, sus) // also where the digest decides: most differ here
			case !sus.deep && !whole && (round == 1 || s.startsAnew(sus.m)):
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

// needsDigest reports whether parts of the message are not enough. A file
// that appeared beside a new message on the server is compared in full: it
// would have to be transferred anyway if they were two.
func (s *session) needsDigest(sus *suspect) bool {
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
	if slices.ContainsFunc(sus.left, func(c *message) bool { return c.digestFor(size) != first }) || sus.noID && !whole {
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
			shows, err := s.shows(ctx, c, sus.m.item.Size, where, id, p.Part)
			sus.unsure = sus.unsure || err != nil && !errors.Is(err, mail.ErrGone)
			return !shows
		})
		return nil
	})
	for _, unanswered := range at {
		for _, sus := range unanswered {
			sus.deep = true // no evidence either way
		}
	}
	for name, ferr := range failed {
		s.log.Warn("probe failed", "mailbox", name, "err", ferr)
	}
	return err
}

// shows reports whether a candidate's file has that Message-ID, and those bytes
// where the server was probed. A file that cannot be read shows nothing, nor
// does one that is no longer what was synced.
func (s *session) shows(ctx context.Context, c *message, size int64, where func(int64) (off, n int64), id string, part []byte) (bool, error) {
	if c.content == nil || c.guessed {
		content, err := s.store.Inspect(ctx, c.file)
		if err != nil {
			return false, err
		}
		c.content, c.guessed = &content, false
	}
	if bare(c.content.MessageID) != id {
		return false, nil
	}
	form := c.form()
	if c.rawFor(size) {
		form = mail.FormRaw
	}
	if c.row != nil && c.row.Digest != c.content.Digest && c.row.Digest != c.content.RawDigest {
		return false, nil
	}
	off, n := where(size)
	have, err := s.store.ReadServerRange(c.file, form, off, n)
	return err == nil && bytes.Equal(have, part), err
}

// rawFor reports whether a new file could be a message of that size only as
// the bytes that it is.
func (m *message) rawFor(size int64) bool {
	return m.row == nil && m.content != nil && m.content.DiskSize == size && m.content.Size != size
}

// digestFor returns the digest that a candidate has as a message of that size.
func (m *message) digestFor(size int64) mail.Digest {
	if m.rawFor(size) {
		return m.content.RawDigest
	}
	return m.digest()
}

// proveDeep fetches whole messages and goes by their digest.
func (s *session) proveDeep(ctx context.Context, suspects []*suspect) error {
	if len(suspects) == 0 {
		return nil
	}
	reqs := map[string]*remote.BodyRequest{}
	at := map[string]map[mail.UID]*suspect{}
	for _, sus := range suspects {
		name := sus.m.item.Remote.Mailbox
		if reqs[name] == nil {
			reqs[name] = &remote.BodyRequest{Mailbox: name, UIDValidity: s.mailboxes[name].changes.Cursor.UIDValidity}
			at[name] = map[mail.UID]*suspect{}
		}
		reqs[name].UIDs = append(reqs[name].UIDs, sus.m.uid)
		at[name][sus.m.uid] = sus
	}
	list := make([]remote.BodyRequest, 0, len(reqs))
	for _, name := range s.names {
		if r := reqs[name]; r != nil {
			slices.Sort(r.UIDs)
			list = append(list, *r)
		}
	}
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	_, err = c.FetchBodies(ctx, list, func(b remote.Body) error {
		h := sha256.New()
		n, err := io.Copy(h, b)
		if err != nil {
			return err
		}
		sus := at[b.Mailbox][b.UID]
		if sus == nil || n != b.Size {
			return nil
		}
		var d mail.Digest
		h.Sum(d[:0])
		for _, cand := range sus.candidates {
			if cand.digest() == d || cand.content != nil && cand.row == nil && cand.content.RawDigest == d {
				sus.digest = d
			}
		}
		return nil
	})
	return err
}

// assign decides what a recognised message is, in this order: an interrupted
// upload, the other half of a new file, a message that moved, a copy.
func (s *session) assign(ctx context.Context, sus *suspect) error {
	n := sus.m
	name := n.item.Remote.Mailbox
	i, f, err := s.uploadedBefore(ctx, n, sus.digest)
	if err != nil {
		return err
	}
	if f != nil {
		return s.completeUpload(ctx, i, n, f)
	}
	for _, c := range sus.candidates {
		if c.row == nil && !c.done && c.file.Folder == name && hasDigest(c.content, sus.digest) {
			c.useDigest(sus.digest)
			c.done = true
			n.done = true
			s.inherit(n, sus.digest)
			n.content, n.file = c.content, c.file
			base := n.item.Local.Base
			n.item.Local, n.item.Size, n.item.CopyOf = c.item.Local, c.content.Size, nil
			n.item.Local.Base = base
			s.paired = append(s.paired, n)
			return nil
		}
	}
	for _, i := range s.intents {
		if i.Kind != state.IntentRemoteMove && i.Kind != state.IntentTrash {
			continue
		}
		c := s.halfMoved(i, n)
		if c == nil || c.digest() != sus.digest {
			continue
		}
		// \Deleted on the original is our own doing.
		c.item.Remote.State, c.item.Remote.Flags = plan.Same, c.item.Remote.Base
		if i.Kind == state.IntentRemoteMove {
			return s.splitMove(ctx, n, c)
		}
		c.item.Trashed = true
		return nil
	}
	var from *message
	for _, c := range sus.candidates {
		if c.row == nil || c.digest() != sus.digest || c.item.Remote.State != plan.Removed {
			continue
		}
		if from == nil || betterOrigin(c, from, name) {
			from = c
		}
	}
	if from != nil {
		n.done = true
		from.uid, from.date = n.uid, n.date
		if n.emailID != "" {
			from.row.EmailID = n.emailID
		}
		from.item.Remote.State = plan.Same
		from.item.Remote.Mailbox, from.item.Remote.Key, from.item.Remote.Flags = name, n.item.Remote.Key, n.item.Remote.Flags
		home := s.byID[from.row.MailboxID].name
		if from.detached {
			from.uniteFlags(from.item.Local.Flags, n.item.Remote.Flags)
			if home == name {
				from.row.UID = n.uid
			}
		}
		from.refresh(home)
		s.touched = append(s.touched, from)
		return nil
	}
	for _, c := range sus.candidates {
		if c.row != nil && c.digest() == sus.digest && c.onDisk() {
			n.item.CopyOf = &c.item
			return nil
		}
	}
	return nil
}

func hasDigest(c *maildir.Content, d mail.Digest) bool {
	return c != nil && (c.Digest == d || c.RawDigest == d)
}

// useDigest settles in which form a new file is what the server has.
func (m *message) useDigest(d mail.Digest) {
	if m.content.Digest != d {
		m.content.Digest, m.content.Form, m.content.Size = d, mail.FormRaw, m.content.DiskSize
	}
}

// betterOrigin reports whether a is rather than b the message that the server
// moved to a mailbox: rather one that was moved there on disk as well, rather
// one that is on disk at all.
func betterOrigin(a, b *message, to string) bool {
	if x, y := a.item.Local.Mailbox == to, b.item.Local.Mailbox == to; x != y {
		return x
	}
	if x, y := a.onDisk(), b.onDisk(); x != y {
		return x
	}
	return a.row.ID < b.row.ID
}

// inherit gives a pair that an interrupted upload or copy made the flags with
// which it was made, so that what anybody changed since is a change.
func (s *session) inherit(n *message, d mail.Digest) {
	for _, i := range s.intents {
		if i.Kind == state.IntentAppend && i.Digest == d && i.Mailbox == n.item.Remote.Mailbox {
			n.item.Ancestor = true
			n.item.Local.Base, n.item.Remote.Base = i.Delta.Add, i.Delta.Add
			return
		}
	}
}

// splitMove completes the first half of a move on a server that copies and
// removes: the copy takes over the file, the original is left without one and
// so is removed.
func (s *session) splitMove(ctx context.Context, n, from *message) error {
	to := s.mailboxes[n.item.Remote.Mailbox]
	if to == nil || to.row == nil {
		return nil
	}
	row := *from.row
	row.ID, row.MailboxID, row.UID, row.EmailID = 0, to.row.ID, n.uid, n.emailID
	if from.onDisk() {
		row.New, row.Base = from.file.New, from.file.Base()
		row.Info = from.file.Name[len(row.Base):]
	}
	if !s.req.DryRun {
		if err := s.db.Update(ctx, func(tx *state.Tx) error { return tx.PutMessage(&row) }); err != nil {
			return err
		}
	} else {
		row.ID = -int64(len(s.messages)) - 1
	}
	m := s.message(&row)
	m.file, m.content = from.file, from.content
	m.item.Local = from.item.Local
	m.item.Remote.Flags = n.item.Remote.Flags
	m.refresh(to.name)
	from.removeLocal()
	n.done = true
	return nil
}

// uploadedBefore returns the intent and the new file of an interrupted upload
// that n is the outcome of, unless both are still where the upload led: those
// are paired like any two. In another mailbox than the upload led to, n is only
// believed to be it when nobody could have copied it there.
func (s *session) uploadedBefore(ctx context.Context, n *message, d mail.Digest) (*state.Intent, *message, error) {
	for _, i := range s.intents {
		if i.Kind != state.IntentAppend || i.Digest != d {
			continue
		}
		f := s.intended(i)
		if f == nil || f.done || f.file.Folder == n.item.Remote.Mailbox {
			continue
		}
		if n.item.Remote.Mailbox != i.Mailbox {
			if known, err := s.db.ByDigest(ctx, d); err != nil || len(known) > 0 {
				return nil, nil, err
			}
		}
		return i, f, nil
	}
	return nil, nil, nil
}

// completeUpload makes an interrupted upload part of the base, as if it had
// been noted: then what was moved since, on either side, is a move.
func (s *session) completeUpload(ctx context.Context, i *state.Intent, n, f *message) error {
	home := s.mailboxes[i.Mailbox]
	if home == nil || home.row == nil {
		return nil
	}
	row := s.newRow(home, f, n)
	common := i.Delta.Add // what the upload gave the server
	row.LocalFlags, row.RemoteFlags = common, common
	n.done, f.done = true, true
	m := &message{row: row, file: f.file, content: f.content, uid: n.uid, date: n.date, emailID: n.emailID}
	m.item = plan.Item{InBase: true, Size: row.Size, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: f.file.Folder, Key: f.item.Local.Key, Flags: f.item.Local.Flags, Base: common},
		Remote: plan.Side{State: plan.Same, Mailbox: n.item.Remote.Mailbox, Key: n.item.Remote.Key, Flags: n.item.Remote.Flags, Base: common}}
	m.refresh(home.name)
	if n.item.Remote.Mailbox != home.name || s.req.DryRun {
		// It has no UID at home any more; the row is stored once the file
		// has followed. Until then it goes by a number that no row has.
		s.messages[-int64(len(s.messages))-1] = m
		return nil
	}
	if err := s.db.Update(ctx, func(tx *state.Tx) error { return tx.PutMessage(row) }); err != nil {
		return err
	}
	s.messages[row.ID] = m
	return nil
}
