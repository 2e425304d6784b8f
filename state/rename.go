package state

import (
	"fmt"
	"strings"
)

// RenameMailboxes gives mailboxes of the base other names, old and new, all at
// once: what one gives up another may take. The journal speaks of them by the
// new names from now on. Names that the base does not have are passed over.
func (t *Tx) RenameMailboxes(changes [][2]string) error {
	// Names are unique at every moment, so each goes by way of one that no
	// mailbox can have.
	way := func(i int) string { return fmt.Sprintf("\x00%d", i) }
	for i, c := range changes {
		if err := t.renameMailbox(c[0], way(i)); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if err := t.renameMailbox(way(i), c[1]); err != nil {
			return err
		}
	}
	return t.lookAbove(changes)
}

// lookAbove has the directories read again of the mailboxes that [Above] names.
func (t *Tx) lookAbove(changes [][2]string) error {
	for name := range Above(changes) {
		if _, err := t.exec(`UPDATE mailbox SET dir_mtime=0 WHERE name=?`, name); err != nil {
			return err
		}
	}
	return nil
}

// Above returns the mailboxes that got other names, old and new, and those above
// them: a folder there that did not follow is none that the base knows. In
// Maildir++ all are in the one of INBOX.
func Above(changes [][2]string) map[string]bool {
	above := map[string]bool{"INBOX": true}
	for _, c := range changes {
		for _, name := range c {
			above[name] = true
			for i := strings.LastIndexByte(name, '/'); i >= 0; i = strings.LastIndexByte(name, '/') {
				name = name[:i]
				above[name] = true
			}
		}
	}
	return above
}

func (t *Tx) renameMailbox(from, to string) error {
	for _, query := range []string{
		`UPDATE mailbox SET name=? WHERE name=?`,
		`UPDATE intent SET mailbox=? WHERE mailbox=? AND kind NOT IN (` + renameKinds + `)`,
		`UPDATE intent SET home=? WHERE home=? AND kind NOT IN (` + renameKinds + `)`,
		`UPDATE removal SET mailbox=? WHERE mailbox=?`,
		`UPDATE removal SET trash=? WHERE trash=?`,
		`UPDATE OR REPLACE held SET mailbox=? WHERE mailbox=?`,
		`UPDATE OR REPLACE seen SET mailbox=? WHERE mailbox=?`,
		`UPDATE OR REPLACE unsent SET mailbox=? WHERE mailbox=?`,
		`UPDATE OR REPLACE young SET mailbox=? WHERE mailbox=?`,
	} {
		if _, err := t.exec(query, to, from); err != nil {
			return err
		}
	}
	return nil
}

// DeleteRenameIntents empties the journal of renames: one is under way at a
// time.
func (t *Tx) DeleteRenameIntents() error {
	_, err := t.exec(`DELETE FROM intent WHERE kind IN (` + renameKinds + `)`)
	return err
}
