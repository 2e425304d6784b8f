package remote

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// checkLeaks fails the test if goroutines of this package outlive it.
func checkLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		var dump []byte
		for range 100 {
			buf := make([]byte, 1<<20)
			dump = buf[:runtime.Stack(buf, true)]
			if !bytes.Contains(dump, []byte("remote.(*link)")) && !bytes.Contains(dump, []byte("imapclient.(*Client)")) {
				return
			}
			runtime.Gosched()
			time.Sleep(2 * time.Millisecond)
		}
		t.Errorf("goroutines left:\n%s", dump)
	})
}

func password(p string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return p, nil }
}

// options for a server that is reached by open.
func dialOptions(open func() (net.Conn, error)) Options {
	return Options{
		Host: "localhost", TLS: dial.Clear, User: "ann", Password: password("secret"), Timeout: 5 * time.Second,
		Dial: func(context.Context, string, string) (net.Conn, error) { return open() },
	}
}

func newServer(t *testing.T, o imaptest.Options) *imaptest.Server {
	t.Helper()
	o.NoListen = true
	srv := imaptest.NewServer(o)
	t.Cleanup(srv.Close)
	return srv
}

func connect(t *testing.T, o Options) (*Client, *Conn) {
	t.Helper()
	checkLeaks(t)
	cl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cl.Connect(t.Context())
	if err != nil {
		t.Fatalf("connect: %v (hint %q)", err, mail.HintOf(err))
	}
	t.Cleanup(func() { _ = c.Close() })
	return cl, c
}

// lowered are the capability combinations that behaviour must not depend on.
func lowered() map[string][]string {
	return map[string][]string{
		"qresync":   nil,
		"condstore": {"QRESYNC"},
		"plain":     {"QRESYNC", "CONDSTORE", "ENABLE", "ESEARCH"},
		"bare":      {"QRESYNC", "CONDSTORE", "ENABLE", "ESEARCH", "LIST-STATUS", "LIST-EXTENDED", "NAMESPACE", "MOVE", "LITERAL+", "SASL-IR", "AUTH=PLAIN", "SPECIAL-USE"},
	}
}

func changes(t *testing.T, c *Conn, reqs ...resync.Request) []*resync.Changes {
	t.Helper()
	var got []*resync.Changes
	if err := c.Resync(t.Context(), reqs, func(ch *resync.Changes) error {
		got = append(got, ch)
		return nil
	}); err != nil {
		t.Fatalf("changes: %v", err)
	}
	return got
}

func one(t *testing.T, c *Conn, req resync.Request) *resync.Changes {
	t.Helper()
	got := changes(t, c, req)
	if len(got) != 1 {
		t.Fatalf("%d results for one mailbox", len(got))
	}
	if got[0].Err != nil {
		t.Fatalf("changes of %s: %v", req.Mailbox, got[0].Err)
	}
	return got[0]
}

func text(set mail.UIDSet) string { return strings.Join(wire.FormatSets(set, 1<<20), " ") }

func message(n int) []byte {
	return fmt.Appendf(nil, "Message-ID: <m%d@example.org>\r\nSubject: message %d\r\n\r\nBody of %d.\r\n", n, n, n)
}

func fill(srv *imaptest.Server, mailbox string, n int) []mail.UID {
	var uids []mail.UID
	for i := range n {
		uids = append(uids, mail.UID(srv.Append(mailbox, nil, time.Unix(1700000000+int64(i), 0), message(i+1))))
	}
	return uids
}

func bodies(t *testing.T, c *Conn, reqs ...BodyRequest) (map[string]string, map[string]error) {
	t.Helper()
	got := map[string]string{}
	failed, err := c.FetchBodies(t.Context(), reqs, func(b Body) error {
		data, err := io.ReadAll(b)
		if err != nil {
			return err
		}
		if int64(len(data)) != b.Size {
			t.Errorf("%s %d: %d bytes, announced %d", b.Mailbox, b.UID, len(data), b.Size)
		}
		key := fmt.Sprintf("%s/%d", b.Mailbox, b.UID)
		if _, twice := got[key]; twice {
			t.Errorf("%s delivered twice", key)
		}
		got[key] = string(data)
		return nil
	})
	if err != nil {
		t.Fatalf("bodies: %v", err)
	}
	return got, failed
}

// certificate makes a certificate for a name, signed by parent or by itself.
func certificate(t *testing.T, name string, parent *tls.Certificate) (cert *tls.Certificate, certPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: parent == nil,
	}
	issuer, signer := tmpl, any(key)
	if parent != nil {
		signer = parent.PrivateKey
		if issuer, err = x509.ParseCertificate(parent.Certificate[0]); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, issuer, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
