package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"

	"satchel/cmd/oauth"
	"satchel/maildir"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// Engine turns a into what the engine wants. It reads the certificates and
// looks at the password file, but asks nobody for the password yet.
func (a Account) Engine(stateDir string) (mailsync.Account, error) {
	out := a.plain(stateDir)
	if len(a.sources()) > 0 {
		a.credentials(&out)
	}
	if a.PasswordFile != "" {
		if err := a.checkPasswordFile(); err != nil {
			return mailsync.Account{}, err
		}
	}
	var err error
	if a.TLSCert != "" {
		if out.Certificate, err = a.certificate(); err != nil {
			return mailsync.Account{}, err
		}
	}
	if a.TLSCA != "" {
		if out.TLSCA, err = a.authority(); err != nil {
			return mailsync.Account{}, err
		}
	}
	return out, nil
}

// plain is what the file says, without what must be read or asked for elsewhere.
func (a Account) plain(stateDir string) mailsync.Account {
	out := mailsync.Account{
		Name:           a.Name,
		Host:           a.Host,
		Port:           a.Port,
		TLS:            a.tlsMode(),
		TLSFingerprint: a.TLSFingerprint,
		AllowCleartext: a.AllowCleartext,
		User:           a.User,
		LoginHint:      a.loginHint(),
		Tunnel:         a.Tunnel,
		Timeout:        a.Timeout,
		Connections:    a.Connections,
		Compress:       remote.Compression(a.Compress),
		Maildir:        a.Maildir,
		Layout:         a.layout(),
		UTF7Folders:    a.FolderNames == "utf-7",
		Separator:      a.Separator,
		Folders:        a.Folders,
		Include:        a.Include,
		Exclude:        a.Exclude,
		NoFsync:        !a.Fsync,
		UndoDays:       a.UndoDays,
		Policy:         a.Policy,
		Direction:      mailsync.Direction(a.Direction),
		MaxDeletePct:   a.MaxDeletePercent,
		StateDir:       stateDir,
	}
	if a.UndoDays == 0 {
		out.UndoDays = -1 // to the engine, zero is "not said"
	}
	if a.Auth != "auto" {
		out.Auth = a.Auth
	}
	if a.Level != "auto" {
		out.Level = mailsync.Level(a.Level)
	}
	return out
}

// tlsMode is the word of the file; empty where it has none.
func (a Account) tlsMode() remote.TLSMode {
	switch a.TLS {
	case "implicit":
		return remote.TLSImplicit
	case "starttls":
		return remote.TLSStart
	case "none":
		return remote.TLSNone
	}
	return ""
}

func (a Account) layout() maildir.Layout {
	if a.Layout == "maildir++" {
		return maildir.MaildirPP
	}
	return maildir.Nested
}

// credentials sets what the one source of the account gives.
func (a Account) credentials(out *mailsync.Account) {
	switch {
	case a.TokenCommand != "":
		out.Token = a.fromTokenCommand
	case a.OAuth.Provider != "":
		out.Token = a.OAuthClient(out.StateDir, nil).Token
	case tokenMechanism(a.Auth):
		out.Token = a.fetchPassword // who asks for it calls the token a password
	default:
		out.Password = a.fetchPassword
	}
}

// loginHint is what to do when the server refuses the login.
func (a Account) loginHint() string {
	sources := a.sources()
	switch {
	case a.OAuth.Provider != "":
		return "satchel login " + a.Name
	case len(sources) > 0:
		return "check user and " + sources[0].key
	case a.TLSCert != "":
		return "check user and tls_cert"
	}
	return "add user and password_command"
}

// OAuthClient gets the access tokens of the account. transport carries its
// requests; nil: the usual one.
func (a Account) OAuthClient(stateDir string, transport http.RoundTripper) *oauth.Client {
	o := a.OAuth
	return oauth.New(oauth.Options{
		Account: a.Name, Entry: "oauth:" + a.KeyringUser(), File: filepath.Join(stateDir, a.Name+".token"), Private: state.Private,
		Provider: o.Provider, Tenant: o.Tenant, ClientID: o.ClientID, ClientSecret: string(o.ClientSecret), Scopes: o.Scopes,
		DeviceURL: o.DeviceURL, AuthURL: o.AuthURL, TokenURL: o.TokenURL,
	}, transport)
}

// certificate reads the client's certificate and its key.
func (a Account) certificate() (*tls.Certificate, error) {
	key, keyFile := "tls_key", a.TLSKey
	if keyFile == "" {
		key, keyFile = "tls_cert", a.TLSCert
	}
	keyPEM, info, err := readRegular(keyFile, maxSize)
	if err == nil && openToOthers(info) {
		return nil, readable(keyFile, "holds a private key and can be read by others")
	}
	certPEM := keyPEM
	if err == nil && a.TLSCert != keyFile {
		if certPEM, _, err = readRegular(a.TLSCert, maxSize); err != nil {
			key = "tls_cert"
		}
	}
	if err == nil {
		var cert tls.Certificate
		if cert, err = tls.X509KeyPair(certPEM, keyPEM); err == nil {
			return &cert, nil
		}
	}
	return nil, &mail.Error{Op: place(a.file, a.lines[key]), Kind: mail.KindConfig,
		Hint: "both must be PEM, and the key without a passphrase", Err: fmt.Errorf("%s: %w", key, err)}
}

// authority reads the certificates that are trusted besides those of the system.
func (a Account) authority() ([]byte, error) {
	pem, _, err := readRegular(a.TLSCA, maxSize)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s holds no PEM certificate", a.TLSCA)
	}
	if err != nil {
		return nil, &mail.Error{Op: place(a.file, a.lines["tls_ca"]), Kind: mail.KindConfig,
			Hint: "tls_ca is a PEM file with the certificate of an authority", Err: fmt.Errorf("tls_ca: %w", err)}
	}
	return pem, nil
}
