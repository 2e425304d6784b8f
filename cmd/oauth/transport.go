package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"satchel/sync/mail"
)

const (
	// requestTimeout is how long one request to an endpoint may take.
	requestTimeout = 30 * time.Second
	// maxAnswer bounds what is read of an answer: tokens are some kilobytes.
	maxAnswer = 1 << 20
)

// usual is the transport of the standard library, which asks no resolver where
// localhost is: what goes there goes in clear.
func usual() http.RoundTripper {
	shared, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // somebody else's, who answers for it
	}
	t := shared.Clone()
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		places := mail.LoopbackAddresses(host)
		if err != nil || len(places) == 0 {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		var errs []error
		for _, place := range places {
			conn, err := new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(place, port))
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
	return t
}

// whole is a transport whose answers are read when they are returned. oauth2
// does not close the body of the device endpoint's answer, and with it would
// stay a connection.
type whole struct{ next http.RoundTripper }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), requestTimeout, fmt.Errorf("no answer within %v", requestTimeout))
	defer cancel()
	resp, err := w.next.RoundTrip(r.WithContext(ctx))
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		err = errors.Join(err, resp.Body.Close())
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	if string(bytes.TrimSpace(body)) == "null" {
		body = []byte("{}") // oauth2 makes nil of it, and falls over that
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
