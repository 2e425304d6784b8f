package sync

import (
	"strconv"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// message is what a [plan.Item] stands for: where the message is.
type message struct {
	item    plan.Item
	row     *state.Message  // nil until the base has it; while applying, only commits touch it
	id      int64           // of the row when the plan was made, 0 for a new message
	home    string          // mailbox of the row when the plan was made
	file    maildir.File    // now; zero when not on disk
	reading maildir.Reading // of file's name, where this cycle saw it
	doubted mail.Flags      // flags whose effect on the server is to be looked at
	cannot  mail.Flags      // keywords for which the folder has no letter left
	content *maildir.Content
	guessed bool     // content is what the row says; the file was not read
	uid     mail.UID // now; 0 when not on the server
	date    mail.Date
	emailID string
	// messageID of a new message on the server, where it is known already
	messageID    string
	hasMessageID bool
	hasMeta      bool           // size and date of a new message on the server are known
	sent         mail.Flags     // what an upload gave the server
	later        mail.Flags     // what it kept back for the next cycle
	replaces     int64          // the pending row that stood for a new message on the server, if any
	detached     bool           // its UID is void, because UIDVALIDITY changed
	late         bool           // it is in a mailbox that has no row yet
	done         bool           // matched to something, so no longer new on its own
	left         bool           // with done: it waits, for it may be a message of which nothing is known now
	shared       bool           // a file that shares its name, and so need not be new
	twin         bool           // planned, but applied when what it copies is on disk
	unsettled    bool           // an upload of it is not found, and may be there
	like         *mail.Likeness // of all of it, where it was read for that
}

// message returns the view of a row, made on first use as unchanged on both
// sides.
func (s *session) message(row *state.Message) *message {
	if m := s.messages[row.ID]; m != nil {
		return m
	}
	mb := s.byID[row.MailboxID]
	m := &message{row: row, uid: row.UID, date: row.Date, emailID: row.EmailID,
		file: maildir.File{Folder: mb.name, New: row.New, Name: row.Base + row.Info}}
	m.item = plan.Item{
		InBase: true, Size: row.Size, Away: row.Info == infoAway, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: mb.name, Key: row.Base, Flags: row.LocalFlags, Base: row.LocalFlags},
		Remote: plan.Side{State: plan.Same, Mailbox: mb.name, Key: uidKey(row.UID), Flags: row.RemoteFlags, Base: row.RemoteFlags},
	}
	s.messages[row.ID] = m
	return m
}

// uidKey is a UID as the planner has it.
func uidKey(uid mail.UID) string { return strconv.FormatUint(uint64(uid), 10) }

// refresh derives the states of a message from its place and flags against
// the row, after one of them became known anew.
func (m *message) refresh(home string) {
	for _, side := range []*plan.Side{&m.item.Local, &m.item.Remote} {
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

// form returns how the file relates to its server form.
func (m *message) form() mail.Form {
	if m.row != nil {
		return m.row.Form
	}
	if m.content != nil {
		return m.content.Form
	}
	return mail.FormLF
}

// digest returns the digest of the server form; zero when it is not known.
func (m *message) digest() mail.Digest {
	if m.row != nil {
		return m.row.Digest
	}
	if m.content != nil {
		return m.content.Digest
	}
	return mail.Digest{}
}

// ref returns the message that an operation is about.
func ref(it *plan.Item) *message { return it.Ref.(*message) }

// settled takes into the row that the change of flags in op reached its side.
func (m *message) settled(op *plan.Op, unheld mail.Flags) {
	delta, before := op.Delta, m.row.LocalFlags
	delta.Add = delta.Add.Minus(unheld)
	switch op.Kind {
	case plan.RemoteFlags, plan.SettleLocal:
		m.row.LocalFlags = m.row.LocalFlags.Apply(op.Learned).Minus(m.cannot)
		m.row.RemoteFlags = m.row.RemoteFlags.Apply(delta)
	case plan.LocalFlags, plan.SettleRemote:
		m.row.RemoteFlags = m.row.RemoteFlags.Apply(op.Learned)
		m.row.LocalFlags = m.row.LocalFlags.Apply(delta)
	}
	if !m.row.LocalFlags.Equal(before) {
		// The name shows the flags of before. Where the file is in another folder than
		// the row, nothing notes the one that it has now.
		m.row.Info = infoUnknown
	}
}

// infoUnknown stands in a row for a file name whose flags the base has not
// taken over: it names no file, so the next scan looks at the file again.
const infoUnknown = "/"

// infoAway stands there for the name of a file that was not in its folder when a run made
// that again, and may be elsewhere; see plan.Item.Away. It names no file either.
const infoAway = "//"

// namesNoFile reports whether what a row has of a name is one of these.
func namesNoFile(info string) bool { return strings.HasPrefix(info, infoUnknown) }

// place notes in the row where the file is.
func (m *message) place(mailboxID int64, f maildir.File) {
	if m.noteName(m.row, f) {
		m.row.MailboxID = mailboxID
	}
}

// noteName notes in a row how the file of m is called, unless this cycle did not look at its
// folder. The name is noted only when the base holds the flags that it shows; otherwise a
// change that could not be applied yet would never be seen again.
func (m *message) noteName(row *state.Message, f maildir.File) bool {
	if strings.Contains(f.Name, infoUnknown) {
		return false
	}
	row.New, row.Base = f.New, f.Base()
	row.Info = f.Name[len(row.Base):]
	if !row.LocalFlags.Equal(m.item.Local.Flags) || m.reading.Open {
		row.Info = infoUnknown
	}
	return true
}

// newRow joins a file and a message of the server; flags are the caller's.
func (s *session) newRow(mb *mailbox, local, rem *message) *state.Message {
	f, c := local.file, local.content
	row := &state.Message{ID: rem.replaces, MailboxID: mb.row.ID, UID: rem.uid, Base: f.Base(), New: f.New, Info: f.Name[len(f.Base()):],
		Digest: c.Digest, Size: c.Size, DiskSize: c.DiskSize, Form: c.Form, Date: rem.date, EmailID: rem.emailID}
	row.Identify(c.Essence)
	if row.Date == 0 {
		row.Date = local.date
	}
	return row
}
