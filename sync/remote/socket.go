package remote

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"satchel/sync/mail"
)

// socket opens what everything else is sent over.
func (cl *Client) socket(ctx context.Context) (net.Conn, error) {
	o := &cl.opts
	if o.Tunnel != "" {
		return startTunnel(o.Tunnel)
	}
	if o.Dial != nil {
		return o.Dial(ctx, "tcp", o.address())
	}
	dial := new(net.Dialer).DialContext
	addresses := mail.LoopbackAddresses(o.Host)
	if len(addresses) == 0 {
		return dial(ctx, "tcp", o.address())
	}
	var errs []error
	for _, a := range addresses {
		conn, err := dial(ctx, "tcp", net.JoinHostPort(a, strconv.Itoa(o.Port)))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	// What failed first is what most servers would have listened on.
	return nil, errs[0]
}

// mayLeave reports whether what is sent may be sent to other machines: it is
// protected, or the user says so. A tunnel answers for itself.
func (o *Options) mayLeave() bool {
	return o.TLS != TLSNone || o.AllowCleartext || o.Tunnel != ""
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
