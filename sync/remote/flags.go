package remote

import (
	"context"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// Flags returns the flags that messages of the selected mailbox have now.
// Those that are gone are missing from the result.
func (s *Selection) Flags(ctx context.Context, uids []mail.UID) (map[mail.UID]mail.Flags, error) {
	leave, err := s.enter(ctx, "fetch flags")
	if err != nil {
		return nil, err
	}
	defer leave()
	found := make(map[mail.UID]mail.Flags, len(uids))
	for _, p := range pieces(sortedUIDs(uids), wire.SetRoom("UID FETCH ", " (UID FLAGS)")) {
		cmd := &command{line: "UID FETCH " + p.set + " (UID FLAGS)", untagged: func(r wire.Response) {
			if f, ok := wire.FetchOf(r); ok && f.HasFlags {
				found[f.UID] = mail.NewFlags(wire.ParseWords(f.Flags)...)
			}
		}}
		if err := s.c.run("fetch flags", s.mailbox, cmd); err != nil {
			return nil, err
		}
	}
	return found, nil
}
