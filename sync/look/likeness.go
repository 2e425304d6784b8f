package look

import (
	"io"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

// ReadLikeness reads a message that is on its way.
func ReadLikeness(b remote.Body) (*mail.Likeness, error) {
	r := mail.NewReading()
	if _, err := io.Copy(r, b); err != nil {
		return nil, err
	}
	l := r.Done()
	return &l, nil
}
