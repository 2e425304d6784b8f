package view

import (
	"slices"
	"strconv"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// UIDKey is a UID as the planner has it.
func UIDKey(uid mail.UID) string { return strconv.FormatUint(uint64(uid), 10) }

// Refresh derives the states of a message from its place and flags against
// the row, after one of them became known anew.
func (m *Message) Refresh(home string) {
	for _, side := range []*plan.Side{&m.Item.Local, &m.Item.Remote} {
		if !side.State.Present() {
			continue
		}
		switch {
		case side.Mailbox != home:
			side.State = plan.Moved
		case side.Flags.Equal(side.Base):
			side.State = plan.Same
		default:
			side.State = plan.Edited
		}
	}
}

// Form returns how the file relates to its server form.
func (m *Message) Form() mail.Form {
	if m.Row != nil {
		return m.Row.Form
	}
	if m.Content != nil {
		return m.Content.Form
	}
	return mail.FormLF
}

// Digest returns the digest of the server form; zero when it is not known.
func (m *Message) Digest() mail.Digest {
	if m.Row != nil {
		return m.Row.Digest
	}
	if m.Content != nil {
		return m.Content.Digest
	}
	return mail.Digest{}
}

// Applied takes into the row that the change of flags in op reached its side.
func (m *Message) Applied(op *plan.Op, unheld mail.Flags) {
	delta, before := op.Delta, m.Row.LocalFlags
	delta.Add = delta.Add.Minus(unheld)
	switch op.Kind {
	case plan.RemoteFlags, plan.SettleLocal:
		m.Row.LocalFlags = m.Row.LocalFlags.Apply(op.Learned).Minus(m.Cannot)
		m.Row.RemoteFlags = m.Row.RemoteFlags.Apply(delta)
	case plan.LocalFlags, plan.SettleRemote:
		m.Row.RemoteFlags = m.Row.RemoteFlags.Apply(op.Learned)
		m.Row.LocalFlags = m.Row.LocalFlags.Apply(delta)
	}
	if !m.Row.LocalFlags.Equal(before) {
		// The name shows the flags of before. Where the file is in another folder than
		// the row, nothing notes the one that it has now.
		m.Row.ForgetName(state.FileNameUnknown)
	}
}

// FileOf returns the file of a row, as far as the base knows how it is called.
func FileOf(folder string, row *state.Message) maildir.File {
	return maildir.File{Folder: folder, New: row.New, Name: row.Base + row.Info, Unnamed: !row.NamesFile()}
}

// Place notes in the row where the file is.
func (m *Message) Place(mailboxID int64, f maildir.File) {
	if m.NoteName(m.Row, f) {
		m.Row.MailboxID = mailboxID
	}
}

// NoteName notes in a row how the file of m is called, unless this cycle did not look at its
// folder. The name is noted only when the base holds the flags that it shows; otherwise a
// change that could not be applied yet would never be seen again.
func (m *Message) NoteName(row *state.Message, f maildir.File) bool {
	if f.Unnamed {
		return false
	}
	row.New, row.Base, row.FileName = f.New, f.Base(), state.FileNameKnown
	row.Info = f.Name[len(row.Base):]
	if !row.LocalFlags.Equal(m.Item.Local.Flags) || m.Reading.Open {
		row.ForgetName(state.FileNameUnknown)
	}
	return true
}

// Message is what a [plan.Item] stands for: where the message is.
type Message struct {
	Item    plan.Item
	Row     *state.Message  // nil until the base has it; while applying, only commits touch it
	ID      int64           // of the row when the plan was made, 0 for a new message
	Home    string          // mailbox of the row when the plan was made
	File    maildir.File    // now; zero when not on disk
	Reading maildir.Reading // of file's name, where this cycle saw it
	Doubted mail.Flags      // flags whose effect on the server is to be looked at
	Cannot  mail.Flags      // keywords for which the folder has no letter left
	Content *maildir.Content
	Guessed bool     // content is what the row says; the file was not read
	UID     mail.UID // now; 0 when not on the server
	Date    mail.Date
	EmailID string
	// MessageID of a new message on the server, where it is known already
	MessageID     string
	HasMessageID  bool
	HasMeta       bool           // size and date of a new message on the server are known
	Sent          mail.Flags     // what an upload gave the server
	Later         mail.Flags     // what it kept back for the next cycle
	Replaces      int64          // the pending row that stood for a new message on the server, if any
	UIDVoid       bool           // its UID is void, because UIDVALIDITY changed
	Rowless       bool           // it is in a mailbox that has no row yet
	Done          bool           // matched to something, so no longer new on its own
	Left          bool           // with done: it waits, for it may be a message of which nothing is known now
	Shared        bool           // a file that shares its name, and so need not be new
	WaitsForLabel bool           // planned, but applied when what it copies is on disk
	Unsettled     bool           // an upload of it is not found, and may be there
	Like          *mail.Likeness // of all of it, where it was read for that
}

// OnDisk reports whether the message has a file now.
func (m *Message) OnDisk() bool { return m.File.Name != "" }

// RemoveLocal notes that no file of the message is on disk.
func (m *Message) RemoveLocal() {
	m.Item.Local.State = plan.Removed
	m.File = maildir.File{}
}

// Found notes where the file of a known message is, and its flags.
func (m *Message) Found(f maildir.File, flags mail.Flags, home string) {
	m.File = f
	m.Item.Local.State = plan.Same
	m.Item.Local.Mailbox = f.Folder
	m.Item.Local.Flags = flags
	m.Refresh(home)
}

// UniteFlags makes the flags of both sides merge as a union, since it is not
// known which of them is older: one that only one side has counts as set there. What
// both have, or neither, the base learns as from any two changes that are the same.
func (m *Message) UniteFlags() {
	local, rem := &m.Item.Local, &m.Item.Remote
	apart := local.Flags.Minus(rem.Flags).Union(rem.Flags.Minus(local.Flags))
	local.Base, rem.Base = local.Base.Minus(apart), rem.Base.Minus(apart)
}

// IsDeleted reports whether the server shows \Deleted on a message.
func (m *Message) IsDeleted() bool { return m.Item.Remote.Flags.System&mail.Deleted != 0 }

// Marked reports whether the message got \Deleted since the base.
func (m *Message) Marked() bool {
	return m.IsDeleted() && m.Item.Remote.Base.System&mail.Deleted == 0
}

// OwnDelete returns the \Deleted that a removal of m is going to set; nothing where
// the server has one already, which is somebody's.
func (m *Message) OwnDelete() mail.Delta {
	deleted := mail.Flags{System: mail.Deleted}
	if m.Item.Remote.Flags.Has(deleted) {
		return mail.Delta{}
	}
	return mail.Delta{Add: deleted}
}

// Paired reports whether a file found its message, or needs none.
func (m *Message) Paired() bool {
	if m.Row != nil {
		return m.Item.Remote.State != plan.Removed
	}
	return m.Done && !m.Left
}

// Size returns how long the server form of a file is.
func (m *Message) Size() int64 {
	if m.Content == nil {
		return m.Row.Size
	}
	return m.Content.Size
}

// MayHave reports whether a message, or a new file in one of its forms, has that size
// on the server.
func (m *Message) MayHave(size int64) bool {
	return m.Item.Size == size || m.Row == nil && m.Content != nil && slices.Contains(m.Content.Sizes(), size)
}

// Rebase takes into the base what side shows of d, a change that an
// interrupted run was about to make there. The change came from the other
// side, so that side held it at that time; where the other side was not
// looked at yet, it is believed to hold it still.
func (m *Message) Rebase(d mail.Delta, side plan.Side, otherUnseen *plan.Side) bool {
	if !side.State.Present() {
		return false
	}
	done := mail.Delta{Add: d.Add.Intersect(side.Flags).Minus(side.Base), Remove: d.Remove.Minus(side.Flags).Intersect(side.Base)}
	if done.IsEmpty() {
		return false
	}
	m.Row.LocalFlags = m.Row.LocalFlags.Apply(done)
	m.Row.RemoteFlags = m.Row.RemoteFlags.Apply(done)
	m.Item.Local.Base, m.Item.Remote.Base = m.Row.LocalFlags, m.Row.RemoteFlags
	if m.OnDisk() {
		m.Row.ForgetName(state.FileNameUnknown) // it shows the flags of before; the look at the folder has the name
	}
	if otherUnseen != nil {
		otherUnseen.Flags = otherUnseen.Flags.Apply(done)
	}
	for _, x := range []*plan.Side{&m.Item.Local, &m.Item.Remote} {
		if x.State == plan.Same || x.State == plan.Edited {
			x.State = plan.Same
			if !x.Flags.Equal(x.Base) {
				x.State = plan.Edited
			}
		}
	}
	return true
}

// NotHeld reports whether nothing holds the message back yet.
func (m *Message) NotHeld() bool { return m.Item.Held == "" }

// HoldAll holds back those of the messages that are not yet.
func HoldAll(list []*Message, why string) {
	for _, m := range list {
		if m.NotHeld() {
			m.Item.Held = why
		}
	}
}

// Inspected takes what was read of a new file.
func (m *Message) Inspected(c *maildir.Content) {
	m.Content, m.Date, m.Item.Size = c, c.ModTime, c.Size
}
