package apply

import (
	"errors"
	"io/fs"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/view"
)

// young returns what is to be remembered of a file that went up, or that the server
// has as it is.
func (a *applier) young(m *view.Message) (list []state.Young) {
	if c := m.Content; c != nil && !m.Guessed && a.Now().Sub(c.ModTime.Time()) < match.YoungFor {
		list = append(list, state.Young{Mailbox: m.File.Folder, Base: m.File.Base(), Size: c.DiskSize, Digest: c.RawDigest, Sent: a.Now()})
	}
	return list
}

// unchanged reports whether a file is as long as it was when it was read. One that
// is not is still being written, and waits.
func (a *applier) unchanged(m *view.Message) error {
	size, err := a.Store.DiskSize(m.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mail.ErrGone
	case err == nil && size != m.Content.DiskSize:
		return mail.ErrChanged
	}
	return err
}
