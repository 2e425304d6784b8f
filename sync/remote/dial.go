package remote

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"satchel/sync/mail"
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
		return nil, "", early(ctxCause(ctx, err))
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

// socket opens what everything else is sent over.
func (cl *Client) socket(ctx context.Context) (net.Conn, error) {
	switch {
	case cl.opts.Tunnel != "":
		return startTunnel(cl.opts.Tunnel)
	case cl.opts.Dial != nil:
		return cl.opts.Dial(ctx, "tcp", cl.opts.address())
	}
	return new(net.Dialer).DialContext(ctx, "tcp", cl.opts.address())
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
		return early(short(err))
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
		return &ByeError{Code: t.Code, Text: t.Text, Refused: true}
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

// certError is a certificate that does not fit, with what pins it.
type certError struct {
	err         error
	fingerprint string
}

func (e *certError) Error() string { return e.err.Error() }
func (e *certError) Unwrap() error { return e.err }

func (cl *Client) tlsConfig() *tls.Config {
	pin, pinned := parseFingerprint(cl.opts.Fingerprint)
	host := strings.Trim(cl.opts.Host, "[]")
	var own func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	if cl.opts.Certificate != nil {
		// Whatever authorities the server lists: it may know the certificate
		// by its fingerprint.
		own = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cl.opts.Certificate, nil }
	}
	return &tls.Config{
		GetClientCertificate: own,
		ServerName:           host,
		MinVersion:           tls.VersionTLS12,
		// VerifyConnection checks instead, with the certificate at hand for
		// the hint. It runs on resumed sessions too.
		InsecureSkipVerify: true,
		VerifyConnection: func(st tls.ConnectionState) error {
			if len(st.PeerCertificates) == 0 {
				return errors.New("the server sent no certificate")
			}
			leaf := st.PeerCertificates[0]
			sum := sha256.Sum256(leaf.Raw)
			if pinned {
				if string(pin) == string(sum[:]) {
					return nil
				}
				return &certError{errors.New("the certificate is not the pinned one"), hex.EncodeToString(sum[:])}
			}
			opts := x509.VerifyOptions{DNSName: host, Roots: cl.roots, Intermediates: x509.NewCertPool()}
			for _, c := range st.PeerCertificates[1:] {
				opts.Intermediates.AddCert(c)
			}
			if _, err := leaf.Verify(opts); err != nil {
				return &certError{err, hex.EncodeToString(sum[:])}
			}
			return nil
		},
	}
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
		expired x509.CertificateInvalidError
		name    x509.HostnameError
		closed  *closedEarly
		refused *net.OpError
	)
	if hint := limitHint(err); hint != "" && !errors.As(err, &closed) {
		return hint
	}
	switch {
	case errors.As(err, &cert):
		pin := fmt.Sprintf("tls_fingerprint = \"sha256:%s\" trusts this certificate", cert.fingerprint)
		switch {
		case cl.opts.Fingerprint != "":
			return "if the server has a new certificate, " + pin
		case errors.As(err, &name):
			return "set host to a name in the certificate; or " + pin
		case errors.As(err, &expired) && expired.Reason == x509.Expired:
			return "the certificate or this computer's clock is out of date; " + pin
		}
		return "set tls_ca to the file with the authority's certificate; or " + pin
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
