package plan

import (
	"cmp"
	"fmt"
	"slices"

	"satchel/sync/mail"
)

// Kind is what an operation does, and to which side.
type Kind uint8

// The kinds. Local and Remote name the side that is changed.
const (
	CreateLocal Kind = iota + 1
	CreateRemote
	LocalLetters // the file's name is to show its keywords in the folder where it is
	Adopt        // base only: both sides agree on content and place
	SettleLocal  // base only: the server has what local changed, or cannot hold it
	SettleRemote // base only: the Maildir has what the server changed
	LocalCopy
	RemoteCopy
	Download
	Upload
	LocalMove
	RemoteMove
	LocalFlags
	RemoteFlags
	Forget // base only: both sides removed it
	LocalRemove
	RemoteRemove
	RemoteTrash
	DeleteLocal
	DeleteRemote
	ForgetMailbox // base only
	LocalRename   // of a mailbox, with what is below
	RemoteRename
	AdoptRename // base only: both sides have the mailbox under another name
)

// String returns the name that plans, reports and --json use.
func (k Kind) String() string {
	switch k {
	case CreateLocal:
		return "local-create"
	case CreateRemote:
		return "remote-create"
	case Adopt:
		return "adopt"
	case SettleLocal:
		return "settle-local"
	case SettleRemote:
		return "settle-remote"
	case LocalLetters:
		return "local-letters"
	case LocalCopy:
		return "local-copy"
	case RemoteCopy:
		return "remote-copy"
	case Download:
		return "download"
	case Upload:
		return "upload"
	case LocalMove:
		return "local-move"
	case RemoteMove:
		return "remote-move"
	case LocalFlags:
		return "local-flags"
	case RemoteFlags:
		return "remote-flags"
	case Forget:
		return "forget"
	case LocalRemove:
		return "local-remove"
	case RemoteRemove:
		return "remote-remove"
	case RemoteTrash:
		return "remote-trash"
	case DeleteLocal:
		return "local-delete"
	case DeleteRemote:
		return "remote-delete"
	case ForgetMailbox:
		return "forget-mailbox"
	case LocalRename:
		return "local-rename"
	case RemoteRename:
		return "remote-rename"
	case AdoptRename:
		return "adopt-rename"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Local reports whether k changes the Maildir.
func (k Kind) Local() bool {
	switch k {
	case CreateLocal, LocalLetters, LocalCopy, Download, LocalMove, LocalFlags, LocalRemove, DeleteLocal, LocalRename:
		return true
	}
	return false
}

// Remote reports whether k changes the server.
func (k Kind) Remote() bool {
	switch k {
	case CreateRemote, RemoteCopy, Upload, RemoteMove, RemoteFlags, RemoteRemove, RemoteTrash, DeleteRemote, RemoteRename:
		return true
	}
	return false
}

// Silent reports whether k changes the base only, which is no news to people.
func (k Kind) Silent() bool { return !k.Local() && !k.Remote() }

// Removes reports whether k takes a message away.
func (k Kind) Removes() bool { return k == LocalRemove || k == RemoteRemove || k == RemoteTrash }

// Stage is a barrier of the applier: all of a stage ends before the next one
// begins.
type Stage uint8

// The stages.
const (
	StageCreate Stage = iota
	StageLetters
	StageBase
	StageChange
	StageRemove
	StageDelete
)

// Stage returns the stage in which k is applied.
func (k Kind) Stage() Stage {
	switch k {
	case CreateLocal, CreateRemote, LocalRename, RemoteRename, AdoptRename:
		return StageCreate
	case LocalLetters:
		return StageLetters
	case Adopt, SettleLocal, SettleRemote:
		return StageBase
	case Forget, LocalRemove, RemoteRemove, RemoteTrash:
		return StageRemove
	case DeleteLocal, DeleteRemote, ForgetMailbox:
		return StageDelete
	}
	return StageChange
}

// Op is one operation. The applier checks what Item says of the side that it
// is about to change before it changes anything.
type Op struct {
	Kind    Kind
	Item    *Item  // nil for operations on mailboxes
	Mailbox string // the mailbox that is changed; for moves and copies the source
	To      string // destination of moves and copies
	// Source is the item that a copy is made from.
	Source *Item
	// Delta is sent to the side; Learned is the other side's change that
	// Delta carries over, which the base takes over once Delta is applied.
	// They differ where the side has part of it already, or cannot hold it.
	Delta   mail.Delta
	Learned mail.Delta
}

// String is the line that plan, logs and golden files show.
func (o Op) String() string {
	s := o.Kind.String() + " " + o.Mailbox
	if o.Item != nil {
		key := o.Item.Local.Key
		if o.Kind.Remote() && o.Kind != Upload && o.Item.Remote.Key != "" || o.Kind == Download || key == "" {
			key = o.Item.Remote.Key
		}
		if o.Source != nil {
			key = o.Source.Local.Key
			if o.Kind.Remote() || key == "" {
				key = o.Source.Remote.Key
			}
		}
		s += " " + key
	}
	if o.To != "" {
		s += " -> " + o.To
	}
	if !o.Delta.IsEmpty() {
		s += " " + o.Delta.String()
	}
	if o.Item != nil && o.Item.Size > 0 && (o.Kind == Download || o.Kind == Upload) {
		s += fmt.Sprintf(" (%d bytes)", o.Item.Size)
	}
	return s
}

func compareOps(a, b Op) int {
	c := cmp.Or(
		cmp.Compare(a.Kind.Stage(), b.Kind.Stage()),
		cmp.Compare(a.Mailbox, b.Mailbox),
		compareKeys(a.key(), b.key()),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.To, b.To),
	)
	if c == 0 && a.Item != b.Item {
		// Two messages of one key in different mailboxes end in the same one.
		c = cmp.Compare(a.String(), b.String())
	}
	return c
}

func (o Op) key() string {
	if o.Item == nil {
		return ""
	}
	_, k := o.Item.where()
	return k
}

// compareKeys orders UIDs by value and file names by spelling, UIDs first.
func compareKeys(a, b string) int {
	switch x, y := isNumber(a), isNumber(b); {
	case x && y:
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	case x:
		return -1
	case y:
		return 1
	}
	return cmp.Compare(a, b)
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// sortOps puts ops in the order of [compareOps]. Mailboxes are deleted with
// the deepest name first, so that a parent is never deleted before its child.
func sortOps(ops []Op) {
	slices.SortStableFunc(ops, func(a, b Op) int {
		if a.Kind.Stage() == StageDelete && b.Kind.Stage() == StageDelete {
			return cmp.Or(cmp.Compare(b.Mailbox, a.Mailbox), cmp.Compare(a.Kind, b.Kind))
		}
		return compareOps(a, b)
	})
}

// MessageKey names the message for reports: its UID or file name.
func (o Op) MessageKey() string { return o.key() }
