package look

import (
	"context"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/view"
)

// ByBase walks through the rows of a mailbox and the files of its folder side
// by side; both are sorted by the unique part of the name. It calls yield for
// each of these parts, and for each file that no row has that part of. The
// slices are not for keeping.
func ByBase(ctx context.Context, db *state.DB, mailbox int64, files []maildir.File, yield func([]state.Name, []maildir.File)) error {
	var rows []state.Name
	alone := func(until func(base string) bool) {
		for len(files) > 0 && until(files[0].Base()) {
			yield(nil, files[:1])
			files = files[1:]
		}
	}
	group := func() {
		base := rows[0].Base
		alone(func(b string) bool { return b < base })
		n := 0
		for n < len(files) && files[n].Base() == base {
			n++
		}
		yield(rows, files[:n])
		rows, files = rows[:0], files[n:]
	}
	err := db.Names(ctx, mailbox, func(n *state.Name) error {
		if len(rows) > 0 && rows[0].Base != n.Base {
			group()
		}
		rows = append(rows, *n)
		return nil
	})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		group()
	}
	alone(func(string) bool { return true })
	return nil
}

// SortNewLocal puts new files in the order in which they are matched.
func (s *Look) SortNewLocal() {
	slices.SortFunc(s.NewLocal, func(a, b *view.Message) int { return strings.Compare(a.File.String(), b.File.String()) })
}

// mayGrow reports whether a file of a mailbox was young when it went up. What is written
// into it changes no directory.
func (s *Look) mayGrow(mb *view.Mailbox) bool {
	return slices.ContainsFunc(s.SentYoung, func(y state.Young) bool { return y.Mailbox == mb.Name })
}
