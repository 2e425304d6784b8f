package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"satchel/sync/mail"
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
	c.secrets.Add(asked.DeviceCode)
	if err := sensible(asked, time.Now()); err != nil {
		return "", c.problem(err)
	}
	show(asked.VerificationURI, asked.UserCode, asked.Expiry)
	token, err := c.config.DeviceAccessToken(ctx, asked)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = &oauth2.RetrieveError{ErrorCode: "expired_token"}
	}
	if err != nil {
		return "", c.problem(err)
	}
	return c.keep(ctx, token, inFile)
}

// What a provider's answer is held to.
const (
	maxInterval = time.Minute      // between two questions whether the code was entered
	maxWait     = time.Hour        // for the person
	usualWait   = 15 * time.Minute // where the provider says nothing sensible
	maxCode     = 100              // of what a person has to type
	maxURL      = 2000
)

// sensible refuses what cannot be shown to a person, and keeps the times of an
// answer within reason (RFC 8628 §3.2).
func sensible(a *oauth2.DeviceAuthResponse, now time.Time) error {
	if a.DeviceCode == "" || a.UserCode == "" || a.VerificationURI == "" {
		return errors.New("the provider's answer lacks the code or where to enter it")
	}
	u, err := url.Parse(a.VerificationURI)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(a.VerificationURI) > maxURL ||
		mail.Printable(a.VerificationURI) != a.VerificationURI {
		return errors.New("the provider's answer does not say where to enter the code: it names no page")
	}
	if len(a.UserCode) > maxCode || mail.Printable(a.UserCode) != a.UserCode {
		return errors.New("the provider's answer has a code that nobody can enter")
	}
	if most := int64(maxInterval / time.Second); a.Interval > most {
		a.Interval = most
	}
	a.Interval = max(a.Interval, 0) // 0: the usual one
	switch {
	case !a.Expiry.After(now):
		a.Expiry = now.Add(usualWait)
	case a.Expiry.After(now.Add(maxWait)):
		a.Expiry = now.Add(maxWait)
	}
	return nil
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
	door := newDoor(handleCallback(state, back))
	served := make(chan struct{})
	var failed error // why it stopped serving; valid when served is closed
	go func() {
		defer close(served)
		failed = door.Serve(listener)
	}()
	defer func() {
		shut(ctx, door)
		<-served
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, fmt.Errorf("%v passed", maxWait))
	defer cancel()
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
	c.secrets.Add(got.code)
	c.secrets.Add(verifier)
	token, err := config.Exchange(c.context(ctx), got.code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", c.problem(err)
	}
	return c.keep(ctx, token, inFile)
}
