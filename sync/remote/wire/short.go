package wire

import (
	"errors"
	"io"
)

// Short turns an end of file within a response into an error that cannot be
// taken for the end of a message.
func Short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
