package decide

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"satchel/conflict"
	"satchel/state"
	"satchel/sync/plan"
)

// Where a removal goes on the server. What is not synced may be the trash as
// well: most people leave it out of their Maildir, and mean it to be used all
// the same.

// FindTrash decides to which mailbox removals go; none means that they are
// expunged, or wait (delete = "trash").
func (s *Decide) FindTrash(ctx context.Context) error {
	s.Trash = ""
	removal := s.Account.Policy.Removal
	if removal == conflict.Expunge || removal == conflict.Auto && s.Pool.Shares() {
		// Where mailboxes are labels, a removal takes one off; the trash would
		// take the message out of all others with it.
		return nil
	}
	if s.Trash = s.listedTrash(); s.Trash != "" || s.Req.Pull || !s.removesOnServer() {
		return nil
	}
	known, err := s.DB.Meta(ctx, state.MetaTrash)
	if err != nil || known == "" {
		return err
	}
	// A list that lacks the trash may lack some rows. Before a removal becomes
	// one for good, the server says itself that it has no trash any more.
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	gone, err := s.survey.Absent(ctx, c, known)
	if err != nil {
		return err
	}
	if !gone {
		s.Trash = known
		return nil
	}
	s.Resolve(func(tx *state.Tx) error { return tx.SetMeta(state.MetaTrash, "") })
	return nil
}

// removesOnServer reports whether a message is gone from disk alone.
func (s *Decide) removesOnServer() bool {
	for _, m := range s.Messages {
		if m.Item.Local.State == plan.Removed && m.Item.Remote.State.Present() {
			return true
		}
	}
	return false
}

// NoteTrash remembers the trash for a run whose list lacks it.
func (s *Decide) NoteTrash(tx *state.Tx) error {
	if s.Trash == "" {
		return nil
	}
	return tx.SetMeta(state.MetaTrash, s.Trash)
}

// listedTrash finds the trash among the mailboxes that the server listed: the
// one with the attribute (RFC 6154), of several the one nearest to the root, or
// else one with a name that mail programs give it. Another user's trash is for
// that user's mail.
func (s *Decide) listedTrash() string {
	var marked, named []string
	usual := []string{"trash", "deleted items", "deleted messages", "deleted", "bin"}
	// Where all mailboxes are within INBOX though the namespace does not say so.
	bare := func(name string) string { return strings.ToLower(strings.TrimPrefix(name, "INBOX/")) }
	for name, b := range s.Boxes {
		switch {
		case !b.Selectable || b.Foreign:
		case b.SpecialUse == `\Trash`:
			marked = append(marked, name)
		case slices.Contains(usual, bare(name)):
			named = append(named, name)
		}
	}
	slices.SortFunc(marked, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), strings.Compare(a, b))
	})
	slices.SortFunc(named, func(a, b string) int {
		return cmp.Or(cmp.Compare(slices.Index(usual, bare(a)), slices.Index(usual, bare(b))),
			cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), strings.Compare(a, b))
	})
	if all := append(marked, named...); len(all) > 0 {
		return all[0]
	}
	return ""
}
