package dial

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"
)

// issue makes a certificate for imap.example.org, as edit changes it.
func issue(t *testing.T, edit func(*x509.Certificate), key crypto.Signer, parent *x509.Certificate, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "imap.example.org"}, DNSNames: []string{"imap.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	edit(tmpl)
	if parent == nil {
		parent, signer = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestCertificateHints: each kind of a certificate that does not fit is named,
// and the pin comes last, with a warning.
func TestCertificateHints(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	same := func(*x509.Certificate) {}
	authority := issue(t, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject = true, x509.KeyUsageCertSign, pkix.Name{CommonName: "authority"}
	}, key, nil, nil)
	past := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(0, -2, 0), time.Now().AddDate(0, -1, 0)
	}
	for name, x := range map[string]struct {
		cert  *x509.Certificate
		knows bool // its authority
		says  string
	}{
		"expired":          {issue(t, past, key, authority, key), true, "expired on " + time.Now().AddDate(0, -1, 0).UTC().Format(time.DateOnly)},
		"expired, unknown": {issue(t, past, key, authority, key), false, "expired on "},
		"not yet valid": {issue(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().AddDate(1, 0, 0), time.Now().AddDate(2, 0, 0)
		}, key, authority, key), true, "set this computer's clock"},
		"another name":      {issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"www.example.org"} }, key, authority, key), true, "set host to a name"},
		"unknown authority": {issue(t, same, key, authority, key), false, "set tls_ca to the file with its authority's certificate"},
		"self-signed":       {issue(t, same, key, nil, nil), false, "signed by nobody but itself"},
		"short key":         {issue(t, same, short, nil, nil), false, "too weak"},
		"of a client":       {issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, key, authority, key), true, "not made for this"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Dialer{Host: "imap.example.org", TLS: Implicit, Roots: x509.NewCertPool()}
			if x.knows {
				d.Roots.AddCert(authority)
			}
			sum := sha256.Sum256(x.cert.Raw)
			pin := "sha256:" + hex.EncodeToString(sum[:])
			hint := judged(&d, x.cert)
			remedy, warned, found := strings.Cut(hint, "; or, only if whoever runs the server says")
			if !strings.Contains(remedy, x.says) || strings.Contains(remedy, "sha256:") {
				t.Errorf("%q does not begin with %q", hint, x.says)
			}
			if !found || !strings.Contains(warned, "attacker") || !strings.HasSuffix(warned, pin+`"`) {
				t.Errorf("%q ends without a warning and the pin", hint)
			}
			d.Fingerprint = "sha256:" + strings.Repeat("0f", 32)
			if hint := judged(&d, x.cert); !strings.Contains(hint, "somebody may be in between") || !strings.Contains(hint, pin) {
				t.Errorf("with another pin: %q", hint)
			}
			d.Fingerprint = pin // covers whatever else is wrong
			if hint := judged(&d, x.cert); hint != "" {
				t.Errorf("with its pin: %q", hint)
			}
		})
	}
}

// judged is the hint that a certificate gives, empty when it is taken.
func judged(d *Dialer, cert *x509.Certificate) string {
	err := d.config().VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}})
	if err == nil {
		return ""
	}
	return d.Hint(err)
}
