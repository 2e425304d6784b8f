package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// Dialer says where a server is, and how a connection to it is protected.
type Dialer struct {
	Host string
	Port int
	TLS  Mode
	// Roots are the authorities that are believed; nil: the system's.
	Roots       *x509.CertPool
	Fingerprint string           // pins the certificate; see ParseFingerprint
	Certificate *tls.Certificate // shown when the server asks for one; nil: none
	Cleartext   bool             // what is sent in clear may go to other machines
	Tunnel      string           // a command in place of a socket
	Timeout     time.Duration    // for the whole of the opening
	// DialSocket opens the socket; nil: net.Dialer.
	DialSocket func(ctx context.Context, network, addr string) (net.Conn, error)
	// Answered makes what the server says safe to show.
	Answered func(wire.Text) wire.Text
}

// Dialed is what came of dialling; the counts are there after an error too.
type Dialed struct {
	Conn net.Conn
	// Greeting stands for the server's, which STARTTLS read already.
	Greeting string

	Reached    bool // the server, on an address to which something may be sent
	BytesIn    int64
	RoundTrips int64
}

// Dial opens the socket and TLS. With STARTTLS it also reads the greeting.
func (d *Dialer) Dial(ctx context.Context) (res Dialed, _ error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, fmt.Errorf("%w (%v)", ErrStalled, d.Timeout))
	defer cancel()
	conn, err := d.socket(ctx)
	if err != nil {
		return res, err
	}
	if !d.MayLeave() && !stays(conn.RemoteAddr()) {
		_ = conn.Close() // before anything was sent
		return res, &awayError{conn.RemoteAddr()}
	}
	res.Reached = true
	if b, ok := conn.(interface{ SetWriteBuffer(int) error }); ok {
		// What the kernel has taken counts as progress, so it must not take
		// more than a slow line carries within the Timeout.
		_ = b.SetWriteBuffer(sendBuffer)
	}
	Linger(conn, 0)
	if d.TLS == Clear {
		res.Conn = conn
		return res, nil
	}
	// Until the link takes over, the whole of the opening has one Timeout.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if d.TLS == StartTLS {
		if err := d.startTLS(conn, &res); err != nil {
			_ = conn.Close()
			return res, ctxCause(ctx, err)
		}
		res.Greeting = "* OK [CAPABILITY IMAP4rev1] hello\r\n"
	}
	secure := tls.Client(conn, d.config())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return res, refusal.Early(ctxCause(ctx, err))
	}
	if !stop() { // the deadline may be set already
		_ = conn.Close()
		return res, context.Cause(ctx)
	}
	res.Conn = secure
	return res, nil
}

const sendBuffer = 256 << 10

// Linger sets what becomes of bytes that the kernel has taken and not sent when
// the connection ends, as after kill -9 as well. With 0 they are dropped:
// delivered later, they would be messages that the next run has uploaded once
// more by then. With -1 they are sent.
func Linger(conn net.Conn, seconds int) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(seconds)
	}
}

func ctxCause(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ctx.Err())) {
		return context.Cause(ctx)
	}
	return err
}
