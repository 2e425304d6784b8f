package main

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestHostile runs the real program on servers that mean no good: it ends in
// time and in little memory, and writes nothing outside of the Maildir.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bin := build(t)
	for name, x := range map[string]struct {
		mangle func(line string) string
		code   int
	}{
		"body of 2^63-1 bytes":       {replaced("BODY[] {", "BODY[] {9223372036854775807}\r\nSubject: x"), 4},
		"body of 2^63 bytes":         {replaced("BODY[] {", "BODY[] {9223372036854775808}\r\nSubject: x"), 4},
		"body of 10^20 bytes":        {replaced("BODY[] {", "BODY[] {100000000000000000000}\r\nSubject: x"), 4},
		"name of 2^62 bytes":         {replaced(`"/" "Work"`, `"/" {4611686018427387904}`+"\r\nW"), 4},
		"name of 10,000 letters":     {replaced(`"/" "Work"`, `"/" "`+strings.Repeat("W", 10_000)+`"`), 1}, // too long for a command: that mailbox is left alone
		"line without end":           {replaced(`"/" "Work"`, `"/" "`+strings.Repeat("W", 20<<20)), 4},
		"flags without end":          {replaced("FLAGS (", "FLAGS ("+strings.Repeat("a ", 10<<20)), 4},
		"VANISHED of all":            {func(line string) string { return line + "\r\n* VANISHED 1:4294967295" }, 0},
		"EXPUNGE of what is not":     {func(line string) string { return line + "\r\n* 4294967295 EXPUNGE" }, 0},
		"responses nobody asked for": {func(line string) string { return line + "\r\n* XYZ {3}\r\nabc (\r\n* 7 FETCH (UID 99 FLAGS (\\Seen))" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostileResponses(t, bin, x.mangle, x.code)
		})
	}
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		hostileNames(t, bin)
	})
}

// replaced has some response begin as the server would, and go on as told.
func replaced(part, by string) func(string) string {
	return func(line string) string {
		if i := strings.Index(line, part); i >= 0 && strings.HasPrefix(line, "* ") {
			return line[:i] + by
		}
		return line
	}
}

// hostileResponses has responses after the login mangled. The program ends in
// time, in little memory, and writes nothing outside.
func hostileResponses(t *testing.T, bin string, mangle func(string) string, code int) {
	const memory = 96 << 20
	var begun atomic.Bool
	srv := imaptest.NewServer(imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		// Not in the greeting and the login.
		if strings.HasPrefix(line, "* LIST") {
			begun.Store(true)
		}
		if !begun.Load() || strings.HasPrefix(line, "+") {
			return line
		}
		return mangle(line)
	}})
	t.Cleanup(srv.Close)
	if err := srv.CreateMailbox("Work"); err != nil {
		t.Fatal(err)
	}
	srv.Append("INBOX", nil, time.Now(), withCRLF(text("first", strings.Repeat("long\n", 1000))))
	root := t.TempDir()
	r := &rig{T: t, bin: bin, root: root, mail: filepath.Join(root, "Mail")}
	r.configure(srv.Addr(), "tls = \"none\"\nuser = \"ann\"\npassword = \"secret\"\nfsync = false\ntimeout = \"2s\"\n")
	o := r.run("sync")
	t.Logf("%d MB, %.600s", o.peak>>20, o)
	if o.code != code || strings.Contains(o.stderr, "panic") || strings.Contains(o.stderr, "goroutine") {
		t.Errorf("exit %d, want %d", o.code, code)
	}
	if o.peak > memory || o.took > 20*time.Second {
		t.Errorf("%d MB, %v", o.peak>>20, o.took)
	}
	r.inside()
}

// hostileNames lists names of mailboxes that lead elsewhere.
func hostileNames(t *testing.T, bin string) {
	var list strings.Builder
	for _, name := range []string{`"../../escaped"`, `"/escaped"`, `".."`, `"a/../../escaped"`, `"a&AAA-b"`, `"a&AAo-b"`, `"&AC4ALg-/escaped"`, `"&AC8-escaped"`,
		`"` + strings.Repeat("x", 3_000) + `"`, `"Work"`, `"WORK"`, `"work"`, `"caf&AOk-"`, `"cafe&AwE-"`, `"cur"`, `"a/cur"`, `"a/tmp/b"`, `"new"`, `"%2E%2E"`, `"-rf"`, `"&2AA-"`, `"broken&"`} {
		list.WriteString("* LIST () \"/\" " + name + "\r\n")
	}
	srv := imaptest.NewServer(imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		if strings.HasPrefix(line, "* LIST") && strings.Contains(line, "INBOX") {
			return list.String() + line
		}
		return line
	}})
	t.Cleanup(srv.Close)
	root := t.TempDir()
	r := &rig{T: t, bin: bin, root: root, mail: filepath.Join(root, "deep", "er", "Mail")}
	r.configure(srv.Addr(), "tls = \"none\"\nuser = \"ann\"\npassword = \"secret\"\nfsync = false\ntimeout = \"5s\"\n")
	o := r.run("sync")
	names, err := filepath.Glob(filepath.Join(r.mail, "*"))
	r.must(err)
	t.Logf("%.2000s\n%q", o, names)
	if o.code != 1 || !strings.Contains(o.stderr, "home/../../escaped: ") || strings.Contains(o.stderr, "panic") {
		t.Errorf("exit %d", o.code)
	}
	r.inside()
}

// inside checks that nothing was written but the Maildir, the state and the
// configuration.
func (r *rig) inside() {
	r.Helper()
	r.must(filepath.WalkDir(r.root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, place := range []string{r.mail, filepath.Join(r.root, "state"), filepath.Join(r.root, "config")} {
			if path == place {
				return fs.SkipDir
			}
			if strings.HasPrefix(place+"/", path+"/") {
				return nil
			}
		}
		r.Errorf("what is %s?", path)
		return nil
	}))
}
