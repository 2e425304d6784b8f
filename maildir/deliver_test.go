package maildir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gomaildir "github.com/emersion/go-maildir"
	"pgregory.net/rapid"

	"satchel/sync/mail"
)

func TestSpool(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	line := strings.Repeat("x", 77) + "\r\n"
	for name, msg := range map[string]string{
		"empty": "", "small": "Message-ID: <a>\r\n\r\nb\r\n", "raw": "a\nb\r\n", "no end": "a\r\nb",
		"full buffer": strings.Repeat("a\r\n", bufferSize/3) + "\r\n"[:bufferSize%3],
		"large":       strings.Repeat(line, 40_000), "large raw": strings.Repeat(line, 40_000) + "x",
		// CRLF across the border of the buffer, in writing and in compacting.
		"border":  strings.Repeat("y", bufferSize-1) + "\r\n" + strings.Repeat("z\r\n", bufferSize),
		"all":     strings.Repeat("\r\n", bufferSize),
		"crs":     strings.Repeat("\ra", bufferSize) + "\r\n",
		"crcrlf":  strings.Repeat("a\r\n", bufferSize) + "\r\r\n",
		"one big": strings.Repeat("a", bufferSize) + "\r\n",
	} {
		sp, err := s.Spool(t.Context(), "INBOX", strings.NewReader(msg), int64(len(msg)), 1234567)
		if err != nil {
			t.Fatal(name, err)
		}
		want, form := msg, mail.FormRaw
		if convertible(msg) {
			want, form = strings.ReplaceAll(msg, "\r\n", "\n"), mail.FormLF
		}
		b, err := os.ReadFile(sp.path)
		if err != nil || string(b) != want || sp.Form != form || sp.Size != int64(len(msg)) || sp.DiskSize != int64(len(want)) || sp.Digest != mail.Digest(sha256.Sum256([]byte(msg))) {
			t.Errorf("%s: %+v, %v", name, sp, err)
		}
		if i, err := os.Stat(sp.path); err != nil || i.ModTime().Unix() != 1234567 || i.Mode().Perm() != 0o600 {
			t.Error(name, i, err)
		}
		s.Abort(sp)
		s.Abort(sp)
	}
	if n := tree(t, s.Root()); len(n) != 0 {
		t.Error("left behind:", len(n))
	}
}

func TestSpoolWrongSize(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	big := strings.Repeat("a", bufferSize+10)
	boom := errors.New("boom")
	for _, tt := range []struct {
		r    io.Reader
		size int64
		want error
	}{
		{strings.NewReader("abc"), 4, io.ErrUnexpectedEOF},
		{strings.NewReader("abc"), 2, nil},
		{strings.NewReader(""), 2, io.ErrUnexpectedEOF},
		{strings.NewReader("abc"), -1, nil},
		{strings.NewReader(big), bufferSize + 11, io.ErrUnexpectedEOF},
		{strings.NewReader(big), bufferSize + 9, nil},
		{io.MultiReader(strings.NewReader("ab"), errReader{boom}), 4, boom},
		{io.MultiReader(strings.NewReader(big), errReader{boom}), bufferSize + 20, boom},
	} {
		sp, err := s.Spool(t.Context(), "INBOX", tt.r, tt.size, 0)
		if err == nil || sp != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("size %d: %v", tt.size, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, n := range []int64{1, bufferSize + 1} {
		_, err := s.Spool(ctx, "INBOX", strings.NewReader(big), n, 0)
		wantIs(t, err, context.Canceled)
	}
	_, err := s.Spool(t.Context(), "missing", strings.NewReader("a"), 1, 0)
	wantKind(t, err, mail.KindMailbox)
	if n := tree(t, s.Root()); len(n) != 0 {
		t.Error("left behind:", len(n))
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// What is delivered, go-maildir finds, with its flags.
func TestDeliverOracle(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	if err := os.Remove(filepath.Join(s.Root(), "INBOX/tmp")); err != nil { // made again
		t.Fatal(err)
	}
	unseen := deliver(t, s, "INBOX", "new\r\n", mail.Flags{})
	seen := deliver(t, s, "INBOX", "old\r\n", mail.NewFlags(`\Seen`, `\Flagged`))
	if !unseen.New || seen.New || get(t, s, seen) != "old\n" {
		t.Error(unseen, seen)
	}
	d := gomaildir.Dir(filepath.Join(s.Root(), "INBOX"))
	msgs, err := d.Messages()
	if err != nil || len(msgs) != 1 || msgs[0].Key() != seen.Base() || !slices.Equal(msgs[0].Flags(), []gomaildir.Flag{'F', 'S'}) {
		t.Error(msgs, err)
	}
	if n, err := d.UnseenCount(); n != 1 || err != nil {
		t.Error(n, err)
	}
	// And the other way round.
	m, w, err := d.Create([]gomaildir.Flag{gomaildir.FlagReplied})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.WriteString(w, "theirs\n"); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	l, err := s.Scan(t.Context(), "INBOX")
	if err != nil || len(l.Files) != 3 {
		t.Fatal(l, err)
	}
	for _, f := range l.Files {
		if f.Base() == m.Key() && !l.Keywords.Flags(f).Equal(flagSet(`\Answered`)) {
			t.Error(f)
		}
	}
}

func TestPublish(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX")
	spool := func() *Spooled {
		sp, err := s.Spool(t.Context(), "INBOX", strings.NewReader("x"), 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		return sp
	}
	put(t, s, File{Folder: "INBOX", New: false, Name: "taken:2,"}, "precious")
	a, b, c := spool(), spool(), spool()
	if err := s.Flush(t.Context(), []*Spooled{a, b, nil}); err != nil {
		t.Fatal(err)
	}
	items := []Publication{
		{Spooled: a, Target: File{Folder: "INBOX", New: false, Name: "taken:2,"}},
		{Spooled: b, Target: File{Folder: "INBOX", New: true, Name: b.Base}},
		{Spooled: c, Target: File{Folder: "INBOX", New: true, Name: c.Base}},
		{Target: File{Folder: "INBOX", New: true, Name: "x"}},
		{Spooled: a, Target: File{Folder: "INBOX", New: true, Name: "../x"}},
	}
	if err := s.Publish(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	wantIs(t, items[0].Err, mail.ErrExists)
	for i, it := range items {
		if (it.Err == nil) != (i == 1) {
			t.Error(i, it.Err)
		}
	}
	s.Abort(b) // published, so it stays
	if get(t, s, File{Folder: "INBOX", New: false, Name: "taken:2,"}) != "precious" || get(t, s, items[1].Target) != "x" {
		t.Error("a message was lost")
	}
}

// A message has its name only after its content is on the disk, and counts as
// delivered only after the name is there, too.
func TestOrderOfSyncs(t *testing.T) {
	for _, n := range []int{3, syncFSBatch} {
		for _, supported := range []bool{true, false} {
			h := newHookFS(func(op, _ string) error {
				if op == "syncfs" && !supported {
					return errors.ErrUnsupported
				}
				return nil
			})
			s := testStore(t, Options{FS: h})
			mustFolder(t, s, "INBOX")
			var sps []*Spooled
			var items []Publication
			for range n {
				sp, err := s.Spool(t.Context(), "INBOX", strings.NewReader("x"), 1, 0)
				if err != nil {
					t.Fatal(err)
				}
				sps = append(sps, sp)
				items = append(items, Publication{Spooled: sp, Target: File{Folder: "INBOX", New: true, Name: sp.Base}})
			}
			h.reset()
			if err := errors.Join(s.Flush(t.Context(), sps), s.Publish(t.Context(), items)); err != nil {
				t.Fatal(err)
			}
			synced, named := map[string]bool{}, 0
			calls := h.reset()
			for i, c := range calls {
				op, name, _ := strings.Cut(c, " ")
				switch op {
				case "sync":
					synced[filepath.Base(name)] = true
				case "syncfs":
					for _, sp := range sps {
						synced[sp.Base] = synced[sp.Base] || supported
					}
				case "rename":
					if named++; !synced[filepath.Base(name)] {
						t.Errorf("%s before it is on the disk", c)
					}
				case "syncdir":
					if named != n || i != len(calls)-1 {
						t.Errorf("directory synced after %d names", named)
					}
				}
			}
			if named != n || !strings.HasPrefix(calls[len(calls)-1], "syncdir") {
				t.Errorf("%d of %d, last %s", named, n, calls[len(calls)-1])
			}
		}
	}
}

func TestFlushFaults(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h})
	mustFolder(t, s, "INBOX")
	a := mustSpool(t, s)
	b := mustSpool(t, s)
	h.setHook(func(op, name string) error {
		if op == "sync" && strings.HasSuffix(name, a.Base) {
			return syscall.EIO
		}
		return nil
	})
	wantKind(t, s.Flush(t.Context(), []*Spooled{a, b}), mail.KindAccount)
	if a.durable || !b.durable {
		t.Error(a.durable, b.durable)
	}
	h.setHook(func(op, _ string) error {
		if op == "syncdir" {
			return syscall.EIO
		}
		return nil
	})
	items := []Publication{{Spooled: b, Target: File{Folder: "INBOX", New: true, Name: b.Base}}}
	wantKind(t, s.Publish(t.Context(), items), mail.KindAccount)
	wantIs(t, items[0].Err, syscall.EIO)
	h.setHook(func(op, _ string) error {
		if op == "write" {
			return syscall.ENOSPC
		}
		return nil
	})
	_, err := s.Spool(t.Context(), "INBOX", strings.NewReader("x"), 1, 0)
	wantKind(t, err, mail.KindAccount)
	h.setHook(func(op, _ string) error {
		if op == "create" {
			return syscall.EACCES
		}
		return nil
	})
	_, err = s.Spool(t.Context(), "INBOX", strings.NewReader("x"), 1, 0)
	wantKind(t, err, mail.KindMailbox)
	wantIs(t, err, mail.ErrReadOnly)
}

func mustSpool(t testing.TB, s *Store) *Spooled {
	t.Helper()
	sp, err := s.Spool(t.Context(), "INBOX", strings.NewReader("x"), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func TestNewBase(t *testing.T) {
	s := testStore(t, Options{Now: func() time.Time { return time.Unix(1e9, 5000) }})
	s.host = escapeHost("a/b:c d\n")
	seen := map[string]bool{}
	for range 1000 {
		b := s.NewBase()
		at, ok := madeAt(b)
		if seen[b] || !ok || at.Unix() != 1e9 || strings.ContainsAny(b, "/: ") || baseLen(b) != len(b) {
			t.Fatal(b, at, ok)
		}
		seen[b] = true
	}
	for _, other := range []string{"", "1.M1P1Q1R1.h", "1700000000.M123456P1.host", "1700000000.12_3.host", "1.M123456P1Q1Rzzzzzzzzzzzzzzzz.h"} {
		if _, ok := madeAt(other); ok {
			t.Error(other)
		}
	}
	rapid.Check(t, func(t *rapid.T) { _, _ = madeAt(rapid.String().Draw(t, "name")) })
}

func TestSweepTmp(t *testing.T) {
	now := time.Now()
	s := testStore(t, Options{Now: func() time.Time { return now }})
	mustFolder(t, s, "INBOX")
	old := mustSpool(t, s)
	now = now.Add(35 * time.Hour)
	young := mustSpool(t, s)
	other := filepath.Join(s.Root(), "INBOX/tmp/1700000000.M1P1.host")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if err := s.SweepTmp(t.Context(), "INBOX", time.Time{}); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{old.path: false, young.path: true, other: true} {
		if _, err := os.Stat(p); (err == nil) != want {
			t.Error(p, err)
		}
	}
}

func TestLargeMessageMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 MB")
	}
	s := testStore(t, Options{NoFsync: true})
	mustFolder(t, s, "INBOX")
	chunk := bytes.Repeat([]byte("0123456789abcd\r\n"), 1<<12)
	size := int64(len(chunk)) * 1600
	mustSpool(t, s) // fills the pool
	res := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			sp, err := s.Spool(context.Background(), "INBOX", io.LimitReader(&repeat{chunk, 0}, size), size, 0)
			if err != nil || sp.Form != mail.FormLF || sp.DiskSize != size/16*15 {
				b.Fatal(fmt.Sprint(sp), err)
			}
			s.Abort(sp)
		}
	})
	if res.AllocedBytesPerOp() > 4<<20 {
		t.Errorf("%d bytes for a message of %d", res.AllocedBytesPerOp(), size)
	}
}

type repeat struct {
	p []byte
	i int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.p[r.i:])
	r.i = (r.i + n) % len(r.p)
	return n, nil
}
