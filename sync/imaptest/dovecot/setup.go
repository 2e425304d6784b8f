package dovecot

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// shortTempDir makes the folder of one server. The paths of Dovecot's sockets
// must stay under some hundred bytes, and [Server.relocate] has 24 for the whole name, which
// t.TempDir, and many a TMPDIR, exceed: hence /tmp.
func shortTempDir() (string, error) {
	return os.MkdirTemp("/tmp", "sd")
}

// setUp fills the server's folder with all that does not depend on the port.
func (s *Server) setUp() error {
	// The others may look in (Dovecot is another user when the test runs as root), not write.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	if err := s.id.own(s.dir); err != nil {
		return err
	}
	for _, d := range []string{"base", "state", "home"} {
		if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil {
			return err
		}
		if err := s.id.own(filepath.Join(s.dir, d)); err != nil {
			return err
		}
	}
	var users strings.Builder
	for _, u := range s.Users {
		fmt.Fprintf(&users, "%s:{PLAIN}%s::::::\n", u, s.Password)
	}
	if err := s.writeFile("users", []byte(users.String()), 0o600); err != nil {
		return err
	}
	for name, text := range s.opt.Files {
		if err := s.writeFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if s.opt.TLS {
		cert, key, err := selfSigned()
		if err != nil {
			return fmt.Errorf("make certificate: %w", err)
		}
		s.certPEM = cert
		if err := s.writeFile("cert.pem", cert, 0o644); err != nil {
			return err
		}
		if err := s.writeFile("key.pem", key, 0o600); err != nil {
			return err
		}
	}
	if s.in.relocated {
		return s.relocate()
	}
	return nil
}

// writeFile writes a file that belongs to the user Dovecot runs as.
func (s *Server) writeFile(name string, data []byte, mode os.FileMode) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, mode); err != nil {
		return err
	}
	return s.id.own(path)
}

// selfSigned makes a certificate for the loopback addresses, and its key.
func selfSigned() (cert, key []byte, err error) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "localhost"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &priv.PublicKey, priv)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return cert, key, nil
}
