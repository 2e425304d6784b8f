package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/cmd/config"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// TestLogins: what each kind of account hands to the engine.
func TestLogins(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	certFile, keyFile, both := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "both.pem")
	write(t, certFile, cert, 0o644)
	write(t, keyFile, key, 0o600)
	write(t, both, cert+key, 0o600)
	for _, tt := range []struct {
		text                     string
		password, token, hasCert bool
		hint                     string
	}{
		{minimal, true, false, false, "check user and password_command"},
		{login(`keyring = true`), true, false, false, "check user and keyring"},
		{login(`token_command = "x"`), false, true, false, "check user and token_command"},
		{login(`keyring = true`, `auth = "oauthbearer"`), false, true, false, "check user and keyring"},
		{login(`oauth = "microsoft"`, `oauth_client_id = "x"`, `oauth_tenant = "t"`), false, true, false, "satchel login home"},
		{login(fmt.Sprintf("tls_cert = %q\ntls_key = %q", certFile, keyFile)), false, false, true, "check user and tls_cert"},
		{login(fmt.Sprintf("tls_cert = %q", both), `auth = "external"`), false, false, true, "check user and tls_cert"},
		{fmt.Sprintf("[accounts.home]\nhost = 'x'\ntls_cert = %q\n", both), false, false, true, "check user and tls_cert"},
		{with(fmt.Sprintf("tls_cert = %q", both)), true, false, true, "check user and password_command"},
		{"[accounts.home]\ntunnel = 'ssh -q host imap'\n", false, false, false, "add user and password_command"},
		{login(`tunnel = "ssh -q host imap"`, `keyring = true`), true, false, false, "check user and keyring"},
	} {
		c, err := config.Parse("c.toml", []byte(tt.text), testEnv())
		if err != nil {
			t.Errorf("%s\n%v", tt.text, err)
			continue
		}
		a, err := c.Accounts[0].Engine("/state")
		if err != nil {
			t.Errorf("%s\n%v", tt.text, err)
			continue
		}
		if (a.Password != nil) != tt.password || (a.Token != nil) != tt.token || (a.Certificate != nil) != tt.hasCert || a.LoginHint != tt.hint {
			t.Errorf("%s\npassword %v, token %v, certificate %v, hint %q", tt.text, a.Password != nil, a.Token != nil, a.Certificate != nil, a.LoginHint)
		}
		if strings.Contains(tt.text, "tunnel") && (a.TLS != remote.TLSNone || a.Tunnel == "") {
			t.Errorf("%s\ntls %s, tunnel %q", tt.text, a.TLS, a.Tunnel)
		}
		// What is accepted here, the client must accept too.
		if _, err := remote.New(remote.Options{Host: a.Host, Port: a.Port, TLS: a.TLS, User: a.User, Password: a.Password, Token: a.Token,
			Certificate: a.Certificate, Auth: a.Auth, Tunnel: a.Tunnel}); err != nil {
			t.Errorf("%s\n%v", tt.text, err)
		}
	}
}

func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	_, other := pair(t)
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		write(t, path, text, mode)
		return path
	}
	good := file("cert.pem", cert, 0o644)
	for name, tt := range map[string]struct{ cert, key, want, hint string }{
		"open key":    {good, file("open.pem", key, 0o640), "holds a private key and can be read by others", "chmod 600"},
		"no key":      {good, filepath.Join(dir, "none.pem"), "c.toml:5: tls_key: open", "PEM"},
		"other key":   {good, file("other.pem", other, 0o600), "c.toml:5: tls_key: ", "PEM"},
		"no PEM":      {good, file("text.pem", "hunter2", 0o600), "c.toml:5: tls_key: ", "PEM"},
		"no key file": {file("alone.pem", cert, 0o600), "", "c.toml:4: tls_cert: ", "PEM"},
	} {
		c, err := config.Parse("c.toml", []byte(login(fmt.Sprintf("tls_cert = %q\ntls_key = %q", tt.cert, tt.key))), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Accounts[0].Engine("/state")
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(mail.HintOf(err), tt.hint) || mail.KindOf(err) != mail.KindConfig {
			t.Errorf("%s: %v (%s)", name, err, mail.HintOf(err))
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: shown: %v", name, err)
		}
	}
}

// pair is a certificate that signs itself, and its key.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ann"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
