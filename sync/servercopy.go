package sync

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
)

// copyWorth is from which size on, in bytes, a new message without an identity is
// looked for among those that are here: a smaller one costs less than the look.
const copyWorth = 8 << 10

// suspectCopies takes into account that a message without an identity may be a copy
// of one that stays where it is: COPY keeps size and INTERNALDATE (RFC 3501 §6.4.7).
func (s *session) suspectCopies(ctx context.Context, list []*suspect) ([]*suspect, error) {
	if empty, err := s.db.Empty(ctx); err != nil || empty || s.sizes == sizesInexact {
		return list, err
	}
	of := map[*message]*suspect{}
	for _, sus := range list {
		of[sus.m] = sus
	}
	var ask []*message
	for _, m := range s.newRemote {
		if m.hasMeta && m.replaces == 0 && m.emailID == "" && m.item.Size >= copyWorth {
			ask = append(ask, m)
		}
	}
	rows, err := s.rowsBySize(ctx, ask)
	if err != nil {
		return nil, err
	}
	for _, m := range ask {
		for _, row := range rows[state.SizeDate{Size: m.item.Size, Date: m.date}] {
			mb := s.byID[row.MailboxID]
			if mb == nil || mb.detached || mb.blindLocal || s.mailboxes[mb.name] == nil || mb.redelivers(row) || row.Form == mail.FormApart {
				continue
			}
			c := s.message(row)
			sus := of[m]
			if !c.onDisk() || sus != nil && slices.Contains(sus.candidates, c) {
				continue
			}
			if sus == nil {
				sus = &suspect{m: m}
				of[m] = sus
				list = append(list, sus)
			}
			sus.candidates, sus.copied = append(sus.candidates, c), true
		}
	}
	return list, nil
}

// rowsBySize returns rows that have the size of one of these messages, by size and date.
func (s *session) rowsBySize(ctx context.Context, list []*message) (map[state.SizeDate][]*state.Message, error) {
	sizes := make([]int64, len(list))
	for i, m := range list {
		sizes[i] = m.item.Size
	}
	slices.Sort(sizes)
	return s.db.BySizes(ctx, slices.Compact(sizes))
}
