package view

import (
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// Mailbox is one mailbox as the base and both sides have it.
type Mailbox struct {
	Name      string
	Row       *state.Mailbox  // nil: not in the base
	Folder    *maildir.Folder // nil: not on disk
	Remote    *remote.Mailbox // nil: not on the server
	BaseCount int
	Behind    int // messages that the server does not show yet
	// blind: the folder, or the server's mailbox, could not be looked at, so
	// that nothing may be concluded from what seems to be missing there.
	LocalIncomplete, RemoteIncomplete bool
	Unread                            []int64 // sizes on disk of new files there that could not be read; guarded by session.mu
	Undescribed                       bool    // the server lists messages and tells nothing about them
	UIDsVoid                          bool    // UIDVALIDITY changed: all pairs are void
	Released                          bool    // the rows of void pairs are gone; those that are there now are of this run
	MassGone                          bool    // the server says that most messages went, and nothing contradicts it

	Listing  *maildir.Listing // set when the folder was compared in this cycle
	Table    maildir.Table    // what its letters mean; set with listing
	Keywords *maildir.Keywords
	Given    *maildir.Keywords // what is remembered of a folder that was not looked at, and got letters
	Changes  *remote.Changes   // set when the server was asked in this cycle
	// Announces: PERMANENTFLAGS is another than the base has.
	Announces bool

	// Undelivered are rows whose delivery was begun by an interrupted run
	// and did not happen; the server need not report them again.
	Undelivered []*state.Message
	// Left are the UIDs of rows that recovery took out of the mailbox.
	Left []mail.UID
	// Resumed are messages whose rows came here after the server was asked, with
	// files that an interrupted run had moved.
	Resumed []*Message

	// Expected are the files that the folder holds if only this run changes
	// it; nil when that is not known. Guarded by session.mu.
	Expected *maildir.Fingerprint

	HoldCursor, HoldStamp bool // something seen here is not settled; guarded by session.mu
	LocalDirty            bool // this cycle changed the folder
	Overtaken             bool // another program changed the folder, which its time stamp need not tell; guarded by session.mu
	RemoteDirty           bool // this cycle changed the mailbox on the server; guarded by session.mu
	Again                 bool // the last cycle changed it or left it open
}

// Frozen reports whether a side could not be looked at: then the mailbox
// stays as it is on both.
func (mb *Mailbox) Frozen() bool { return mb.LocalIncomplete || mb.RemoteIncomplete }

// CursorOf returns how far the server's mailbox was read.
func (mb *Mailbox) CursorOf() mail.Cursor {
	if mb.Row == nil {
		return mail.Cursor{}
	}
	return mb.Row.Cursor
}

// FolderAsKnown reports whether the folder's stamp is the one of the base.
func (mb *Mailbox) FolderAsKnown() bool {
	return mb.Folder != nil && mb.Row != nil && mb.Folder.Stamp.Unchanged(StampOf(mb.Row))
}

// StampOf returns what a folder looked like when it was last compared.
func StampOf(r *state.Mailbox) maildir.Stamp {
	return maildir.Stamp{Dir: r.DirMTime, Cur: r.CurMTime, New: r.NewMTime, Inode: r.Inode}
}

// NextUID returns the UIDNEXT that was seen last.
func (mb *Mailbox) NextUID() mail.UID {
	next := mb.CursorOf().UIDNext
	if mb.Changes != nil {
		next = max(next, mb.Changes.Cursor.UIDNext)
	}
	return next
}

// ToldGone reports whether the server says of a message that it does not have it.
func (mb *Mailbox) ToldGone(uid mail.UID) bool {
	ch := mb.Changes
	return mb.Remote == nil || ch != nil && (uid == 0 || ch.Vanished.Contains(uid) || ch.HasPresent && !ch.Present.Contains(uid))
}

// UIDNext returns the UIDNEXT that this cycle was told; 0 when it was told none.
func (mb *Mailbox) UIDNext() mail.UID {
	switch {
	case mb.Changes != nil && mb.Changes.ToldNext != 0:
		return min(mb.Changes.ToldNext, mb.Changes.Cursor.UIDNext)
	case mb.Changes != nil:
		return mb.Changes.Cursor.UIDNext
	case mb.Remote != nil:
		return mb.Remote.Status.UIDNext
	}
	return 0
}

// Came returns how many messages came to a mailbox since it was read, if none of
// them went again.
func (mb *Mailbox) Came() uint64 {
	known, now := mb.CursorOf(), mb.Remote.Status
	if known.UIDNext == 0 || known.UIDValidity != now.UIDValidity || now.UIDNext < known.UIDNext {
		return uint64(now.Messages)
	}
	return uint64(now.UIDNext - known.UIDNext)
}

// Drops reports whether the row of a message that is delivered again goes, because the server
// reports the message once more: the cursor is not beyond it.
func (mb *Mailbox) Drops(row *state.Message) bool {
	return (row.UID == 0 || row.UID >= mb.CursorOf().UIDNext) && mb.Redelivers(row)
}

// TakeRow makes the row of m one of this mailbox; it was in from.
func (mb *Mailbox) TakeRow(from *Mailbox, m *Message, uid mail.UID) {
	from.Left = append(from.Left, m.Row.UID)
	from.BaseCount--
	mb.BaseCount++
	mb.Resumed = append(mb.Resumed, m)
	m.Row.MailboxID, m.Row.UID = mb.Row.ID, uid
}

// Redelivers reports whether the message of the row is to be delivered again.
func (mb *Mailbox) Redelivers(row *state.Message) bool {
	return slices.ContainsFunc(mb.Undelivered, func(u *state.Message) bool { return u.ID == row.ID })
}
