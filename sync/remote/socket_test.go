package remote

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// elsewhere is a connection whose other end has another address, and on which
// nothing may be sent.
type elsewhere struct {
	net.Conn
	t  *testing.T
	to net.Addr
}

func (e *elsewhere) RemoteAddr() net.Addr { return e.to }
func (e *elsewhere) Write(p []byte) (int, error) {
	e.t.Errorf("sent %q", p)
	return len(p), nil
}

// TestReachedAddress: in clear, the address that was reached decides, whatever
// name led there, and before anything is sent.
func TestReachedAddress(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 143} }
	for name, to := range map[string]net.Addr{
		"another machine": tcp("192.0.2.7"),
		"a private net":   tcp("10.0.0.1"),
		"another of IPv6": tcp("2001:db8::1"),
		"another mapped":  tcp("::ffff:192.0.2.7"),
		"who knows":       &net.IPAddr{IP: net.ParseIP("127.0.0.1")},
		"nothing":         nil,
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			ours, theirs := net.Pipe()
			defer theirs.Close()
			o := Options{Host: "localhost", TLS: TLSNone, User: "ann", Timeout: 5 * time.Second, Dial: func(context.Context, string, string) (net.Conn, error) { return &elsewhere{ours, t, to}, nil },
				Password: func(context.Context) (string, error) { t.Error("asked for the password"); return "secret", nil }}
			cl, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = cl.Connect(t.Context())
			if mail.KindOf(err) != mail.KindConnection || !strings.Contains(err.Error(), "not this machine") || !strings.Contains(mail.HintOf(err), "allow_cleartext") {
				t.Errorf("%v (%s)", err, mail.HintOf(err))
			}
		})
	}
}

// TestLocalhostAsksNobody: localhost is this machine, whatever a resolver says.
func TestLocalhostAsksNobody(t *testing.T) {
	_, o := listening(t, imaptest.Options{})
	for _, host := range []string{"localhost", "imap.localhost", "LOCALHOST."} {
		t.Run(host, func(t *testing.T) {
			o.Host, o.TLS = host, TLSNone
			_, c := connect(t, o)
			if to, ok := c.link.RemoteAddr().(*net.TCPAddr); !ok || !to.IP.IsLoopback() {
				t.Errorf("reached %v", c.link.RemoteAddr())
			}
		})
	}
}
