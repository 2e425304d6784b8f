package config

import (
	"crypto/x509"
	"fmt"
	"os"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// Engine turns a into what the engine wants. It reads the certificate and
// looks at the password file, but asks nobody for the password yet.
func (a Account) Engine(stateDir string) (mailsync.Account, error) {
	out := mailsync.Account{
		Name:           a.Name,
		Host:           a.Host,
		Port:           a.Port,
		TLSFingerprint: a.TLSFingerprint,
		AllowCleartext: a.AllowCleartext,
		User:           a.User,
		Password:       a.fetchPassword,
		Timeout:        a.Timeout,
		Connections:    a.Connections,
		Compress:       remote.Compression(a.Compress),
		Maildir:        a.Maildir,
		Include:        a.Include,
		Exclude:        a.Exclude,
		NoFsync:        !a.Fsync,
		UndoDays:       a.UndoDays,
		Policy:         a.Policy,
		MaxDeletePct:   a.MaxDeletePercent,
		StateDir:       stateDir,
	}
	if a.UndoDays == 0 {
		out.UndoDays = -1 // to the engine, zero is "not said"
	}
	if a.Auth != "auto" {
		out.Auth = a.Auth
	}
	switch a.TLS {
	case "implicit":
		out.TLS = remote.TLSImplicit
	case "starttls":
		out.TLS = remote.TLSStart
	case "none":
		out.TLS = remote.TLSNone
	}
	switch a.Layout {
	case "nested":
		out.Layout = maildir.Nested
	case "maildir++":
		out.Layout = maildir.MaildirPP
	}
	if a.PasswordFile != "" {
		if err := a.checkPasswordFile(); err != nil {
			return mailsync.Account{}, err
		}
	}
	if a.TLSCA != "" {
		pem, err := os.ReadFile(a.TLSCA)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s holds no PEM certificate", a.TLSCA)
		}
		if err != nil {
			return mailsync.Account{}, &mail.Error{Op: place(a.file, a.lines["tls_ca"]), Kind: mail.KindConfig, Err: fmt.Errorf("tls_ca: %w", err)}
		}
		out.TLSCA = pem
	}
	return out, nil
}
