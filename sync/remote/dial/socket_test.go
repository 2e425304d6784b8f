package dial

import (
	"net"
	"testing"
)

// TestStays: the address says whether what is sent stays on this machine.
func TestStays(t *testing.T) {
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
	}
}
