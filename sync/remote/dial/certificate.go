package dial

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// A certificate that does not fit is what an attacker in between would show as
// well. So an error says first what is wrong with it, and how that is mended
// where it has an innocent cause; the pin, which fits whatever is there, comes
// last and with the warning that it deserves.
//
// A pin covers one certificate, and nothing beside it: its names, its dates and
// whoever signed it are not looked at, and no other certificate is taken, be it
// a renewed one. Whether a certificate was revoked is not asked (no OCSP, no
// lists).

// certError is a certificate that does not fit.
type certError struct {
	err  error
	leaf *x509.Certificate
}

func (e *certError) Error() string { return e.err.Error() }
func (e *certError) Unwrap() error { return e.err }

func (d *Dialer) config() *tls.Config {
	pin, pinned := ParseFingerprint(d.Fingerprint)
	host := strings.Trim(d.Host, "[]")
	var own func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	if d.Certificate != nil {
		// Whatever authorities the server lists: it may know the certificate
		// by its fingerprint.
		own = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return d.Certificate, nil }
	}
	return &tls.Config{
		GetClientCertificate: own,
		ServerName:           host,
		MinVersion:           tls.VersionTLS12,
		// VerifyConnection checks instead, with the certificate at hand for
		// the hint. It runs on resumed sessions too.
		InsecureSkipVerify: true,
		VerifyConnection: func(st tls.ConnectionState) error {
			if len(st.PeerCertificates) == 0 {
				return errors.New("the server sent no certificate")
			}
			leaf := st.PeerCertificates[0]
			sum := sha256.Sum256(leaf.Raw)
			if pinned {
				if string(pin) == string(sum[:]) {
					return nil
				}
				return &certError{errors.New("the certificate is not the pinned one"), leaf}
			}
			opts := x509.VerifyOptions{DNSName: host, Roots: d.Roots, Intermediates: x509.NewCertPool()}
			for _, c := range st.PeerCertificates[1:] {
				opts.Intermediates.AddCert(c)
			}
			if _, err := leaf.Verify(opts); err != nil {
				return &certError{err, leaf}
			}
			return nil
		},
	}
}

// minRSA is the shortest RSA key that is no hint of an old server, in bits.
const minRSA = 2048

// hint says what to do about a certificate that does not fit.
func (e *certError) hint(pinned bool, now time.Time) string {
	sum := sha256.Sum256(e.leaf.Raw)
	pin := "tls_fingerprint = \"sha256:" + hex.EncodeToString(sum[:]) + "\""
	if pinned {
		return "the server may have a new certificate, or somebody may be in between: compare with whoever runs the server, " +
			"and only if it is theirs, write " + pin
	}
	return e.remedy(now) + "; or, only if whoever runs the server says that this certificate is theirs, since it may be an attacker's: " + pin
}

// remedy is what mends a certificate of this kind.
func (e *certError) remedy(now time.Time) string {
	var (
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		algorithm x509.InsecureAlgorithmError
	)
	switch {
	case errors.As(e.err, &name):
		return "set host to a name that the certificate is for"
	case now.Before(e.leaf.NotBefore):
		return "the certificate is valid from " + e.leaf.NotBefore.Format(time.DateOnly) + " on: set this computer's clock"
	case now.After(e.leaf.NotAfter):
		return "the certificate expired on " + e.leaf.NotAfter.Format(time.DateOnly) + ": whoever runs the server has to renew it, if this computer's clock is right"
	case errors.As(e.err, &invalid) && invalid.Reason == x509.Expired:
		return "a certificate that it rests on has expired: whoever runs the server has to renew it, if this computer's clock is right"
	case errors.As(e.err, &invalid):
		return "the certificate is not made for this: whoever runs the server has to replace it"
	case errors.As(e.err, &algorithm), weak(e.leaf):
		return "the certificate is too weak to prove anything: whoever runs the server has to replace it"
	case selfSigned(e.leaf):
		return "the certificate is signed by nobody but itself: set tls_ca to a file with it that you have from whoever runs the server"
	}
	return "no authority that this computer knows signed the certificate: set tls_ca to the file with its authority's certificate, " +
		"or update the certificates of this computer"
}

// weak reports whether a certificate is signed in a way that can be forged, or
// has a key that can be broken.
func weak(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1:
		return true
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() < minRSA
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// ParseFingerprint accepts colons between the bytes, as openssl prints them.
func ParseFingerprint(s string) ([]byte, bool) {
	algo, digits, ok := strings.Cut(s, ":")
	if !ok || !strings.EqualFold(algo, "sha256") {
		return nil, false
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	return sum, err == nil && len(sum) == 32
}
