package survey

import (
	"context"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/remote"
	"satchel/sync/run"
)

// A mailbox that got another name is the same mailbox where a side proves it.
// The server does by MAILBOXID (RFC 8474 §4.3: it stays through RENAME), the
// disk by the folder's inode. Neither is taken at its word alone.

// identify asks the server for identities that its overview did not give: of
// mailboxes that the base does not know by one, or knows as another
// generation. A mailbox of the base that is not under its name may have an
// excluded name now. So excluded mailboxes are asked for as well then, except those
// that are known to end the session. A run with nothing to do asks for none.
func (s *Survey) identify(ctx context.Context, c *remote.Conn, f *finding) error {
	known := make(map[string]*state.Mailbox, len(f.rows))
	missing := false
	for _, r := range f.rows {
		known[r.Name] = r
		missing = missing || r.MailboxID != "" && s.Wanted(r.Name) && !mayStandFor(f.boxes[r.Name], r)
	}
	var ask []*remote.Mailbox
	for name, b := range f.boxes {
		r := known[name]
		switch {
		case !b.Selectable || b.MailboxID != "":
		case r != nil && r.MailboxID != "" && r.Cursor.UIDValidity == b.Status.UIDValidity:
			b.MailboxID = r.MailboxID
		case s.Wanted(name), missing && s.quirks.Since(run.Fault{Mailbox: name, What: run.FaultEnds}).IsZero():
			ask = append(ask, b)
		}
	}
	return c.Identify(ctx, ask)
}

// mayStandFor reports whether a mailbox of the server, nil for none, may be the one that a row
// tells of, for what its overview says.
func mayStandFor(b *remote.Mailbox, r *state.Mailbox) bool {
	if b == nil || !b.Selectable || b.MailboxID != "" && b.MailboxID != r.MailboxID {
		return false
	}
	return b.Status.UIDValidity == 0 || b.Status.UIDValidity == r.Cursor.UIDValidity
}

// remotePlaces returns where the server has the mailboxes of the base now, by
// their names there; "" for those that it has no more.
func remotePlaces(f *finding) map[string]string {
	byID := map[string][]*remote.Mailbox{}
	for _, b := range f.boxes {
		if b.Selectable && b.MailboxID != "" {
			byID[b.MailboxID] = append(byID[b.MailboxID], b)
		}
	}
	rowsOf := map[string]int{}
	for _, r := range f.rows {
		rowsOf[r.MailboxID]++
	}
	places, proven := map[string]string{}, map[string]bool{}
	for _, r := range f.rows {
		here := f.boxes[r.Name]
		if here != nil && here.Selectable {
			places[r.Name] = r.Name
			if r.MailboxID == "" || here.MailboxID == "" || here.MailboxID == r.MailboxID {
				continue
			}
		}
		// An identity that two mailboxes share identifies neither.
		if same := byID[r.MailboxID]; len(same) == 1 && rowsOf[r.MailboxID] == 1 && continues(same[0], r) {
			places[r.Name] = same[0].Name
			proven[same[0].Name] = true
		}
	}
	unseat(places, proven)
	return places
}

// continues reports whether a mailbox can be what a row tells of: within one
// UIDVALIDITY, UIDs only grow (RFC 3501 §2.3.1.1).
func continues(b *remote.Mailbox, r *state.Mailbox) bool {
	return b.Name != "INBOX" && r.Name != "INBOX" &&
		(b.Status.UIDValidity != r.Cursor.UIDValidity || b.Status.UIDNext >= r.Cursor.UIDNext)
}

// unseat takes a name from the mailbox that is only believed to have it, when
// another one is proven to.
func unseat(places map[string]string, proven map[string]bool) {
	for name, place := range places {
		if name == place && proven[place] {
			places[name] = ""
		}
	}
}

// folderProof finds folders again that got another name.
type folderProof struct {
	db    *state.DB
	store *maildir.Store
	// restored: the Maildir was brought back from an older copy. The names in
	// it are those of then, which are no renames by the user.
	restored bool
}

// places returns where the Maildir has the mailboxes of the base now, by their
// names there; "" for those that it has no more.
func (p folderProof) places(ctx context.Context, rows []*state.Mailbox, folders []maildir.Folder) (map[string]string, error) {
	byName, byInode := map[string]*maildir.Folder{}, map[uint64][]*maildir.Folder{}
	for i := range folders {
		folder := &folders[i]
		byName[folder.Name] = folder
		if folder.Cur && folder.New {
			byInode[folder.Stamp.Inode] = append(byInode[folder.Stamp.Inode], folder)
		}
	}
	rowsOf := map[uint64]int{}
	for _, r := range rows {
		rowsOf[r.Inode]++
	}
	places, proven := map[string]string{}, map[string]bool{}
	for _, r := range rows {
		here := byName[r.Name]
		if here != nil {
			places[r.Name] = r.Name
			if here.Stamp.Inode == r.Inode {
				continue
			}
		}
		same := byInode[r.Inode]
		if p.restored || r.Inode == 0 || rowsOf[r.Inode] != 1 || len(same) != 1 || r.Name == "INBOX" || same[0].Name == "INBOX" {
			continue
		}
		is, err := p.same(ctx, r, same[0])
		if err != nil {
			return nil, err
		}
		if is {
			places[r.Name] = same[0].Name
			proven[same[0].Name] = true
		}
	}
	unseat(places, proven)
	return places, nil
}

// same reports whether a folder with the inode of a row's is that folder. A
// folder that was removed leaves its inode to the next one, so one of these
// must hold as well: a directory of messages has the very time that it had,
// to the nanosecond, or the folder still holds a message of the row under its
// name.
func (p folderProof) same(ctx context.Context, r *state.Mailbox, f *maildir.Folder) (bool, error) {
	if r.CurMTime != 0 && r.CurMTime == f.Stamp.Cur || r.NewMTime != 0 && r.NewMTime == f.Stamp.New {
		return true, nil
	}
	listing, err := p.store.Scan(ctx, f.Name)
	if err != nil {
		if ctx.Err() != nil {
			return false, err
		}
		return false, nil // what is wrong is said when the folder is compared
	}
	have := make(map[string]bool, len(listing.Files))
	for _, file := range listing.Files {
		have[file.Base()] = true
	}
	same := false
	err = p.db.Names(ctx, r.ID, func(n *state.Name) error {
		same = same || have[n.Base]
		return nil
	})
	return same, err
}
