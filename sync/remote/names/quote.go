package names

import (
	"errors"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// maxName is how long a name may be in a command, in quotes: a command must hold
// two of them (RENAME), or one and a set of some size. Longer ones are refused
// before a command is made of them.
const maxName = 3500

// MaxListedName is how long a name may be that a list has, in bytes. Those
// beyond maxName fit into no command, but can be told of.
const MaxListedName = 2 * maxName

// Quote writes the name of a mailbox for a command, in quotes.
func Quote(mailbox, wireName string) (string, error) {
	quoted, ok := wire.Quote(wireName)
	if !ok {
		return "", unusableName(mailbox, 0)
	}
	if len(quoted) > maxName {
		return "", &mail.Error{Op: "name mailbox", Mailbox: shortened(mailbox), Kind: mail.KindMailbox,
			Hint: "rename the mailbox, or exclude it", Err: errors.New("the name is too long for a command")}
	}
	return quoted, nil
}

// shortened cuts a name that is too long to be shown.
func shortened(name string) string {
	const most = 80
	for i := range name {
		if i >= most {
			return name[:i] + "..."
		}
	}
	return name
}

// QuoteListed returns a name of a list as it goes out, if it can.
func QuoteListed(name string) (string, bool) {
	quoted, ok := wire.Quote(name)
	return quoted, ok && len(quoted) <= maxName
}

// FoldINBOX returns a name on the wire in the form under which answers are joined:
// INBOX is the same in any case.
func FoldINBOX(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	return name
}
