package state

import (
	_ "embed"

	"satchel/sync/mail"
)

//go:embed intent.sql
var intentTable string

// IntentKind says what was about to be done.
type IntentKind string

// The kinds of intents. Only operations whose effect could be taken for a
// change by the user after a crash need one. There is a function for each that
// makes an [Intent] with the fields of its kind.
const (
	// IntentAppend: a file is about to appear in Mailbox on the server by APPEND.
	IntentAppend IntentKind = "append"
	// IntentCopy: the same by COPY of a message with its content.
	IntentCopy IntentKind = "copy"
	// IntentRemoteFlags and IntentLocalFlags: Delta is about to be applied.
	IntentRemoteFlags IntentKind = "remote-flags"
	IntentLocalFlags  IntentKind = "local-flags"
	// IntentRemoteMove: the message is about to be moved to Mailbox on the
	// server.
	IntentRemoteMove IntentKind = "remote-move"
	// IntentRemoteRemove: the message was removed locally, and is about to be
	// marked \Deleted and expunged.
	IntentRemoteRemove IntentKind = "remote-remove"
	// IntentLocalMove: the file is about to be moved to Mailbox as Base, where
	// the server has the message as UID, and Delta applied with it.
	IntentLocalMove IntentKind = "local-move"
	// IntentTrash: the message is about to be moved to Mailbox, because it
	// was removed locally.
	IntentTrash IntentKind = "trash"
	// IntentExpunge: the message was removed locally, or is what a move left
	// behind, and there is a copy where one was asked for. Only its removal
	// from Home is missing, which may have to wait for other clients. Mailbox
	// is where the copy of a half move is, else Home. Unlike the others this
	// one outlives runs.
	IntentExpunge IntentKind = "expunge"
	// IntentLocalRename and IntentRemoteRename: the mailbox Home is about to
	// be renamed to Mailbox on that side, with those below it.
	IntentLocalRename  IntentKind = "local-rename"
	IntentRemoteRename IntentKind = "remote-rename"
	// IntentBaseName belongs to the rename before it: once that is carried
	// out, the mailbox Home of the base is called Mailbox.
	IntentBaseName IntentKind = "base-name"
	// IntentSubscription belongs to the rename before it: the subscription of
	// Home is then to become one of Mailbox.
	IntentSubscription IntentKind = "subscription"
)

// The kinds as SQL lists them: those that belong to a rename, and all.
const (
	renameKinds = `'local-rename', 'remote-rename', 'base-name', 'subscription'`
	intentKinds = `'append', 'copy', 'remote-flags', 'local-flags', 'remote-move', 'remote-remove', 'local-move', 'trash', 'expunge', ` + renameKinds
)

// Intent is an entry of the journal. A field that its kind does not have is zero, and
// NULL in the database; intent.sql says which kind has which.
type Intent struct {
	ID      int64
	Kind    IntentKind
	Message int64  // row
	Mailbox string // where it leads
	Home    string // where the message, or the name, was
	UID     mail.UID
	Base    string
	Delta   mail.Delta
	Digest  mail.Digest
	Size    int64
	// Confirmed: the server said OK to it, and neither said nor showed what became
	// of the message, or of the mailbox that it was to rename. Of an IntentExpunge:
	// EXPUNGE may have been sent.
	Confirmed bool
}

// Uploads reports whether a file is about to appear on the server, by APPEND or by COPY.
func (i *Intent) Uploads() bool { return i.Kind == IntentAppend || i.Kind == IntentCopy }

// Subject is the message that an intent is about: its row, and the mailbox that it is in.
type Subject struct {
	Message int64
	Home    string
}

// Place is where an intent leads to. UID is that of the message there; for what is
// going to appear there it is the lowest that it can get, 0 if that is not known.
type Place struct {
	Mailbox string
	UID     mail.UID
}

// Sent is a file that is going to appear on the server, as it goes up.
type Sent struct {
	Base   string
	Digest mail.Digest
	Size   int64 // server form
	Flags  mail.Flags
}

// Append announces an upload, [IntentAppend].
func Append(to Place, f Sent) *Intent { return upload(IntentAppend, to, f) }

// Copy announces a copy on the server for a file that is here, [IntentCopy].
func Copy(to Place, f Sent) *Intent { return upload(IntentCopy, to, f) }

func upload(kind IntentKind, to Place, f Sent) *Intent {
	return &Intent{Kind: kind, Mailbox: to.Mailbox, UID: to.UID, Base: f.Base, Digest: f.Digest, Size: f.Size, Delta: mail.Delta{Add: f.Flags}}
}

func about(kind IntentKind, of Subject, at Place, d mail.Delta) *Intent {
	return &Intent{Kind: kind, Message: of.Message, Home: of.Home, Mailbox: at.Mailbox, UID: at.UID, Delta: d}
}

// RemoteFlags announces that d is applied to a message on the server, [IntentRemoteFlags].
func RemoteFlags(of Subject, at Place, d mail.Delta) *Intent {
	return about(IntentRemoteFlags, of, at, d)
}

// LocalFlags announces that d is applied to a file at home, [IntentLocalFlags].
func LocalFlags(of Subject, d mail.Delta) *Intent {
	return about(IntentLocalFlags, of, Place{Mailbox: of.Home}, d)
}

// RemoteRemove announces a removal from the server, [IntentRemoteRemove]. mark is the
// \Deleted that it sets, if that is ours, as for the kinds below: for those a server may
// have it set as well.
func RemoteRemove(of Subject, at Place, mark mail.Delta) *Intent {
	return about(IntentRemoteRemove, of, at, mark)
}

// RemoteMove announces a move on the server, [IntentRemoteMove].
func RemoteMove(of Subject, to Place, mark mail.Delta) *Intent {
	return about(IntentRemoteMove, of, to, mark)
}

// Trash announces a move to the trash, [IntentTrash].
func Trash(of Subject, to Place, mark mail.Delta) *Intent { return about(IntentTrash, of, to, mark) }

// LocalMove announces that a file is moved and gets a name of that base, and that d is
// applied to it, [IntentLocalMove].
func LocalMove(of Subject, to Place, base string, d mail.Delta) *Intent {
	i := about(IntentLocalMove, of, to, d)
	i.Base = base
	return i
}

// Expunge announces the rest of a removal, [IntentExpunge]: the message has that UID at
// home, and copied is where its copy is, or home.
func Expunge(of Subject, uid mail.UID, copied string, mark mail.Delta) *Intent {
	return about(IntentExpunge, of, Place{copied, uid}, mark)
}

// ExpungeStump announces the removal of a message that went up before its file was
// written to its end, [IntentExpunge]; base is that of the file.
func ExpungeStump(of Subject, uid mail.UID, base string) *Intent {
	i := Expunge(of, uid, of.Home, mail.Delta{})
	i.Base = base
	return i
}

// Rename announces that a mailbox, or its name somewhere, becomes another one; kind is
// one of those of renames.
func Rename(kind IntentKind, from, to string) *Intent {
	return &Intent{Kind: kind, Home: from, Mailbox: to}
}
