package maildir

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"satchel/sync/mail"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for root, kind := range map[string]mail.Kind{
		"":                         mail.KindConfig,
		file:                       mail.KindConfig,
		filepath.Join(dir, "none"): mail.KindBrake,
		link:                       mail.KindBrake,
	} {
		_, err := Open(root, Options{})
		wantKind(t, err, kind)
		if mail.HintOf(err) == "" {
			t.Errorf("no hint: %v", err)
		}
	}
	_, err := Open(dir, Options{FS: newHookFS(func(op, _ string) error {
		if op == "readdir" {
			return syscall.EACCES
		}
		return nil
	})})
	wantKind(t, err, mail.KindConfig)
}

func TestID(t *testing.T) {
	h := newHookFS(nil)
	s := testStore(t, Options{FS: h})
	if id, err := s.ID(); id != "" || err != nil {
		t.Fatal(id, err)
	}
	if err := s.SetID("one"); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.Root(), idFile)
	if err := os.WriteFile(name, []byte(`{"id":"two","note":7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	// Interrupted at every step, the file is the old or the new one.
	for n := 0; ; n++ {
		h.setHook(killAt(n))
		err := s.SetID("three")
		h.setHook(nil)
		id, rerr := s.ID()
		if rerr != nil || id != "two" && id != "three" {
			t.Fatal(n, id, rerr)
		}
		if err == nil {
			break
		}
	}
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), `"note": 7`) {
		t.Errorf("%s, %v", b, err)
	}
	if err := os.WriteFile(name, []byte(`{"id":`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.ID()
	wantKind(t, err, mail.KindBrake)
	wantKind(t, s.SetID("x"), mail.KindBrake)
}
