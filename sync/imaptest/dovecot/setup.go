package dovecot

import (
	"cmp"
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

// config is the whole configuration: none of the system's is read.
func (s *Server) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	line("base_dir = %s/base", s.dir)
	line("state_dir = %s/state", s.dir)
	line("instance_name = %s", filepath.Base(s.dir))
	line("log_path = %s/log", s.dir)
	line("protocols = imap")
	line("listen = 127.0.0.1")
	if s.in.relocated {
		line("libexec_dir = %s", s.in.libexec)
		line("mail_plugin_dir = %s", s.in.modules)
		line("import_environment = TZ LD_LIBRARY_PATH")
	}

	// One user for everything, which is what lets it run without being root;
	// entering a chroot would need root too.
	line("default_internal_user = %s", s.id.user)
	line("default_internal_group = %s", s.id.group)
	line("default_login_user = %s", s.id.user)
	line("first_valid_uid = 1")
	line("first_valid_gid = 1")
	for _, svc := range []string{"anvil", "stats", "imap-urlauth-login"} {
		line("service %s {\n  chroot =\n}", svc)
	}

	// One login process takes all connections and is there from the start;
	// an imap process takes the next connection when one is over. Both save
	// a fork and an exec at each connection.
	tlsListener := "port = 0"
	if s.opt.TLS {
		tlsListener = fmt.Sprintf("port = %d\n    ssl = yes", s.tlsPort)
	}
	line("service imap-login {\n  chroot =\n  service_count = 0\n  process_min_avail = 1\n  process_limit = 1")
	line("  inet_listener imap {\n    port = %d\n  }\n  inet_listener imaps {\n    %s\n  }\n}", s.port, tlsListener)
	line("service imap {\n  service_count = 0\n  process_limit = 200\n}")
	line("service auth {\n  client_limit = 2000\n}")

	line("ssl = no")
	if s.opt.TLS {
		line("ssl = yes\nssl_cert = <%s/cert.pem\nssl_key = <%s/key.pem", s.dir, s.dir)
	}
	line("disable_plaintext_auth = no")
	line("auth_mechanisms = %s", cmp.Or(s.opt.Mechanisms, "plain login cram-md5 scram-sha-1 scram-sha-256"))
	line("auth_failure_delay = 0")
	line("auth_verbose = yes")
	line("passdb {\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%%u %s/users\n}", s.dir)
	line("userdb {\n  driver = static\n  args = uid=%d gid=%d home=%s/home/%%u\n}", s.id.uid, s.id.gid, s.dir)
	line("login_greeting = Dovecot ready: %s", s.token)

	path := "mail"
	if s.opt.Storage == Maildir {
		path = "Maildir"
	}
	line("mail_location = %s:~/%s", s.opt.Storage, path)
	line("mail_fsync = %s", s.opt.Fsync)
	line("mail_max_userip_connections = 100")
	line("mailbox_list_index = yes") // also what IMAP NOTIFY needs
	line("namespace inbox {\n  inbox = yes\n  separator = %s\n  prefix = %s", s.opt.Delimiter, s.opt.Prefix)
	// Marked when a test creates them, not created: a fresh account holds INBOX only.
	for _, use := range []string{"Drafts", "Junk", "Sent", "Trash", "Archive"} {
		line("  mailbox %s {\n    special_use = \\%s\n  }", use, use)
	}
	line("}")
	if s.opt.Capability != "" {
		line("imap_capability = %s", s.opt.Capability)
	}
	line("%s", strings.ReplaceAll(s.opt.Extra, "$DIR", s.dir))
	return b.String()
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
