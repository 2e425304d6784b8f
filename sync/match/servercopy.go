package match

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/view"
)

// copyWorth is from which size on, in bytes, a new message without an identity is
// looked for among those that are here: a smaller one costs less than the look.
const copyWorth = 8 << 10

// unidentifiedCopies takes into account that a message without an identity may be a copy
// of one that stays where it is: COPY keeps size and INTERNALDATE (RFC 3501 §6.4.7).
func (s *Match) unidentifiedCopies(ctx context.Context, list []*unidentified) ([]*unidentified, error) {
	if empty, err := s.DB.Empty(ctx); err != nil || empty || s.quirks.Sizes == quirk.SizesInexact {
		return list, err
	}
	of := map[*view.Message]*unidentified{}
	for _, sus := range list {
		of[sus.m] = sus
	}
	var ask []*view.Message
	for _, m := range s.NewRemote {
		if m.HasMeta && m.Replaces == 0 && m.EmailID == "" && m.Item.Size >= copyWorth {
			ask = append(ask, m)
		}
	}
	rows, err := s.look.RowsBySize(ctx, ask)
	if err != nil {
		return nil, err
	}
	for _, m := range ask {
		for _, row := range rows[state.SizeDate{Size: m.Item.Size, Date: m.Date}] {
			mb := s.ByID[row.MailboxID]
			if mb == nil || mb.UIDsVoid || mb.LocalIncomplete || s.Mailboxes[mb.Name] == nil || mb.Redelivers(row) || row.Form == mail.FormApart {
				continue
			}
			c := s.Message(row)
			sus := of[m]
			if !c.OnDisk() || sus != nil && slices.Contains(sus.candidates, c) {
				continue
			}
			if sus == nil {
				sus = &unidentified{m: m}
				of[m] = sus
				list = append(list, sus)
			}
			sus.candidates, sus.copied = append(sus.candidates, c), true
		}
	}
	return list, nil
}
