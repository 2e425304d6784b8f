package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// mailer is a mail program that runs beside syncs.
type mailer struct {
	path string
	env  []string // what it needs beside the rig's
}

// findMailer returns a program of the machine, or of the packages that
// .ci/mailers.sh unpacks. Without either the test is skipped.
func findMailer(t *testing.T, name string) mailer {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return mailer{path: path}
	}
	root, err := filepath.Abs("../../.cache/mailers")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "usr/bin", name)
	if _, err := os.Stat(path); err != nil {
		fmt.Fprintf(os.Stderr, "\n*** %s SKIPPED: no %s\n*** run `make test`, or .ci/mailers.sh, to get it\n\n", t.Name(), name)
		t.Skipf("no %s", name)
	}
	var libs []string
	for _, pattern := range []string{"usr/lib/*-linux-*", "lib/*-linux-*"} {
		dirs, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		libs = append(libs, dirs...)
	}
	return mailer{path: path, env: []string{"LD_LIBRARY_PATH=" + strings.Join(libs, ":")}}
}

// run runs it in the rig's environment and returns what it says. Not with the
// test's context, since what began with it has to be ended after it.
func (m mailer) run(r *rig, args ...string) (string, error) {
	rigged, stdout, stderr := r.command()
	cmd := exec.Command(m.path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = rigged.Dir, stdout, stderr
	cmd.Env = append(append(rigged.Env, "LC_ALL=C.UTF-8", "NAME=Ann"), m.env...)
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		r.Fatal(err)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr)
	}
	return stdout.String(), err
}

// lettersOf looks in all folders for the file of a message, by the unique
// part of its name. Nobody but the caller adds or removes its letter.
func (r *rig) lettersOf(id string) (letters string, found bool) {
	r.Helper()
	for range 100 { // a rename hides a file from a listing for a moment
		err := filepath.WalkDir(r.mail, func(path string, _ fs.DirEntry, err error) error {
			if name, info, _ := strings.Cut(filepath.Base(path), ":2,"); name == id && err == nil {
				letters, found = info, true
			}
			return nil // what went meanwhile is looked for again
		})
		r.must(err)
		if found {
			return letters, true
		}
	}
	return "", false
}

// testNotmuch has notmuch, which renames files for its tags, work beside syncs.
func testNotmuch(t *testing.T, bin string) {
	n := newNotmuchWorld(t, bin)
	n.tagBeside(20)
	// notmuch takes over what came, and may move files from new to cur, which
	// is to be carried nowhere.
	for range 2 {
		n.silent("sync")
		if _, err := n.notmuch.run(n.rig, "new", "--quiet"); err != nil {
			t.Error(err)
		}
	}
	server := n.equal()
	n.ledger.judge(t, server)
	n.idle()
	n.judgeTags(server)
}

// notmuchWorld is a Maildir whose flags are tags of notmuch.
type notmuchWorld struct {
	*rig
	notmuch  mailer
	ledger   *census
	subjects []string
	ids      map[string]string // names of files without flags, by subject
}

func newNotmuchWorld(t *testing.T, bin string) *notmuchWorld {
	notmuch := findMailer(t, "notmuch")
	r := newRig(t, bin, dovecot.Start(t, dovecot.Options{}), "/", "", "ann")
	n := &notmuchWorld{rig: r, notmuch: notmuch, ledger: newCensus(), ids: map[string]string{}}
	const messages = 24
	r.imap.create("Lists")
	for _, box := range []string{"INBOX", "Lists"} {
		for i := range messages {
			subject := fmt.Sprintf("%s-%02d", box, i)
			n.subjects = append(n.subjects, subject)
			r.imap.append(box, "", 1_600_000_000+int64(i), withCRLF(text(subject, "")))
			n.ledger.born(subject, box)
		}
	}
	r.silent("sync")
	for _, box := range []string{"INBOX", "Lists"} {
		for _, l := range r.folder(filepath.Join(r.mail, box)) {
			n.ids[l.subject()] = base(l.name)
		}
	}
	r.must(os.WriteFile(filepath.Join(r.root, ".notmuch-config"), fmt.Appendf(nil,
		"[database]\npath=%s\n[user]\nname=Ann\nprimary_email=ann@example.org\n[new]\ntags=unread;inbox\nignore=.satchel.json;dovecot-keywords\n[maildir]\nsynchronize_flags=true\n",
		r.mail), 0o600))
	n.index()
	return n
}

func (n *notmuchWorld) index() {
	n.Helper()
	if _, err := n.notmuch.run(n.rig, "new", "--quiet"); err != nil {
		n.Logf("notmuch %v", err) // files went while it looked; it is run again
	}
}

// tag changes a tag and its letter. Where the file got another name since
// notmuch looked, its rename finds nothing, and the tag must be set again.
func (n *notmuchWorld) tag(subject, name, letter string, on bool) {
	n.Helper()
	sign, want := "+", on
	if !on {
		sign = "-"
	}
	if name == "unread" {
		want = !on // S is its opposite
	}
	for range 50 {
		if _, err := n.notmuch.run(n.rig, "tag", sign+name, "--", "id:"+subject+"@example.org"); err != nil {
			n.Logf("notmuch %v", err)
		}
		if letters, found := n.lettersOf(n.ids[subject]); found && strings.Contains(letters, letter) == want {
			return
		}
		n.index()
		// It may have read the old name's flags back.
	}
	n.Errorf("notmuch cannot tag %s %s%s", subject, sign, name)
}

// tagBeside changes tags and indexes while so many syncs run. Meanwhile somebody
// answers on a phone, and mail arrives.
func (n *notmuchWorld) tagBeside(runs int64) {
	n.Helper()
	loop := n.syncing()
	for i := 0; loop.runs.Load() < runs; i++ {
		subject := n.subjects[i*7%len(n.subjects)]
		on := i/len(n.subjects)%2 == 0
		switch i % 3 {
		case 0:
			n.tag(subject, "flagged", "F", on)
			n.ledger.flag(subject, `\Flagged`, on)
		case 1:
			n.tag(subject, "unread", "S", !on)
			n.ledger.flag(subject, `\Seen`, on)
		case 2:
			n.index()
		}
		box, _, _ := strings.Cut(subject, "-")
		n.imap.selected = ""
		n.imap.store(box, subject, map[bool]string{true: "+", false: "-"}[on]+`FLAGS (\Answered)`)
		n.ledger.flag(subject, `\Answered`, on)
		if i%10 == 0 {
			late := fmt.Sprintf("late-%04d", i)
			n.imap.append("INBOX", `\Flagged`, 1_700_000_000+int64(i), withCRLF(text(late, "")))
			n.ledger.born(late, "INBOX", `\Flagged`)
		}
	}
	loop.judge(n.T)
}

// judgeTags checks that the tags of notmuch are the flags of the server.
func (n *notmuchWorld) judgeTags(server letters) {
	n.Helper()
	for tagged, flag := range map[string]string{"flagged": `\Flagged`, "replied": `\Answered`, "unread": `\Seen`} {
		out, err := n.notmuch.run(n.rig, "search", "--output=messages", "tag:"+tagged)
		if err != nil {
			n.Fatal(err)
		}
		got := strings.Fields(out)
		var want []string
		for _, ls := range server {
			for _, l := range ls {
				if slices.Contains(l.flags, flag) != (tagged == "unread") {
					want = append(want, "id:"+l.subject()+"@example.org")
				}
			}
		}
		if s := differ(sorted(want), sorted(got), flag, tagged); s != "" {
			n.Errorf("tag %s is not what %s is:\n%s", tagged, flag, s)
		}
	}
}
