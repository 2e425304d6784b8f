package faultfs_test

import (
	"path/filepath"
	"testing"
	"time"

	"satchel/maildir"
	"satchel/maildir/faultfs"
)

// TestClock lets every call that changes something leave the time of the
// disk's own clock, in the file or in the directories concerned.
func TestClock(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	disk, err := faultfs.NewDisk(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	disk.Now = func() time.Time { return now }
	root := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{root}, names...)...) }
	var h maildir.Handle
	for _, step := range []struct {
		name    string
		do      func() error
		stamped []string
	}{
		{"mkdir", func() error { return disk.Mkdir(at("a"), 0o700) }, []string{at(), at("a")}},
		{"mkdir b", func() error { return disk.Mkdir(at("b"), 0o700) }, []string{at(), at("b")}},
		{"create", func() (err error) { h, err = disk.Create(at("a", "f"), 0o600); return err }, []string{at("a"), at("a", "f")}},
		{"write", func() error { _, err := h.Write([]byte("hello")); return err }, []string{at("a", "f")}},
		{"write at", func() error { _, err := h.WriteAt([]byte("H"), 0); return err }, []string{at("a", "f")}},
		{"truncate", func() error { return h.Truncate(3) }, []string{at("a", "f")}},
		{"link", func() error { return disk.Link(at("a", "f"), at("b", "g")) }, []string{at("b")}},
		{"rename", func() error { return disk.RenameNoReplace(at("a", "f"), at("b", "f")) }, []string{at("a"), at("b")}},
		{"replace", func() error { return disk.Rename(at("b", "f"), at("a", "f")) }, []string{at("a"), at("b")}},
		{"remove", func() error { return disk.Remove(at("b", "g")) }, []string{at("b")}},
		{"rmdir", func() error { return disk.Rmdir(at("b")) }, []string{at()}},
	} {
		now = now.Add(time.Second)
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for _, p := range step.stamped {
			if i, err := disk.Lstat(p); err != nil || i.ModTime != now.UnixNano() {
				t.Errorf("%s: %s has the time %s, want %s (%v)", step.name, p, time.Unix(0, i.ModTime).UTC(), now, err)
			}
		}
	}
	if i, err := h.Info(); err != nil || !time.Unix(0, i.ModTime).Before(now) {
		t.Errorf("the open file has %v, %v", i, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
