package decide

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/report"
	"satchel/sync/view"
)

// SayHeld says what was held back: how many messages of which mailboxes, by
// reason.
func (s *Decide) SayHeld(p *plan.Plan) {
	if len(p.Held) == 0 {
		return
	}
	counts := map[string]map[string]int{}
	for _, h := range p.Held {
		why := h.Item.Held
		if counts[why] == nil {
			counts[why] = map[string]int{}
		}
		counts[why][h.Mailbox]++
		if s.Req.DryRun {
			s.Rep.Held = append(s.Rep.Held, report.HeldBack{Group: view.Operation(&h).Group(), Why: why, Text: h.String() + ": " + why})
		}
	}
	for _, why := range slices.Sorted(maps.Keys(counts)) {
		var where []string
		names, total := slices.Sorted(maps.Keys(counts[why])), 0
		for i, name := range names {
			if total += counts[why][name]; i < someMailboxes {
				where = append(where, fmt.Sprintf("%s (%d)", name, counts[why][name]))
			}
		}
		switch n := len(names) - len(where); {
		case n == 1:
			where = append(where, "and 1 more mailbox")
		case n > 1:
			where = append(where, fmt.Sprintf("and %d more mailboxes", n))
		}
		s.Rep.Problem(names[0], "", &mail.Error{Op: "remove from the server what is missing of " + strings.Join(where, ", "), Kind: mail.KindMessage,
			Err:  fmt.Errorf("messages stay there: %d; %s", total, why),
			Hint: "move the files back, or let the place where they are be synced; make readable what cannot be read, or exclude it where it is a directory; to remove the messages, remove them on the server"})
	}
}

// someMailboxes is how many mailboxes a sentence names.
const someMailboxes = 4
