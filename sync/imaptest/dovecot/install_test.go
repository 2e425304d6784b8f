package dovecot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindNamed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, script string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"new", "broken", "p/usr", "good"} {
		write(name+"/lib/dovecot/imap", "")
	}
	for name, tc := range map[string]struct{ path, wantErr string }{
		"missing": {filepath.Join(dir, "none"), "SATCHEL_DOVECOT names"},
		"newer":   {write("new/sbin/dovecot", "echo '2.4.1 (abc)'"), "version 2.4.1"},
		"broken":  {write("broken/sbin/dovecot", "echo oops >&2; exit 1"), "oops"},
		"partial": {write("p/usr/sbin/dovecot", "echo 2.3.19"), "no doveconf"},
		"no imap": {write("core/sbin/dovecot", "echo 2.3.19"), "no imap"},
		"good":    {write("good/sbin/dovecot", "echo '2.3.21 (x)'"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SATCHEL_DOVECOT", tc.path)
			in, err := find()
			switch {
			case tc.wantErr == "" && (err != nil || in.dovecot != tc.path || in.relocated):
				t.Errorf("got %+v, %v", in, err)
			case tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)):
				t.Errorf("got %v, want %q", err, tc.wantErr)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	root := repository()
	if _, err := os.Stat(filepath.Join(root, "sync/imaptest/dovecot/doc.go")); root == "" || err != nil {
		t.Errorf("got %q, %v", root, err)
	}
	t.Chdir(t.TempDir())
	if got := repository(); got != "" {
		t.Errorf("outside of the checkout: %q", got)
	}
}
