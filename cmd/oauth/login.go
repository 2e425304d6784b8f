package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// HasDevice reports whether the provider has the device flow.
func (c *Client) HasDevice() bool { return c.config.Endpoint.DeviceAuthURL != "" }

// PrefersBrowser reports whether a browser on this computer is the way that
// works. Google's device flow exists, but not for mail.
func (c *Client) PrefersBrowser() bool {
	return c.opts.Provider == Google || !c.HasDevice()
}

// Device asks for permission by a code that a person enters on whatever
// device (RFC 8628), and stores the refresh token. show is told where to
// enter what, and until when; a zero time has no end.
func (c *Client) Device(ctx context.Context, inFile bool, show func(url, code string, until time.Time)) (where string, err error) {
	if !c.HasDevice() {
		return "", c.problem(errors.New("the provider has no device flow (oauth_device_url)"))
	}
	ctx = c.context(ctx)
	asked, err := c.config.DeviceAuth(ctx)
	if err != nil {
		return "", c.problem(err)
	}
	if asked.DeviceCode == "" || asked.UserCode == "" || asked.VerificationURI == "" {
		return "", c.problem(errors.New("the provider's answer lacks the code or where to enter it"))
	}
	show(asked.VerificationURI, asked.UserCode, asked.Expiry)
	token, err := c.config.DeviceAccessToken(ctx, asked)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = &oauth2.RetrieveError{ErrorCode: "expired_token"}
	}
	if err != nil {
		return "", c.problem(err, asked.DeviceCode)
	}
	return c.keep(ctx, token, inFile)
}

// Browser asks for permission in a browser on this computer, which then comes
// back to a port on loopback (RFC 8252 §7.3) with PKCE (RFC 7636). show is
// told the URL to open.
func (c *Client) Browser(ctx context.Context, inFile bool, show func(url string)) (where string, err error) {
	if c.config.Endpoint.AuthURL == "" {
		return "", c.problem(errors.New("the provider has no URL for browsers (oauth_auth_url)"))
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", c.problem(err)
	}
	config := *c.config
	config.RedirectURL = "http://" + listener.Addr().String() + "/"
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	back := make(chan callback, 1)
	server := &http.Server{Handler: handleCallback(state, back), ReadHeaderTimeout: requestTimeout}
	served := make(chan struct{})
	var failed error // why it stopped serving; valid when served is closed
	go func() {
		defer close(served)
		failed = server.Serve(listener)
	}()
	defer func() {
		_ = server.Shutdown(ctx) // lets the page be sent
		_ = server.Close()
		<-served
	}()
	// prompt=consent: Google gives a refresh token only with a consent.
	show(config.AuthCodeURL(state, oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"), oauth2.S256ChallengeOption(verifier)))
	var got callback
	select {
	case got = <-back:
	case <-served:
		return "", c.problem(fmt.Errorf("wait for the browser: %w", failed))
	case <-ctx.Done():
		return "", c.problem(fmt.Errorf("the browser has not come back: %w", context.Cause(ctx)))
	}
	if got.failed != nil {
		return "", c.problem(got.failed)
	}
	token, err := config.Exchange(c.context(ctx), got.code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", c.problem(err, got.code, verifier)
	}
	return c.keep(ctx, token, inFile)
}

// callback is what the browser brings back (RFC 6749 §4.1.2).
type callback struct {
	code   string
	failed error
}

// handleCallback takes the first request that knows the state, and tells all
// others that they are none of its business.
func handleCallback(state string, back chan<- callback) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if r.URL.Path != "/" || query.Get("state") != state {
			http.NotFound(w, r)
			return
		}
		got := callback{code: query.Get("code")}
		page := "satchel has the permission. This page can be closed."
		if got.code == "" {
			got.failed = &oauth2.RetrieveError{ErrorCode: query.Get("error"), ErrorDescription: query.Get("error_description"),
				Response: &http.Response{Status: "without a code"}}
			page = "satchel was not given the permission. The terminal says why."
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, page) // a browser that is gone needs no page
		select {
		case back <- got:
		default: // it came twice
		}
	})
}
