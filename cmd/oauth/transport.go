package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// requestTimeout is how long one request to an endpoint may take.
	requestTimeout = 30 * time.Second
	// maxAnswer bounds what is read of an answer: tokens are some kilobytes.
	maxAnswer = 1 << 20
)

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
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
