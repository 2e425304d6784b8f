package quirk

import (
	"context"
	"strconv"
	"time"

	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// LevelOf returns the level at which a mailbox was last synced on a server of
// that level: lower when it keeps no mod-sequences (NOMODSEQ), or when the
// server was caught at getting them wrong there. Empty is unknown.
func LevelOf(server string, mb *state.Mailbox, doubts remote.Doubts) string {
	switch {
	case server == "" || mb.Cursor.UIDNext == 0:
		return ""
	case mb.Cursor.HighestModSeq == 0 || doubts&remote.DoubtModSeq != 0:
		return string(account.LevelPlain)
	case doubts&remote.DoubtVanished != 0 && server == string(account.LevelQResync):
		return string(account.LevelCondstore)
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

// BaseFlags returns what the base knows of the flags on the server, for a
// mailbox that must be compared.
func (s *Quirks) BaseFlags(ctx context.Context, mb *view.Mailbox) func() (*remote.FlagRuns, error) {
	if mb.Row == nil || mb.CursorOf().UIDNext == 0 || s.Req.Full {
		return nil
	}
	return func() (*remote.FlagRuns, error) {
		runs := &remote.FlagRuns{}
		return runs, s.DB.RemoteFlags(ctx, mb.Row.ID, runs.Add)
	}
}

// NamedFlags returns the flags that a mailbox named when it was last opened.
func NamedFlags(mb *view.Mailbox) mail.Flags {
	if mb.Row == nil {
		return mail.Flags{}
	}
	return mb.Row.Permanent
}

// Comparison says of a mailbox without mod-sequences that its flags are to be
// fetched one by one, because that was not done for long.
func (s *Quirks) Comparison(ctx context.Context, mb *view.Mailbox) (remote.Doubts, error) {
	if mb.Remote.Status.HighestModSeq != 0 || s.Rep.Cycles > 1 {
		return 0, nil
	}
	text, err := s.DB.Meta(ctx, metaCompared+mb.Name)
	if err != nil {
		return 0, err
	}
	last, err := strconv.ParseInt(text, 10, 64)
	if err == nil && s.Start.Sub(time.Unix(last, 0)) < compareEvery {
		return 0, nil
	}
	s.compared[mb.Name] = true
	return remote.DoubtSearch, nil
}

// NoteCompared remembers which mailboxes were compared one by one.
func (s *Quirks) NoteCompared(tx *state.Tx) error {
	for name := range s.compared {
		if mb := s.Mailboxes[name]; mb == nil || mb.Frozen() {
			continue
		}
		if err := tx.SetMeta(metaCompared+name, strconv.FormatInt(s.Start.Unix(), 10)); err != nil {
			return err
		}
	}
	return nil
}
