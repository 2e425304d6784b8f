package account

import (
	"errors"
	"fmt"
	"slices"

	"satchel/sync/mail"
)

// Level is how a server's mailbox is brought up to date.
type Level string

// The levels, from the best. A server or a mailbox that does not know one is
// taken at the next.
const (
	LevelAuto      Level = ""          // the best that the server offers
	LevelQResync   Level = "qresync"   // the server says what changed and what is gone (RFC 7162)
	LevelCondstore Level = "condstore" // it says what changed; what is gone is found by comparing UIDs
	LevelPlain     Level = "plain"     // flags and UIDs are compared
)

// Without adds the capabilities that a level does without.
func (l Level) Without(caps []string) []string {
	switch l {
	case LevelCondstore:
		return append(slices.Clone(caps), "QRESYNC")
	case LevelPlain:
		return append(slices.Clone(caps), "QRESYNC", "CONDSTORE")
	}
	return caps
}

// Validate returns an error of [mail.KindConfig] for a level that is none.
func (l Level) Validate() error {
	switch l {
	case LevelAuto, LevelQResync, LevelCondstore, LevelPlain:
		return nil
	}
	return &mail.Error{Op: fmt.Sprintf("level %q", string(l)), Kind: mail.KindConfig,
		Err: errors.New("only qresync, condstore and plain")}
}
