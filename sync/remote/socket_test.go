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
	for name, x := range map[string]struct {
		to net.Addr
		ok bool
	}{
		"IPv4":            {tcp("127.0.0.1"), true},
		"all of its net":  {tcp("127.3.2.1"), true},
		"IPv6":            {tcp("::1"), true},
		"mapped":          {tcp("::ffff:127.0.0.1"), true},
		"a socket file":   {&net.UnixAddr{Name: "/run/imap", Net: "unix"}, true},
		"another machine": {tcp("192.0.2.7"), false},
		"a private net":   {tcp("10.0.0.1"), false},
		"another of IPv6": {tcp("2001:db8::1"), false},
		"another mapped":  {tcp("::ffff:192.0.2.7"), false},
		"who knows":       {&net.IPAddr{IP: net.ParseIP("127.0.0.1")}, false},
		"nothing":         {nil, false},
	} {
		if got := stays(x.to); got != x.ok {
			t.Errorf("%s: %v", name, got)
		}
		if x.ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			ours, theirs := net.Pipe()
			defer theirs.Close()
			o := Options{Host: "localhost", TLS: TLSNone, User: "ann", Timeout: 5 * time.Second, Dial: func(context.Context, string, string) (net.Conn, error) { return &elsewhere{ours, t, x.to}, nil },
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
			if !stays(c.link.RemoteAddr()) {
				t.Errorf("reached %v", c.link.RemoteAddr())
			}
		})
	}
}
