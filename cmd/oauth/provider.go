package oauth

import (
	"fmt"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"

	"satchel/sync/mail"
)

// The providers that are known by name, and the one that is described.
const (
	Google    = "google"
	Microsoft = "microsoft"
	Custom    = "custom"
)

// Options says whose tokens are wanted, and from whom.
type Options struct {
	Account string // in errors and hints
	// Entry names the refresh token in the keyring.
	Entry string
	// File is where the refresh token is kept when there is no keyring.
	File string
	// Private makes the folder of a file, and refuses one that others can write
	// to; nil: it is only made.
	Private func(path string) error

	Provider     string // Google, Microsoft or Custom
	Tenant       string // of Microsoft; empty: common
	ClientID     string
	ClientSecret string   // empty for a public client
	Scopes       []string // empty: those that IMAP needs at the provider
	// The endpoints of Custom. Device or Auth may be empty.
	DeviceURL, AuthURL, TokenURL string
}

func (o *Options) config() *oauth2.Config {
	c := &oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes}
	var scopes []string
	switch o.Provider {
	case Google:
		c.Endpoint = endpoints.Google
		scopes = []string{"https://mail.google.com/"}
	case Microsoft:
		c.Endpoint = endpoints.AzureAD(o.Tenant)
		// Without offline_access there is no refresh token.
		scopes = []string{"https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"}
	default:
		c.Endpoint = oauth2.Endpoint{DeviceAuthURL: o.DeviceURL, AuthURL: o.AuthURL, TokenURL: o.TokenURL}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = scopes
	}
	// Every server must take them there from a client without a secret
	// (RFC 6749 §3.2.1), and the large ones do so from the others.
	c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if o.Provider == Custom && o.ClientSecret != "" {
		c.Endpoint.AuthStyle = oauth2.AuthStyleAutoDetect
	}
	return c
}

// CheckURL refuses an endpoint to which secrets would go in clear.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return fmt.Errorf("must be a URL such as https://login.example.org/token")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !mail.Loopback(u.Hostname())) {
		return fmt.Errorf("must begin with https://, so that tokens are not sent in clear")
	}
	return nil
}
