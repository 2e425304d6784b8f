package config

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOwnersWithoutNumber: where root has no number in our user namespace, what is
// on the way to the configuration may belong to one without, if nobody but the
// owner can write to it.
func TestOwnersWithoutNumber(t *testing.T) {
	nobody := os.Geteuid()
	if nobody == 0 {
		nobody = 65534
	}
	for name, x := range map[string]struct {
		mode     os.FileMode
		unmapped int
		link     bool
		fine     bool
	}{
		"a folder of the system":    {0o755, nobody, false, true},
		"in no namespace":           {0o755, -1, false, false},
		"the group can write":       {0o775, nobody, false, false},
		"all can write":             {0o757, nobody, false, false},
		"a sticky one":              {0o777 | os.ModeSticky, nobody, false, false},
		"a link":                    {0o755, nobody, true, true},
		"a link in no namespace":    {0o755, -1, true, false},
		"a link in a sticky folder": {0o777 | os.ModeSticky, nobody, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etc")
			file := filepath.Join(dir, "config.toml")
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.WriteFile(file, nil, 0o600))
			all := []string{file, dir}
			if x.link {
				must(t, os.Rename(file, file+".real"))
				must(t, os.Symlink("config.toml.real", file))
				all = append(all, file+".real")
			}
			for _, path := range all {
				must(t, os.Lchown(path, nobody, -1))
			}
			must(t, os.Chmod(dir, x.mode))
			us := -2
			if os.Geteuid() == 0 {
				us = 0
			}
			if err := (owners{us: us, unmapped: x.unmapped}).trust(file); (err == nil) != x.fine {
				t.Error(err)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOverflowUID: only in a namespace that leaves numbers out is there such an
// owner; outside of one, nobody is a user like any other.
func TestOverflowUID(t *testing.T) {
	for _, x := range []struct {
		mapped, overflow string
		want             int
	}{
		{"         0          0 4294967295\n", "65534\n", -1},
		{"      1000       1000          1\n", "65534\n", 65534},
		{"         0       1000          1\n         1     100000      65536\n", "65533\n", 65533},
		{"      1000       1000          1\n", "odd\n", -1},
		{"", "", -1},
	} {
		proc := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(proc, "self"), 0o700))
		must(t, os.MkdirAll(filepath.Join(proc, "sys", "kernel"), 0o700))
		if x.mapped != "" {
			must(t, os.WriteFile(filepath.Join(proc, "self", "uid_map"), []byte(x.mapped), 0o600))
			must(t, os.WriteFile(filepath.Join(proc, "sys", "kernel", "overflowuid"), []byte(x.overflow), 0o600))
		}
		if got := overflowUID(proc); got != x.want {
			t.Errorf("%q: %d, want %d", x.mapped, got, x.want)
		}
	}
}
