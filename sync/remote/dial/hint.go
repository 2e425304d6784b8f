package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// Hint says what to try when a connection could not be opened.
func (d *Dialer) Hint(err error) string {
	var (
		plain   tls.RecordHeaderError
		cert    *certError
		proto   *wrongProtocol
		dns     *net.DNSError
		refused *net.OpError
		away    *awayError
	)
	if hint := refusal.Hint(err); hint != "" && !refusal.ClosedEarly(err) {
		return hint
	}
	switch {
	case errors.As(err, &away):
		return "use tls = \"implicit\" or \"starttls\"; allow_cleartext = true if mail and password may be read on the way"
	case errors.As(err, &cert):
		return cert.hint(d.Fingerprint != "", time.Now())
	case errors.As(err, &refused) && refused.Op == "remote error": // an alert of TLS
		if d.Certificate != nil {
			return "the server may not take this client certificate: check tls_cert and tls_key"
		}
		return "the server may want a client certificate: set tls_cert and tls_key"
	case d.Tunnel != "":
		return "run the tunnel command in a terminal: an IMAP server must greet there"
	case errors.As(err, &plain):
		return "this port speaks clear text first: try tls = \"starttls\", usually port 143"
	case errors.Is(err, errSpeaksTLS):
		return "try tls = \"implicit\", usually port 993"
	case errors.As(err, &proto):
		return "check host and port: IMAP is on 993 (tls = \"implicit\") or 143 (tls = \"starttls\")"
	case errors.As(err, &dns):
		return "check host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check host and port; nothing listens there"
	case errors.Is(err, ErrStalled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		if d.TLS != Implicit {
			return "if this port speaks TLS from the first byte, set tls = \"implicit\""
		}
		return "check host, port and tls; or try again later"
	}
	return "check host, port and tls"
}

// ErrStalled says that the server made no progress within the time allowed.
var ErrStalled = error(stalledError{})

// stalledError is a [net.Error] of the kind that time ended.
type stalledError struct{}

func (stalledError) Error() string   { return "the server sent nothing for too long" }
func (stalledError) Timeout() bool   { return true }
func (stalledError) Temporary() bool { return true }

var errSpeaksTLS = errors.New("the server speaks TLS from the first byte")

// wrongProtocol is a first line that no IMAP server sends.
type wrongProtocol struct{ line string }

func (e *wrongProtocol) Error() string { return fmt.Sprintf("not an IMAP server: it says %q", e.line) }

// NotIMAP is why a first line is not a greeting.
func NotIMAP(line []byte) error {
	if len(line) > 0 && (line[0] == 0x15 || line[0] == 0x16) {
		return errSpeaksTLS
	}
	line = wire.TrimEOL(line)
	return &wrongProtocol{line: string(line[:min(len(line), 60)])}
}
