package maildir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/sync/mail"
)

// TestEssenceOfFiles: whatever a file is like, Inspect, the bare form and a
// delivery of the same message agree on what identifies it.
func TestEssenceOfFiles(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	f := File{Folder: "INBOX", New: false, Name: "m:2,"}
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"\r\n", "\n", "\n", "\r", "a", "X-TUID: 1", "Lines:", " ", "Message-ID: <1@x>", "Status: RO\r\n", "\n\n"}), 0, 14).Draw(t, "parts")
		m := strings.Join(parts, "")
		var want bytes.Buffer
		e := mail.NewEssence(&want)
		_, _ = e.Write([]byte(m))
		_ = e.Close()
		p, _ := s.path(f)
		if err := os.WriteFile(p, []byte(m), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := s.Inspect(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		d := mail.Digest(sha256.Sum256(want.Bytes()))
		if c.Essence != d || c.EssenceSize != int64(want.Len()) || c.Housekeeping != e.Housekeeping() {
			t.Fatalf("%q: essence %v of %d bytes, %d bytes of housekeeping; want %v, %d and %d", m, c.Essence, c.EssenceSize, c.Housekeeping, d, want.Len(), e.Housekeeping())
		}
		if !slices.Contains(c.Digests(), d) {
			t.Fatalf("%q: %v is none of its digests", m, d)
		}
		r, err := s.OpenServerForm(f, mail.FormBare)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want.Bytes()) || r.Close() != nil {
			t.Fatalf("%q is %q in its bare form, %v; want %q", m, got, err, want.Bytes())
		}
		if is := c; !is.Is(d) || is.Size != c.EssenceSize && d != c.Digest {
			t.Fatalf("%q: taken for its essence it is %+v", m, is)
		}
		sp, err := s.Spool(ctx, "INBOX", strings.NewReader(m), int64(len(m)), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abort(sp)
		if sp.Essence != d {
			t.Fatalf("%q: delivered it has the essence %v, want %v", m, sp.Essence, d)
		}
		l, err := s.Likeness(ctx, f, c.DiskSize)
		if err != nil || l.Essence != d || l.Size != c.DiskSize || l.Whole != c.RawDigest {
			t.Fatalf("%q: likeness %+v, %v", m, l, err)
		}
	})
}

// TestEssenceOfLargeMessage: what does not fit in a buffer is no exception.
func TestEssenceOfLargeMessage(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	body := strings.Repeat("line\r\n", bufferSize/3)
	plain := "Subject: x\r\n\r\n" + body
	for _, m := range []string{plain, "Subject: x\r\nContent-Length: 1\r\n\r\n" + body} {
		sp, err := s.Spool(t.Context(), "INBOX", strings.NewReader(m), int64(len(m)), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abort(sp)
		if sp.Essence != mail.Digest(sha256.Sum256([]byte(plain))) {
			t.Errorf("%d bytes have another essence", len(m))
		}
	}
}

// TestGraft: the header of a server and the body of a file make the server's
// message, where the header is the file's but for housekeeping lines.
func TestGraft(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	f := File{Folder: "INBOX", New: false, Name: "m:2,"}
	p, _ := s.path(f)
	if err := os.WriteFile(p, []byte("Subject: x\nLines: 1\nTo: y\n\nbody\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for header, fits := range map[string]bool{
		"Subject: x\r\nTo: y\r\n\r\n":                               true,
		"X-TUID: 1\r\nSubject: x\r\nTo: y\r\nStatus:\r\n R\r\n\r\n": true,
		"Subject: x\r\nTo: z\r\n\r\n":                               false,
		"Subject: x\r\n\r\n":                                        false,
		"Subject: x\r\nTo: y\r\n":                                   false,
		"Subject: x\r\nTo: y\r\nX-Gateway: 1\r\n\r\n":               false,
		"": false,
	} {
		d, size, err := s.Graft(t.Context(), f, []byte(header))
		want := header + "body\r\nmore\r\n"
		if err != nil || fits && (d != mail.Digest(sha256.Sum256([]byte(want))) || size != int64(len(want))) || !fits && (size != 0 || !d.IsZero()) {
			t.Errorf("%q: %v of %d bytes, %v", header, d, size, err)
		}
	}
}
