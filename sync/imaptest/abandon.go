package imaptest

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// Abandon ends a connection of [Server.Dial] as the death of the client's process
// does: what was sent arrives, what is on its way back is lost. The function that
// it returns waits until the server has done all that it was told.
func Abandon(c net.Conn) (wait func()) {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		_ = c.Close()
		return func() {}
	}
	_ = half.CloseWrite()
	return func() {
		_, _ = io.Copy(io.Discard, untimed{c})
		_ = c.Close()
	}
}

// untimed reads on whatever deadline the client has set.
type untimed struct{ c net.Conn }

func (d untimed) Read(p []byte) (int, error) {
	for {
		n, err := d.c.Read(p)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = d.c.SetReadDeadline(time.Time{})
			continue
		}
		return n, err
	}
}
