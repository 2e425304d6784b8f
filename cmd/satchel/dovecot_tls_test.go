package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// testTLS connects in all the ways that a person may have configured.
func testTLS(t *testing.T, bin string) {
	const password = "correct horse"
	srv := dovecot.Start(t, dovecot.Options{TLS: true, Password: "not " + password,
		// Dovecot has an address that failed wait.
		Extra: "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}"})
	srv.Password = `"not ` + password + `"` // as LOGIN wants it
	r := newRig(t, bin, srv, "/", "", "ann")
	srv.Password = "not " + password
	r.imap.append("INBOX", "", 1_700_000_000, withCRLF(text("hello", "")))
	block, _ := pem.Decode(srv.CertPEM())
	sum := sha256.Sum256(block.Bytes)
	ca := filepath.Join(r.root, "ca.pem")
	r.must(os.WriteFile(ca, srv.CertPEM(), 0o600))
	right := "sha256:" + hex.EncodeToString(sum[:])
	wrong := "sha256:" + strings.Repeat("0f", 32)
	login := "user = \"ann\"\npassword = \"" + srv.Password + "\"\n"
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	nobody := closed.Addr().String()
	r.must(closed.Close())

	for _, x := range []struct {
		name, addr, config string
		code               int
		says               []string
	}{
		{"unknown authority", srv.TLSAddr(), login, 4, []string{"satchel: home: connect to " + srv.TLSAddr(), "unknown authority", "hint: the certificate is signed by nobody but itself: set tls_ca", "it may be an attacker's", right}},
		{"tls_ca", srv.TLSAddr(), login + "tls_ca = \"" + ca + "\"\n", 0, nil},
		{"fingerprint", srv.TLSAddr(), login + "tls_fingerprint = \"" + right + "\"\n", 0, nil},
		{"wrong fingerprint", srv.TLSAddr(), login + "tls_fingerprint = \"" + wrong + "\"\n", 4, []string{"not the pinned one", "hint: the server may have a new certificate, or somebody may be in between", right}},
		{"starttls", srv.Addr(), login + "tls = \"starttls\"\ntls_ca = \"" + ca + "\"\n", 0, nil},
		{"starttls, unknown authority", srv.Addr(), login + "tls = \"starttls\"\n", 4, []string{"unknown authority", "set tls_ca"}},
		{"starttls to the TLS port", srv.TLSAddr(), login + "tls = \"starttls\"\ntls_ca = \"" + ca + "\"\ntimeout = \"1s\"\n", 4, []string{`set tls = "implicit"`}},
		{"TLS to the plain port", srv.Addr(), login + "tls_ca = \"" + ca + "\"\n", 4, []string{"hint: ", `tls = "starttls"`}},
		{"wrong password", srv.TLSAddr(), strings.Replace(login, "not ", "hardly ", 1) + "tls_ca = \"" + ca + "\"\n", 4, []string{"login", "as ann", "hint: "}},
		{"unknown user", srv.TLSAddr(), strings.Replace(login, "ann", "eve", 1) + "tls_ca = \"" + ca + "\"\n", 4, []string{"login", "as eve"}},
		{"wrong port", nobody, login, 4, []string{"connect to " + nobody, "refused", "hint: check host and port"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := &rig{T: t, bin: r.bin, root: t.TempDir(), srv: srv, imap: r.imap}
			r.mail = filepath.Join(r.root, "Mail")
			r.configure(x.addr, "%s", x.config)
			runs := [][]string{{"sync"}, {"sync", "--json"}}
			if x.name == "wrong password" {
				runs = append(runs, []string{"sync", "-vv"}, []string{"plan"})
			}
			for _, args := range runs {
				o := r.fails(x.code, args)
				for _, s := range x.says {
					// JSON quotes.
					if all := strings.ReplaceAll(o.stdout+o.stderr, `\"`, `"`); !strings.Contains(all, strings.TrimPrefix(s, "hint: ")) {
						t.Errorf("satchel %v: %q is not in %v", args, s, o)
					}
				}
				if strings.Contains(o.stdout+o.stderr, password) {
					t.Errorf("satchel %v tells the password: %v", args, o)
				}
				if args[0] == "sync" && len(args) == 1 && x.code == 0 && o.stdout+o.stderr != "" {
					t.Errorf("not silent: %v", o)
				}
			}
			if x.code == 0 {
				r.compare(r.imap.read(), r.disk())
			} else if _, err := os.Stat(r.mail); err == nil && len(r.disk()["INBOX"]) > 0 {
				t.Error("mail, from whom?")
			}
		})
	}
}
