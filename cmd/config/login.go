package config

import (
	"slices"
	"strings"

	"satchel/cmd/oauth"
	"satchel/sync/remote"
)

// source is one way to get what a login takes.
type source struct {
	key   string
	set   bool
	token bool // it gives an access token
}

// sources are the ways that the account has.
func (a *Account) sources() []source {
	return slices.DeleteFunc(a.allSources(), func(s source) bool { return !s.set })
}

func (a *Account) allSources() []source {
	return []source{
		{"password", a.Password != "", false},
		{"password_command", a.PasswordCommand != "", false},
		{"password_file", a.PasswordFile != "", false},
		{"keyring", a.Keyring, false},
		{"token_command", a.TokenCommand != "", true},
		{"oauth", a.OAuth.Provider != "", true},
	}
}

// tokenMechanism reports whether auth sends an access token.
func tokenMechanism(auth string) bool {
	return auth == remote.AuthOAuthBearer || auth == remote.AuthXOAuth2
}

// checkLogin wants exactly one source of what the login takes, and that it
// fits auth. A tunnel may need no login, and a certificate may be one.
func (p *parser) checkLogin(a *Account, write func(string) string) {
	before := len(p.errs)
	p.checkCertificate(a, write)
	p.checkOAuth(a, write)
	if len(p.errs) > before {
		return
	}
	sources := a.sources()
	byCertificate := a.TLSCert != "" && (a.Auth == remote.AuthAuto || a.Auth == remote.AuthExternal)
	switch {
	case len(sources) > 1:
		var names []string
		for _, s := range sources {
			names = append(names, s.key)
		}
		what := "its password"
		if sources[len(sources)-1].token {
			what = "what it logs in with"
		}
		p.errorf(p.at(a, names[1]), "keep one of them", "account %q has more than one source of %s: %s",
			a.Name, what, strings.Join(names, ", "))
		return
	case len(sources) == 0 && !byCertificate && (a.Tunnel == "" || a.User != ""):
		if a.User == "" { // one mistake, not two
			p.errorf(p.at(a, "user"), write(`user = "ann@example.org"`), "account %q has no user", a.Name)
		}
		p.errorf(a.Line, write(`password_command = "pass show mail/`+a.Name+`" (or password_file, keyring = true, password)`),
			"account %q has no source of its password", a.Name)
		return
	case len(sources) == 1 && a.User == "":
		p.errorf(p.at(a, "user"), write(`user = "ann@example.org"`), "account %q has no user", a.Name)
		return
	}
	if len(sources) == 1 && a.Auth != remote.AuthAuto && a.Auth != remote.AuthExternal && sources[0].token && !tokenMechanism(a.Auth) {
		p.errorf(p.at(a, "auth"), `write auth = "auto", "oauthbearer" or "xoauth2"`,
			"auth = %q sends a password, and %s gives an access token", a.Auth, sources[0].key)
	}
}

func (p *parser) checkCertificate(a *Account, write func(string) string) {
	switch {
	case a.TLSKey != "" && a.TLSCert == "":
		p.errorf(p.at(a, "tls_key"), write(`tls_cert = "~/cert.pem"`), "tls_key has no certificate")
	case a.TLSCert != "" && a.TLS == "none":
		p.errorf(p.at(a, "tls_cert"), `write tls = "implicit" or "starttls"`, "tls_cert needs TLS")
	case a.Auth == remote.AuthExternal && a.TLSCert == "":
		p.errorf(p.at(a, "auth"), write(`tls_cert = "~/cert.pem" and tls_key = "~/key.pem"`), "auth = \"external\" needs a client certificate")
	}
}

// checkOAuth wants of the provider's keys those that belong to it.
func (p *parser) checkOAuth(a *Account, write func(string) string) {
	o := &a.OAuth
	for _, k := range []struct {
		key  string
		set  bool
		only string // the one provider that has it; empty: all
	}{
		{"oauth_client_id", o.ClientID != "", ""},
		{"oauth_client_secret", o.ClientSecret != "", ""},
		{"oauth_scopes", len(o.Scopes) > 0, ""},
		{"oauth_tenant", o.Tenant != "", oauth.Microsoft},
		{"oauth_device_url", o.DeviceURL != "", oauth.Custom},
		{"oauth_auth_url", o.AuthURL != "", oauth.Custom},
		{"oauth_token_url", o.TokenURL != "", oauth.Custom},
	} {
		switch {
		case !k.set:
		case o.Provider == "":
			p.errorf(p.at(a, k.key), write(`oauth = "google", "microsoft" or "custom"`), "%s has no provider", k.key)
			return
		case k.only != "" && k.only != o.Provider:
			p.errorf(p.at(a, k.key), "remove it, or write oauth = \""+k.only+"\"", "%s is not for oauth = %q", k.key, o.Provider)
			return
		}
	}
	switch {
	case o.Provider == "":
	case o.ClientID == "":
		p.errorf(p.at(a, "oauth"), write(`oauth_client_id = "..." (the provider gives one to whoever registers a client)`), "oauth has no oauth_client_id")
	case o.Provider == oauth.Custom && o.TokenURL == "":
		p.errorf(p.at(a, "oauth"), write(`oauth_token_url = "https://..."`), "oauth = \"custom\" has no oauth_token_url")
	case o.Provider == oauth.Custom && o.DeviceURL == "" && o.AuthURL == "":
		p.errorf(p.at(a, "oauth"), write(`oauth_device_url = "https://..." (or oauth_auth_url)`), "oauth = \"custom\" has no oauth_device_url")
	}
}
