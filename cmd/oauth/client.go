package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"satchel/sync/mail"
)

// Client gets the tokens of one account. It is safe for concurrent use.
type Client struct {
	opts   Options
	config *oauth2.Config
	store  store
	http   *http.Client
	// secrets are hidden in whatever an endpoint says.
	secrets mail.Secrets

	mu    sync.Mutex // held while a token is fetched: the others want the same
	token *oauth2.Token
}

// New does no I/O. transport carries the requests; nil: the usual one.
func New(o Options, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = usual()
	}
	c := &Client{opts: o, config: o.config(), store: store{o.Entry, o.File, o.Private},
		http: &http.Client{Transport: whole{transport}, CheckRedirect: stay}}
	c.secrets.Add(o.ClientSecret)
	return c
}

// stay follows no redirect: it would take the secrets of the request along.
func stay(*http.Request, []*http.Request) error {
	return errors.New("it sends us elsewhere, where no token goes")
}

// Token returns an access token, from the refresh token when none is at hand
// that is still good for a while. Its errors are of [mail.KindConnection].
func (c *Client) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Valid() {
		return c.token.AccessToken, nil
	}
	refresh, inFile, err := c.store.load(ctx)
	if err != nil {
		return "", c.problem(err)
	}
	c.secrets.Add(refresh)
	// A source without an access token begins with the refresh.
	fresh, err := c.config.TokenSource(c.context(ctx), &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return "", c.problem(err)
	}
	c.learn(fresh)
	if fresh.RefreshToken != "" && fresh.RefreshToken != refresh {
		// RFC 6749 §6: the old one may be void by now.
		if _, err := c.store.save(context.WithoutCancel(ctx), fresh.RefreshToken, inFile); err != nil {
			return "", c.problem(fmt.Errorf("keep the new refresh token: %w", err))
		}
	}
	c.token = fresh
	return fresh.AccessToken, nil
}

func (c *Client) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, c.http)
}

// keep stores what a person has allowed, and says where it is.
func (c *Client) keep(ctx context.Context, t *oauth2.Token, inFile bool) (where string, err error) {
	if t.RefreshToken == "" {
		return "", c.problem(errors.New("the provider gave no refresh token"))
	}
	c.learn(t)
	where, err = c.store.save(ctx, t.RefreshToken, inFile)
	if err != nil {
		return "", c.problem(fmt.Errorf("keep the refresh token: %w", err))
	}
	if inFile {
		c.store.forget(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = t
	return where, nil
}

// maxLife is the longest that satchel takes a token to last. someLife is how long it
// takes one to last that had ended before it came.
const (
	maxLife  = 24 * time.Hour
	someLife = 5 * time.Minute
)

// learn takes note of the secrets in an answer, and keeps its dates within
// reason: a token that ended before it came would be asked for at each login.
func (c *Client) learn(t *oauth2.Token) {
	c.secrets.Add(t.AccessToken)
	c.secrets.Add(t.RefreshToken)
	now := time.Now()
	switch {
	case t.Expiry.IsZero():
	case t.Expiry.Before(now):
		t.Expiry = now.Add(someLife)
	case t.Expiry.After(now.Add(maxLife)):
		t.Expiry = now.Add(maxLife)
	}
}

// problem makes the error of whatever went wrong, with what to do about it.
func (c *Client) problem(err error) error {
	hint := cmp.Or(mail.HintOf(err), "check the network, or try again later")
	var answer *oauth2.RetrieveError
	var open *openError
	switch {
	case errors.Is(err, errNoToken):
		hint = "satchel login " + c.opts.Account
	case errors.As(err, &open):
		hint = "chmod 600 " + mail.ShellWord(open.path) + "; and satchel login " + c.opts.Account + ", if others may have read it"
	case errors.As(err, &answer):
		hint, err = c.refused(answer)
	}
	if text := mail.Said(c.secrets.Hide(err.Error())); text != err.Error() {
		err = &shownError{text: text, err: err}
	}
	return &mail.Error{Op: "access token of account " + c.opts.Account, Kind: mail.KindConnection, Hint: hint, Err: err}
}

// refused puts an endpoint's refusal into words. Its body is not among them:
// who knows what is in it.
func (c *Client) refused(e *oauth2.RetrieveError) (hint string, err error) {
	login := "satchel login " + c.opts.Account
	what := e.ErrorCode
	switch what {
	case "invalid_grant", "interaction_required", "consent_required", "login_required": // RFC 6749 §5.2, OpenID Connect §3.1.2.6
		what, hint = "the permission has expired or was revoked ("+e.ErrorCode+")", login
	case "expired_token": // RFC 8628 §3.5
		what, hint = "the code was not entered in time", login
	case "access_denied":
		what, hint = "the permission was denied", login+", and allow it"
	case "invalid_client", "unauthorized_client":
		what, hint = "the provider does not take this client ("+e.ErrorCode+")", "check oauth_client_id and oauth_client_secret, and what the client may do at the provider"
	case "invalid_scope":
		what, hint = "the provider does not give these scopes (invalid_scope)", "check oauth_scopes; or "+login+" --browser, where the device flow is not for mail"
	case "unsupported_grant_type":
		what, hint = "the provider does not know the device flow (unsupported_grant_type)", login+" --browser"
	case "":
		what, hint = "the provider answered "+e.Response.Status, "try again later"
		if e.Response.StatusCode/100 == 4 {
			hint = "check the oauth keys of the account"
		}
	default:
		what, hint = "the provider refused: "+e.ErrorCode, "check the oauth keys of the account, or try again later"
	}
	if said := firstWords(e.ErrorDescription); said != "" {
		what += ": " + said
	}
	return hint, errors.New(what)
}

// firstWords is the first line of a description; Microsoft's go on with
// trace numbers.
func firstWords(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return mail.Shortened(strings.TrimSpace(line), 300)
}

// shownError is an error without the secrets in its text.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }
