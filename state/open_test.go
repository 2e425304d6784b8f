package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b", "st%41te?#", "home.db")
	if there, err := state.Exists(path); there || err != nil {
		t.Fatalf("before: %v %v", there, err)
	}
	db := openAt(t, path)
	putMailbox(t, db, "INBOX")
	if there, err := state.Exists(path); !there || err != nil {
		t.Fatalf("after: %v %v", there, err)
	}
	if db.Path() != path {
		t.Errorf("path %q", db.Path())
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has permissions %v", f.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
}

// A state that was copied about is made private again.
func TestOpenTightens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	putMailbox(t, openAt(t, path), "INBOX")
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home.db")
	db := openAt(t, path)
	mb := putMailbox(t, db, "INBOX")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(mb, 7, "x")) })
	// As after a crash: the first one was never closed.
	again := openAt(t, path)
	if m, err := again.ByUID(t.Context(), mb.ID, 7); err != nil || m == nil || m.Base != "x" {
		t.Fatalf("%+v %v", m, err)
	}
}

// ours makes a state of 500 messages.
func ours(t *testing.T, path string) {
	db, err := state.Open(t.Context(), path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mb := putMailbox(t, db, "INBOX")
	write(t, db, func(tx *state.Tx) error {
		for i := range 500 {
			if err := tx.PutMessage(message(mb, mail.UID(i+1), fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// foreign are files that are no state, or none of this version.
func foreign() []foreignFile {
	return []foreignFile{
		{"newer schema", func(t *testing.T, path string) {
			ours(t, path)
			raw(t, path, "PRAGMA user_version=99")
		}, "newer satchel (schema 99"},
		{"another program's database", func(t *testing.T, path string) {
			raw(t, path, "CREATE TABLE status (id INTEGER)", "INSERT INTO status VALUES(1)")
		}, "no state file"},
		{"another program's application id", func(t *testing.T, path string) {
			raw(t, path, "CREATE TABLE x (y)", "PRAGMA application_id=7", "PRAGMA user_version=1")
		}, "no state file"},
		{"text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("Subject: hello\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a database"},
		{"overwritten", func(t *testing.T, path string) {
			ours(t, path)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < 4096; i++ {
				data[i] = 0xa5
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "malformed"},
	}
}

type foreignFile struct {
	name string
	make func(t *testing.T, path string)
	says string
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range foreign() {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "home.db")
			test.make(t, path)
			refuses(t, path, test.says)
		})
	}
}

// refuses checks that Open says why, and leaves the file as it is.
func refuses(t *testing.T, path, says string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := state.Open(t.Context(), path, state.Options{})
	if err == nil {
		_ = db.Close()
		t.Fatal("opened")
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("error %q does not say %q", err, says)
	}
	if mail.KindOf(err) != mail.KindConfig || mail.HintOf(err) == "" {
		t.Errorf("kind %v, hint %q", mail.KindOf(err), mail.HintOf(err))
	}
	after, err := os.ReadFile(path)
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("a WAL was left beside it")
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := state.Open(ctx, filepath.Join(t.TempDir(), "home.db"), state.Options{})
	if !errors.Is(err, context.Canceled) || mail.HintOf(err) != "" {
		t.Fatalf("%v, hint %q", err, mail.HintOf(err))
	}
}
