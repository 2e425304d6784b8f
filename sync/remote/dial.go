package remote

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

const sendBuffer = 256 << 10

// dial opens the socket and TLS. With STARTTLS it also reads the greeting,
// and returns what is left of it for go-imap.
func (cl *Client) dial(ctx context.Context) (_ net.Conn, greeting string, _ error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cl.opts.Timeout, fmt.Errorf("%w (%v)", errStalled, cl.opts.Timeout))
	defer cancel()
	conn, err := cl.socket(ctx)
	if err != nil {
		return nil, "", err
	}
	if !cl.opts.mayLeave() && !stays(conn.RemoteAddr()) {
		_ = conn.Close() // before anything was sent
		return nil, "", &awayError{conn.RemoteAddr()}
	}
	cl.count(func(s *Stats) { s.Connections++ })
	if b, ok := conn.(interface{ SetWriteBuffer(int) error }); ok {
		// What the kernel has taken counts as progress, so it must not take
		// more than a slow line carries within the Timeout.
		_ = b.SetWriteBuffer(sendBuffer)
	}
	linger(conn, 0)
	if cl.opts.TLS == TLSNone {
		return conn, "", nil
	}
	// Until the link takes over, the whole of the opening has one Timeout.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if cl.opts.TLS == TLSStart {
		if err := cl.startTLS(conn); err != nil {
			_ = conn.Close()
			return nil, "", ctxCause(ctx, err)
		}
		greeting = "* OK [CAPABILITY IMAP4rev1] hello\r\n"
	}
	secure := tls.Client(conn, cl.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, "", refusal.Early(ctxCause(ctx, err))
	}
	if !stop() { // the deadline may be set already
		_ = conn.Close()
		return nil, "", context.Cause(ctx)
	}
	return secure, greeting, nil
}

// linger sets what becomes of bytes that the kernel has taken and not sent when
// the connection ends, as after kill -9 as well. With 0 they are dropped:
// delivered later, they would be messages that the next run has uploaded once
// more by then. With -1 they are sent.
func linger(conn net.Conn, seconds int) {
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

// startTLS runs before the link exists, because the link must not see the
// bytes of TLS. Nothing said before TLS is believed: neither capabilities,
// nor PREAUTH, nor bytes behind the answer (RFC 3501 §6.2.1, RFC 9051 §11.1,
// CVE-2011-0411).
func (cl *Client) startTLS(conn net.Conn) error {
	br := bufio.NewReaderSize(countedReader{conn, cl}, 8<<10)
	line, err := br.ReadSlice('\n')
	if err != nil {
		if len(line) > 0 && (line[0] == 0x15 || line[0] == 0x16) {
			return errSpeaksTLS
		}
		return refusal.Early(short(err))
	}
	r, ok := wire.Response{}, false
	if strings.HasPrefix(string(line), "* ") {
		r, ok = wire.ParseResponse(line[2:])
	}
	switch {
	case !ok:
		return notIMAP(line)
	case r.Kind == "BYE":
		t := cl.answered(wire.ParseText(r.Rest))
		return &refusal.ByeError{Code: t.Code, Text: t.Text, Refused: true}
	case r.Kind != "OK":
		return errors.New("the server skips login before TLS, which an attacker could fake")
	}
	if _, err := io.WriteString(conn, "S1 STARTTLS\r\n"); err != nil {
		return err
	}
	cl.count(func(s *Stats) { s.RoundTrips++ })
	for {
		if line, err = br.ReadSlice('\n'); err != nil {
			return short(err)
		}
		rest, tagged := strings.CutPrefix(string(wire.TrimEOL(line)), "S1 ")
		if !tagged {
			continue
		}
		if status, text, _ := strings.Cut(rest, " "); !strings.EqualFold(status, "OK") {
			return fmt.Errorf("the server refused STARTTLS: %s", text)
		}
		break
	}
	if br.Buffered() > 0 {
		return errors.New("the server sent more than its answer to STARTTLS, as an attacker would")
	}
	return nil
}

type countedReader struct {
	r  io.Reader
	cl *Client
}

func (c countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.cl.count(func(s *Stats) { s.BytesIn += int64(n) })
	return n, err
}

var errSpeaksTLS = errors.New("the server speaks TLS from the first byte")

// wrongProtocol is a first line that no IMAP server sends.
type wrongProtocol struct{ line string }

func (e *wrongProtocol) Error() string { return fmt.Sprintf("not an IMAP server: it says %q", e.line) }

func notIMAP(line []byte) error {
	if len(line) > 0 && (line[0] == 0x15 || line[0] == 0x16) {
		return errSpeaksTLS
	}
	line = wire.TrimEOL(line)
	return &wrongProtocol{line: string(line[:min(len(line), 60)])}
}

// connectError says where the connection was to go, and what to try.
func (cl *Client) connectError(err error) error {
	return &mail.Error{Op: "connect to " + cl.opts.address(), Kind: mail.KindConnection,
		Hint: cl.connectHint(err), Err: cl.told(err)}
}

func (cl *Client) connectHint(err error) string {
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
		return cert.hint(cl.opts.Fingerprint != "", time.Now())
	case errors.As(err, &refused) && refused.Op == "remote error": // an alert of TLS
		if cl.opts.Certificate != nil {
			return "the server may not take this client certificate: check tls_cert and tls_key"
		}
		return "the server may want a client certificate: set tls_cert and tls_key"
	case cl.opts.Tunnel != "":
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
	case errors.Is(err, errStalled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		if cl.opts.TLS != TLSImplicit {
			return "if this port speaks TLS from the first byte, set tls = \"implicit\""
		}
		return "check host, port and tls; or try again later"
	}
	return "check host, port and tls"
}
