package dial

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"satchel/sync/mail"
)

// Mode says how a connection is protected.
type Mode string

// The modes of SPEC §3.
const (
	Implicit Mode = "implicit" // TLS from the first byte; port 993
	StartTLS Mode = "starttls" // STARTTLS before login; port 143
	Clear    Mode = "none"     // clear text; loopback only, unless allowed
)

// socket opens what everything else is sent over.
func (d *Dialer) socket(ctx context.Context) (net.Conn, error) {
	if d.Tunnel != "" {
		return startTunnel(d.Tunnel)
	}
	if d.DialSocket != nil {
		return d.DialSocket(ctx, "tcp", d.Address())
	}
	dial := new(net.Dialer).DialContext
	addresses := mail.LoopbackAddresses(d.Host)
	if len(addresses) == 0 {
		return dial(ctx, "tcp", d.Address())
	}
	var errs []error
	for _, a := range addresses {
		conn, err := dial(ctx, "tcp", net.JoinHostPort(a, strconv.Itoa(d.Port)))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	// What failed first is what most servers would have listened on.
	return nil, errs[0]
}

// MayLeave reports whether what is sent may be sent to other machines: it is
// protected, or the user says so. A tunnel answers for itself.
func (d *Dialer) MayLeave() bool {
	return d.TLS != Clear || d.Cleartext || d.Tunnel != ""
}

// stays reports whether what is sent to an address that was reached stays on
// this machine. It decides, and not the name that led there.
func stays(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return addr != nil && addr.Network() == "pipe"
}

// awayError is a connection in clear to another machine.
type awayError struct{ to net.Addr }

func (e *awayError) Error() string {
	return fmt.Sprintf("tls = \"none\" would send the password in clear to %v, which is not this machine", e.to)
}

// Address is where the server is, for people too.
func (d *Dialer) Address() string {
	switch {
	case d.Tunnel != "" && d.Host == "":
		return "the tunnel"
	case d.Tunnel != "":
		return "the tunnel to " + d.Host
	}
	return net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
}
