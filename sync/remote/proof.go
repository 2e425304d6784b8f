package remote

import (
	"maps"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// An OK to COPY proves nothing: servers answer it and copy nothing, or a part,
// and COPYUID may name other messages. Whoever removes the originals next looks
// into the destination before. A copy is proven when a message is there that
// has a UID which was not given out before the COPY, and that agrees with the
// original in everything that a server tells for next to nothing.

// portrait is what tells one message from others without its body.
type portrait struct {
	size int64
	id   string    // Message-ID
	date mail.Date // only of a message without a Message-ID
}

// copyProven copies messages and finds out which copies are there.
func (s *Selection) copyProven(uids []mail.UID, dest string) (MoveResult, error) {
	before, err := s.c.status("copy", dest, "UIDNEXT UIDVALIDITY")
	if err != nil {
		return MoveResult{}, err
	}
	originals, res, err := s.portraits(sortedUIDs(uids))
	if err != nil || len(originals) == 0 {
		return res, err
	}
	described := slices.Sorted(maps.Keys(originals))
	if before.UIDNext == 0 && !s.c.can().HasLabels {
		// A copy could not be told from what is there.
		return MoveResult{Unproven: append(res.Unproven, described...)}, nil
	}
	copied, err := s.copy(described, dest)
	res.Pairs, res.UIDValidity = copied.Pairs, copied.UIDValidity
	if err != nil {
		return res, err
	}
	arrived, next, err := s.lookInto(dest, before, &res)
	if err != nil {
		return MoveResult{}, err
	}
	named := map[mail.UID]mail.UID{}
	for _, p := range copied.Pairs {
		named[p.From] = p.To
	}
	proven, pairs := matchCopies(originals, arrived, res.Pairs)
	res.Pairs = pairs
	labels := s.c.can().HasLabels
	for _, uid := range described {
		if proven[uid] {
			res.Arrived = append(res.Arrived, uid)
			continue
		}
		res.Unproven = append(res.Unproven, uid)
		if !labels && mayCome(named[uid], before.UIDNext, next, len(arrived)) {
			res.Awaited = append(res.Awaited, uid)
		}
	}
	slices.Sort(res.Unproven)
	return res, nil
}

// mayCome reports whether a copy that is not shown may be there: UIDNEXT, which
// is next (0: not known), has not come to the UID that COPYUID named, if any, or
// all that was given out since before is other messages.
func mayCome(named, before, next mail.UID, shown int) bool {
	if next == 0 || named >= before && next <= named {
		return true
	}
	return named < before && uint64(next)-min(uint64(next), uint64(before)) <= uint64(shown)
}

// status asks for items of the state of a mailbox that is not open; what is not told
// stays zero.
func (c *Conn) status(op, mailbox, items string) (cursor mail.Cursor, err error) {
	quoted, err := c.quotedName(mailbox)
	if err != nil {
		return cursor, err
	}
	cmd := &command{line: "STATUS " + quoted + " (" + items + ")", lists: true, untagged: func(r wire.Response) {
		if r.Kind == "STATUS" {
			if st, ok := wire.ParseStatus(r.Rest); ok {
				cursor = st.Cursor
			}
		}
	}}
	err = c.run(op, mailbox, cmd)
	return cursor, err
}

// portraits asks for those of messages of the open mailbox. Messages that are
// gone are missing; those of which the server does not tell enough are Unproven
// in the result.
func (s *Selection) portraits(uids []mail.UID) (map[mail.UID]portrait, MoveResult, error) {
	g := gallery{}
	refused, err := s.ask("copy", uids, portraitItems, g.take)
	if err != nil {
		return nil, MoveResult{}, err
	}
	drawn := g.finish()
	maps.DeleteFunc(drawn, func(u mail.UID, _ portrait) bool { _, asked := slices.BinarySearch(uids, u); return !asked })
	res := MoveResult{Unproven: refused}
	var missing []mail.UID
	for _, uid := range uids {
		if _, complete := drawn[uid]; complete || slices.Contains(refused, uid) {
			continue
		} else if g[uid] != nil {
			res.Unproven = append(res.Unproven, uid)
		} else {
			missing = append(missing, uid)
		}
	}
	there, answered, err := s.searchUIDs("copy", missing)
	if err != nil {
		return nil, res, err
	}
	for _, uid := range missing {
		if !answered || mail.MergeUIDs(there).Contains(uid) {
			res.Unproven = append(res.Unproven, uid)
		}
	}
	slices.Sort(res.Unproven)
	return drawn, res, nil
}

const portraitItems = "(UID RFC822.SIZE INTERNALDATE " + wire.MessageIDItem + ")"

// lookInto opens the destination, lists what has got a UID since before, and
// opens the mailbox of the selection again, in one turn. What cannot be listed is
// missing: that is no proof. Where a message has several places, its copy may be
// one that is there already; then what COPYUID named is listed. next is the UIDNEXT of
// the destination, 0 where it is not known.
func (s *Selection) lookInto(dest string, before mail.Cursor, res *MoveResult) (arrived map[mail.UID]portrait, next mail.UID, err error) {
	look := mail.UIDSet{{Start: max(1, before.UIDNext), Stop: 1<<32 - 1}}
	if s.c.can().HasLabels {
		var named []mail.UID
		for _, p := range res.Pairs {
			named = append(named, p.To)
		}
		look = mail.UIDSetOf(sortedUIDs(named))
	}
	there := &selecting{mailbox: dest, examine: true}
	if err := s.c.startSelect(there, ""); err != nil {
		return nil, 0, err
	}
	g := gallery{}
	var fetches []*command
	for _, set := range wire.FormatSets(look, wire.SetRoom("UID FETCH ", " ", portraitItems)) {
		cmd := &command{line: "UID FETCH " + set + " " + portraitItems, untagged: func(r wire.Response) {
			if f, ok := wire.FetchOf(r); ok && look.Contains(f.UID) {
				g.take(&f)
			}
		}}
		if err := s.c.link.begin(cmd); err != nil {
			return nil, 0, s.c.dead("copy", dest, err)
		}
		fetches = append(fetches, cmd)
	}
	back, err := s.c.startChanging(s.mailbox)
	if err != nil {
		return nil, 0, err
	}
	for _, cmd := range slices.Concat([]*command{there.cmd}, fetches, []*command{back.cmd}) {
		if err := s.c.wait(cmd); err != nil {
			return nil, 0, s.c.dead("copy", s.mailbox, err)
		}
	}
	if err := s.regain(back); err != nil {
		return nil, 0, err
	}
	if s.c.settle(there) != nil || there.Cursor.UIDValidity != before.UIDValidity {
		return nil, 0, nil
	}
	if res.UIDValidity != there.Cursor.UIDValidity {
		res.Pairs = nil
	}
	res.UIDValidity = there.Cursor.UIDValidity
	return g.finish(), there.Cursor.UIDNext, nil
}

// gallery gathers portraits; a server may tell one in several responses.
type gallery map[mail.UID]*drawing

type drawing struct {
	portrait
	date                   mail.Date
	hasSize, hasID, hasDay bool
}

func (g gallery) take(f *wire.Fetch) {
	d := g[f.UID]
	if d == nil {
		d = &drawing{}
		g[f.UID] = d
	}
	if f.HasSize {
		d.size, d.hasSize = f.Size, true
	}
	if f.HasDate {
		d.date, d.hasDay = f.Date, true
	}
	if id, told := wire.MessageIDOf(f); told {
		d.id, d.hasID = id, true
	}
}

// finish returns those that are complete. Without a Message-ID the date is
// needed as well, which COPY should keep (RFC 3501 §6.4.7).
func (g gallery) finish() map[mail.UID]portrait {
	done := make(map[mail.UID]portrait, len(g))
	for uid, d := range g {
		if !d.hasSize || !d.hasID || d.id == "" && !d.hasDay {
			continue
		}
		p := d.portrait
		if p.id == "" {
			p.date = d.date
		}
		done[uid] = p
	}
	return done
}

// like reports whether p may be of a copy that the server says is one of the
// message of o. A portrait that is missing is like none.
func (p portrait) like(o portrait) bool {
	return p != portrait{} && (p == o || p.id != "" && p.id == o.id)
}

// matchCopies finds for each original its copy among what arrived. Pairs that
// the server told count where they agree with what was seen, of which the size
// may be another when the Message-ID is the same; other copies are found by their
// likeness. Of alike messages, fewer copies than originals prove
// none, and it is left open which is whose.
func matchCopies(originals, arrived map[mail.UID]portrait, told []UIDPair) (proven map[mail.UID]bool, pairs []UIDPair) {
	proven = map[mail.UID]bool{}
	used := map[mail.UID]bool{}
	for _, p := range told {
		was, is := originals[p.From], arrived[p.To]
		if is.like(was) && !used[p.To] && !proven[p.From] {
			proven[p.From], used[p.To] = true, true
			pairs = append(pairs, p)
		}
	}
	open, free := map[portrait][]mail.UID{}, map[portrait][]mail.UID{}
	for uid, p := range originals {
		if !proven[uid] {
			open[p] = append(open[p], uid)
		}
	}
	for uid, p := range arrived {
		if !used[uid] {
			free[p] = append(free[p], uid)
		}
	}
	for p, from := range open {
		to := free[p]
		if len(to) < len(from) {
			continue
		}
		for _, uid := range from {
			proven[uid] = true
		}
		if len(from) == 1 && len(to) == 1 {
			pairs = append(pairs, UIDPair{From: from[0], To: to[0]})
		}
	}
	slices.SortFunc(pairs, func(a, b UIDPair) int { return int(int64(a.From) - int64(b.From)) })
	return proven, pairs
}
