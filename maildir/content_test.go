package maildir

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func TestInspect(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	long := strings.Repeat("0123456789abcde\n", 40_000)
	for _, tt := range []struct {
		disk, server string
		form         mail.Form
		id           string
	}{
		{"", "", mail.FormRaw, ""},
		{"a", "a", mail.FormRaw, ""},
		{"a\nb", "a\r\nb", mail.FormLF, ""},
		{"Message-ID: <x@y> \n\nbody\n", "Message-ID: <x@y> \r\n\r\nbody\r\n", mail.FormLF, "<x@y>"},
		{"From x\nbroken\nMESSAGE-id :\n <x@y>\n\t z\nMessage-ID: <2>\n", "", mail.FormLF, "<x@y> z"},
		{"A: b\r\nMessage-Id:<x@y>\r\n\r\nMessage-ID: <no>", "A: b\r\nMessage-Id:<x@y>\r\n\r\nMessage-ID: <no>", mail.FormRaw, "<x@y>"},
		{"A: b\n\nMessage-ID: <no>\n", "", mail.FormLF, ""},
		{"\nMessage-ID: <no>\n", "", mail.FormLF, ""},
		{"a\r\nb\n", "a\r\nb\n", mail.FormRaw, ""},
		{long, "", mail.FormLF, ""},
		{long + "\r\n" + long, long + "\r\n" + long, mail.FormRaw, ""},
		{strings.Repeat("x", bufferSize/4-1) + "\r\n\n", strings.Repeat("x", bufferSize/4-1) + "\r\n\n", mail.FormRaw, ""},
	} {
		if tt.server == "" {
			tt.server = strings.ReplaceAll(tt.disk, "\n", "\r\n")
		}
		f := File{Folder: "INBOX", New: false, Name: "m:2,"}
		put(t, s, f, tt.disk)
		if err := s.SetDate(f, 12345); err != nil {
			t.Fatal(err)
		}
		c, err := s.Inspect(t.Context(), f)
		name := tt.disk[:min(40, len(tt.disk))]
		if err != nil || c.Form != tt.form || c.MessageID != tt.id || c.Size != int64(len(tt.server)) || c.DiskSize != int64(len(tt.disk)) ||
			c.Digest != mail.Digest(sha256.Sum256([]byte(tt.server))) || c.RawDigest != mail.Digest(sha256.Sum256([]byte(tt.disk))) ||
			c.ModTime != 12345 || c.Inode == 0 {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
		r, err := s.OpenServerForm(f, c.Form)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != tt.server || r.Close() != nil {
			t.Errorf("%q: sent %d bytes, %v", name, len(b), err)
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	_, err := s.Inspect(t.Context(), File{Folder: "INBOX", New: false, Name: "none"})
	wantIs(t, err, mail.ErrGone)
	mkdirs(t, s, "INBOX/cur/dir")
	_, err = s.Inspect(t.Context(), File{Folder: "INBOX", New: false, Name: "dir"})
	wantKind(t, err, mail.KindMessage)
	if err := os.Symlink("/nonexistent", filepath.Join(s.Root(), "INBOX/cur/link")); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Inspect(t.Context(), File{Folder: "INBOX", New: false, Name: "link"}); err == nil {
		t.Error("no error")
	}
	_, err = s.ReadServerRange(File{Folder: "INBOX", New: false, Name: "none"}, mail.FormLF, 0, 1)
	wantIs(t, err, mail.ErrGone)
}

func TestReadServerRange(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	f := File{Folder: "INBOX", New: false, Name: "m:2,"}
	rapid.Check(t, func(t *rapid.T) {
		disk := rapid.StringMatching("[a\n]{0,40}").Draw(t, "disk")
		p, _ := s.path(f)
		if err := os.WriteFile(p, []byte(disk), 0o600); err != nil {
			t.Fatal(err)
		}
		off, n := rapid.Int64Range(0, 90).Draw(t, "off"), rapid.Int64Range(0, 90).Draw(t, "n")
		for form, server := range map[mail.Form]string{mail.FormRaw: disk, mail.FormLF: strings.ReplaceAll(disk, "\n", "\r\n")} {
			want := ""
			if off < int64(len(server)) {
				want = server[off:min(int64(len(server)), off+n)]
			}
			got, err := s.ReadServerRange(f, form, off, n)
			if err != nil || string(got) != want {
				t.Fatalf("%v: %q, %v; want %q", form, got, err, want)
			}
		}
	})
}
