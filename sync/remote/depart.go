package remote

import (
	"fmt"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// departure is what is known of messages that a command was to take out of the
// open mailbox. VANISHED names those that left. EXPUNGE names none, so that
// what others expunge meanwhile looks the same; then a FETCH right behind the
// command tells which are still there.
type departure struct {
	piece
	gone  []mail.UIDRange
	n     uint64 // how many EXPUNGE responses there were
	there []mail.UIDRange
	fetch *command // nil: not sent
}

func (d *departure) take(r wire.Response) {
	switch r.Kind {
	case "EXPUNGE":
		d.n++
	case "VANISHED":
		if set, earlier, ok := wire.ParseVanished(r.Rest); ok && !earlier {
			d.gone = append(d.gone, set...)
		}
	case "FETCH":
		if f, ok := wire.FetchOf(r); ok {
			d.there = mail.AppendUID(d.there, f.UID)
		}
	}
}

// depart runs a command that takes messages out of the mailbox.
func (s *Selection) depart(op string, cmd *command, d *departure) error {
	s.c.link.cork()
	if err := s.c.link.begin(cmd); err != nil {
		return s.c.dead(op, s.mailbox, err)
	}
	if s.c.Abilities().Level < resync.QResync {
		d.fetch = &command{line: "UID FETCH " + d.set + " (UID)", untagged: d.take}
		if err := s.c.link.begin(d.fetch); err != nil {
			return s.c.dead(op, s.mailbox, err)
		}
	}
	if err := s.c.link.uncork(); err != nil {
		return s.c.dead(op, s.mailbox, err)
	}
	err := s.c.result(op, s.mailbox, cmd)
	if isDead(err) || d.fetch == nil {
		return err
	}
	if werr := s.c.wait(d.fetch); werr != nil {
		return s.c.dead(op, s.mailbox, werr)
	}
	return err
}

// left returns those of the messages that are still in the mailbox although the
// server said OK. One is gone when it was told by its UID, or when a FETCH does
// not find it and as many were told to be gone as were to go; where the server
// tells less, or refuses to speak of a message that is gone, a search has to
// agree.
func (s *Selection) left(op string, d *departure) ([]mail.UID, error) {
	gone := mail.MergeUIDs(d.gone)
	open := slices.DeleteFunc(slices.Clone(d.uids), gone.Contains)
	if len(open) == 0 {
		return nil, nil
	}
	there, refused := mail.MergeUIDs(d.there), []mail.UID(nil)
	if d.fetch == nil || d.fetch.err() != nil || len(there.Intersect(mail.UIDSetOf(open))) > 0 {
		// Sent behind the command it may have been answered before it.
		var found []mail.UIDRange
		var err error
		if refused, err = s.ask(op, open, "(UID)", func(f *wire.Fetch) { found = mail.AppendUID(found, f.UID) }); err != nil {
			return nil, err
		}
		there = mail.MergeUIDs(found)
	}
	told := d.n+gone.Intersect(mail.UIDSetOf(d.uids)).Count() >= uint64(len(d.uids))
	if !told || len(refused) > 0 {
		found, answered, err := s.searchUIDs(op, slices.DeleteFunc(slices.Clone(open), there.Contains))
		switch {
		case err != nil:
			return nil, err
		case answered:
			there = mail.MergeUIDs(append(found, there...))
		case !told:
			return nil, refusal.ForMailbox(op, s.mailbox, fmt.Errorf("look for what was to go: %w", resync.ErrIncomplete))
		}
	}
	return slices.DeleteFunc(open, func(u mail.UID) bool { return !there.Contains(u) }), nil
}

// searchUIDs asks by SEARCH which of the messages are there.
func (s *Selection) searchUIDs(op string, uids []mail.UID) (found []mail.UIDRange, answered bool, err error) {
	answered = true
	for _, p := range pieces(uids, wire.SetRoom("UID SEARCH UID ")) {
		ok := false
		cmd := &command{line: "UID SEARCH UID " + p.set, untagged: func(r wire.Response) {
			if r.Kind == "SEARCH" {
				var set mail.UIDSet
				set, ok = wire.ParseSearch(r.Rest)
				found = append(found, set...)
			}
		}}
		if err := s.c.run(op, s.mailbox, cmd); err != nil {
			if isDead(err) {
				return nil, false, err
			}
			return nil, false, nil
		}
		answered = answered && ok
	}
	return found, answered, nil
}

// maxRefusals is how many FETCH commands may be refused before no further one is
// sent.
const maxRefusals = 40

// ask sends a FETCH for messages of the mailbox. A server may refuse a command
// of many for the sake of one message, so what was refused is asked for in
// halves. It returns those for which even that was refused: nothing is known of
// them.
func (s *Selection) ask(op string, uids []mail.UID, items string, take func(*wire.Fetch)) (refused []mail.UID, err error) {
	queue := [][]mail.UID{sortedUIDs(uids)}
	refusals := 0
	for len(queue) > 0 {
		part := queue[0]
		queue = queue[1:]
		for _, p := range pieces(part, wire.SetRoom("UID FETCH ", " ", items)) {
			if refusals >= maxRefusals {
				refused = append(refused, p.uids...)
				continue
			}
			cmd := &command{line: "UID FETCH " + p.set + " " + items, untagged: func(r wire.Response) {
				if f, ok := wire.FetchOf(r); ok {
					take(&f)
				}
			}}
			err := s.c.run(op, s.mailbox, cmd)
			switch {
			case err == nil:
			case isDead(err):
				return refused, err
			case len(p.uids) == 1:
				refusals++
				refused = append(refused, p.uids...)
			default:
				refusals++
				half := len(p.uids) / 2
				queue = append(queue, p.uids[:half], p.uids[half:])
			}
		}
	}
	slices.Sort(refused)
	return refused, nil
}
