package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
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

// without adds the capabilities that a level does without.
func (l Level) without(caps []string) []string {
	switch l {
	case LevelCondstore:
		return append(slices.Clone(caps), "QRESYNC")
	case LevelPlain:
		return append(slices.Clone(caps), "QRESYNC", "CONDSTORE")
	}
	return caps
}

// validate returns an error of [mail.KindConfig] for a level that is none.
func (l Level) validate() error {
	switch l {
	case LevelAuto, LevelQResync, LevelCondstore, LevelPlain:
		return nil
	}
	return &mail.Error{Op: fmt.Sprintf("level %q", string(l)), Kind: mail.KindConfig,
		Err: errors.New("only qresync, condstore and plain")}
}

// levelOf returns the level at which a mailbox was last synced on a server of
// that level: lower when it keeps no mod-sequences (NOMODSEQ), or when the
// server was caught at getting them wrong there. Empty is unknown.
func levelOf(server string, mb *state.Mailbox, doubts remote.Doubts) string {
	switch {
	case server == "" || mb.Cursor.UIDNext == 0:
		return ""
	case mb.Cursor.HighestModSeq == 0 || doubts&remote.DoubtModSeq != 0:
		return string(LevelPlain)
	case doubts&remote.DoubtVanished != 0 && server == string(LevelQResync):
		return string(LevelCondstore)
	}
	return server
}

// compareEvery is how often the flags of a mailbox without mod-sequences are
// fetched one by one although searches find no difference: a server may keep
// keywords that its FLAGS do not name, and so nobody searches for.
const compareEvery = 24 * time.Hour

// metaCompared is followed by a mailbox; its value is when that was done, in
// Unix seconds.
const metaCompared = "compared "

// baseFlags returns what the base knows of the flags on the server, for a
// mailbox that must be compared.
func (s *session) baseFlags(ctx context.Context, mb *mailbox) func() (*remote.FlagRuns, error) {
	if mb.row == nil || mb.cursorOf().UIDNext == 0 || s.req.Full {
		return nil
	}
	return func() (*remote.FlagRuns, error) {
		runs := &remote.FlagRuns{}
		return runs, s.db.RemoteFlags(ctx, mb.row.ID, runs.Add)
	}
}

// namedFlags returns the flags that a mailbox named when it was last opened.
func namedFlags(mb *mailbox) mail.Flags {
	if mb.row == nil {
		return mail.Flags{}
	}
	return mb.row.Permanent
}

// comparison says of a mailbox without mod-sequences that its flags are to be
// fetched one by one, because that was not done for long.
func (s *session) comparison(ctx context.Context, mb *mailbox) (remote.Doubts, error) {
	if mb.remote.Status.HighestModSeq != 0 || s.rep.Cycles > 1 {
		return 0, nil
	}
	text, err := s.db.Meta(ctx, metaCompared+mb.name)
	if err != nil {
		return 0, err
	}
	last, err := strconv.ParseInt(text, 10, 64)
	if err == nil && s.start.Sub(time.Unix(last, 0)) < compareEvery {
		return 0, nil
	}
	s.compared[mb.name] = true
	return remote.DoubtSearch, nil
}

// noteCompared remembers which mailboxes were compared one by one.
func (s *session) noteCompared(tx *state.Tx) error {
	for name := range s.compared {
		if mb := s.mailboxes[name]; mb == nil || mb.frozen() {
			continue
		}
		if err := tx.SetMeta(metaCompared+name, strconv.FormatInt(s.start.Unix(), 10)); err != nil {
			return err
		}
	}
	return nil
}
