package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// brakeCase is a mishap that would remove much.
type brakeCase struct {
	name  string
	does  func(r *rig)
	says  []string // one for each time that the brake is pulled
	left  int      // messages on both sides in the end
	moves int      // messages that have to be transferred anew
}

const brakeMessages = 25

func brakeCases() []brakeCase {
	return []brakeCase{
		{"root missing", func(r *rig) { r.gone("") }, []string{"no such file"}, brakeMessages, brakeMessages},
		{"root is a link that leads nowhere", func(r *rig) {
			r.gone("")
			r.must(os.Symlink("/nowhere/at all", r.mail))
			r.Cleanup(func() { _ = os.Remove(r.mail) })
		}, []string{"a symbolic link that leads nowhere"}, -1, 0},
		{"root empty", func(r *rig) {
			r.gone("")
			r.must(os.Mkdir(r.mail, 0o700))
		}, []string{"it has no .satchel.json"}, brakeMessages, brakeMessages},
		{"root of another", func(r *rig) {
			r.must(os.WriteFile(filepath.Join(r.mail, ".satchel.json"), []byte(`{"id":"another"}`), 0o600))
		}, []string{"it is not the Maildir that was synced before"}, brakeMessages, 0},
		{"cur missing", func(r *rig) { r.gone("INBOX/cur") }, []string{"INBOX/cur is missing", "would remove 25 of 25 messages from the server"}, 0, 0},
		{"new missing", func(r *rig) { r.gone("INBOX/new") }, []string{"INBOX/new is missing"}, brakeMessages, 0},
		{"emptied on disk", func(r *rig) {
			r.gone("INBOX/cur")
			r.must(os.Mkdir(filepath.Join(r.mail, "INBOX/cur"), 0o700))
		}, []string{"would remove 25 of 25 messages from the server"}, 0, 0},
		{"emptied on the server", func(r *rig) {
			r.imap.sel("INBOX")
			r.imap.cmd(`UID STORE 1:* +FLAGS (\Deleted)`)
			r.imap.cmd("EXPUNGE")
		}, []string{"would remove 25 of 25 messages from the Maildir"}, 0, 0},
	}
}

func (r *rig) gone(names ...string) {
	for _, name := range names {
		r.must(os.RemoveAll(filepath.Join(r.mail, name)))
	}
}

// testBrakes: each brake stops before anything is removed, says what it saw,
// and the command that it prints goes on.
func testBrakes(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{})
	for i, x := range brakeCases() {
		t.Run(x.name, func(t *testing.T) {
			user := []string{"ann", "bob", "carol", "dave"}[i%4]
			x.stops(newRig(t, bin, srv, "/", "", user))
		})
	}
}

// stops checks that the brake is pulled, until a person lets the run go on.
func (x brakeCase) stops(r *rig) {
	r.Helper()
	r.imap.sel("INBOX")
	r.imap.cmd(`UID STORE 1:* +FLAGS (\Deleted)`) // what the last one left
	r.imap.cmd("EXPUNGE")
	r.imap.selected = ""
	for n := range brakeMessages {
		r.imap.append("INBOX", `\Seen`, 1_700_000_000+int64(n), withCRLF(text(fmt.Sprintf("m%d", n), "")))
	}
	r.silent("sync")
	x.does(r)
	r.imap.selected = ""
	for _, says := range x.says {
		before := serverState(r)
		var o ran
		for range 2 {
			o = r.fails(5, []string{"sync"}, says, "hint: ")
		}
		if s := differ(before, serverState(r), "before", "after"); s != "" {
			r.Errorf("stopped, and changed the server:\n%s", s)
		}
		if x.left < 0 {
			return // nothing goes on there until the link is mended
		}
		r.goOn(o)
	}
	o := r.json(0, "sync")
	if len(o.Counts) > 0 && x.name != "new missing" {
		r.Errorf("not all was done: %v", o.Counts)
	}
	if n := len(r.equal()["INBOX"]); n != x.left {
		r.Errorf("%d messages are left, want %d", n, x.left)
	}
	r.idle()
}

// goOn runs the command that a brake printed, as a person would.
func (r *rig) goOn(o ran) {
	r.Helper()
	// Of two ways out the second goes through with it.
	command := regexp.MustCompile(`(?m)((?:mv|mkdir|satchel sync) [^;\n]*)$`).FindString(o.stderr)
	if command == "" {
		r.Fatalf("no command in %v", o)
	}
	cmd, stdout, stderr := r.command()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", command}
	for i, e := range cmd.Env {
		if path, ok := strings.CutPrefix(e, "PATH="); ok {
			cmd.Env[i] = "PATH=" + filepath.Dir(r.bin) + ":" + path
		}
	}
	if err := cmd.Run(); err != nil {
		r.Fatalf("%s: %v\n%s%s", command, err, stdout, stderr)
	}
}

// small mounts a file system of some kilobytes, which only root can.
func small(r *rig, dir, size string) {
	r.Helper()
	r.must(os.MkdirAll(dir, 0o700))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "mode=700,size="+size, "satchel-test", dir).CombinedOutput(); err != nil {
		r.Skipf("cannot mount a small disk: %v: %s", err, out)
	}
	r.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			r.Errorf("umount: %v: %s", err, out)
		}
	})
}

func remount(r *rig, dir, options string) {
	r.Helper()
	if out, err := exec.Command("mount", "-o", "remount,"+options, dir).CombinedOutput(); err != nil {
		r.Fatalf("remount: %v: %s", err, out)
	}
}

// testSmallDisks: 5 MB of mail, each way, and a disk of 1 MB for the Maildir,
// then for the state; and one that may not be written.
func testSmallDisks(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{})
	for i, which := range []string{"Mail", "state"} {
		t.Run(which, func(t *testing.T) {
			r := newRig(t, bin, srv, "/", "", []string{"ann", "bob"}[i])
			dir := filepath.Join(r.root, which)
			// The state of some thousand messages takes a megabyte; the
			// smallest state takes less than this.
			size, messages, body := "1m", 500, strings.Repeat("0123456789 of some length\n", 400)
			if which == "state" {
				size = "160k"
			}
			small(r, dir, size)
			var contents [][]byte
			for n := range messages {
				contents = append(contents, withCRLF(text(fmt.Sprintf("m%03d", n), body)))
			}
			r.imap.appendMany("INBOX", 1_600_000_000, contents)
			for range 2 {
				o := r.run("sync")
				if o.code == 0 || o.code > 2 || !strings.Contains(o.stderr, "satchel: home") ||
					!strings.Contains(o.stderr, "no space left") && !strings.Contains(o.stderr, "full") {
					t.Fatalf("on a full disk: %v", o)
				}
				if n := len(r.imap.messages("INBOX")); n != messages {
					t.Fatalf("%d messages on the server", n)
				}
			}
			remount(r, dir, "size=40m")
			r.silent("sync")
			if n := len(r.equal()["INBOX"]); n != messages {
				t.Errorf("%d messages", n)
			}
			r.idle()

			r.imap.selected = ""
			r.imap.store("INBOX", "m007", `+FLAGS (\Flagged)`)
			r.imap.append("INBOX", "", 1_700_000_000, withCRLF(text("late", "")))
			before := serverState(r)
			remount(r, dir, "ro")
			o := r.run("sync")
			if o.code == 0 || o.code > 2 || !strings.Contains(o.stderr, "read") {
				t.Errorf("on a disk that cannot be written: %v", o)
			}
			if s := differ(before, serverState(r), "before", "after"); s != "" {
				t.Errorf("the server changed:\n%s", s)
			}
			t.Logf("%v", o)
			remount(r, dir, "rw")
			r.silent("sync")
			r.equal()
			r.idle()
		})
	}
}
