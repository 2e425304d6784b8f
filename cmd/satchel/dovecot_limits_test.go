package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// testQuota: an account that is full takes nothing more. What was not taken
// stays on disk, the rest goes on, and all is well once there is room.
func testQuota(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{Extra: `
mail_plugins = $mail_plugins quota
protocol imap {
  mail_plugins = $mail_plugins quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:messages=6
  quota_grace = 0
}`})
	r := newRig(t, bin, srv, "/", "", "ann")
	r.imap.create("Work")
	for i := range 4 {
		r.imap.append("INBOX", "", 1_700_000_000, withCRLF(text(fmt.Sprint("s", i), "")))
	}
	r.silent("sync")
	for i := range 4 {
		r.put(fmt.Sprintf("Work/cur/%d.mine:2,S", i), 1_700_000_000, text(fmt.Sprint("d", i), ""))
	}
	// A flag, a removal and a rename do not suffer from what does not fit.
	path := r.file("INBOX", "s0")
	r.rename(path, "INBOX/cur/"+base(path)+":2,F")
	for range 2 {
		r.fails(1, []string{"sync"}, "no room left on the server, 2 messages wait")
	}
	if n := len(r.disk()["Work"]); n != 4 {
		t.Errorf("%d of 4 messages are on disk", n)
	}
	server := r.imap.read()
	if n := len(server["INBOX"]) + len(server["Work"]); n != 6 {
		t.Errorf("%d messages on the server, which takes 6", n)
	}
	if !slices.Contains(server.lines(brief), `INBOX: s0 \Flagged`) {
		t.Error("the flag waits as well")
	}
	r.must(os.Remove(r.file("INBOX", "s1")))
	r.must(os.Remove(r.file("INBOX", "s2")))
	r.run("sync") // makes room, perhaps too late for this run
	r.silent("sync")
	r.holds(r.equal(), "INBOX", "Work", `INBOX: s0 \Flagged`, "INBOX: s3", `Work: d0 \Seen`, `Work: d1 \Seen`, `Work: d2 \Seen`, `Work: d3 \Seen`)
	r.idle()
}

// testACL: what rights there are decide what can be done; what cannot be done
// waits, is said, and takes nothing away.
func testACL(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{Storage: dovecot.Maildir, Delimiter: ".", Extra: `
mail_plugins = $mail_plugins acl
protocol imap {
  mail_plugins = $mail_plugins acl imap_acl
}
plugin {
  acl = vfile
}`})
	r := newRig(t, bin, srv, ".", "", "ann")
	a := &aclWorld{r, map[string]string{"ReadOnly": "lr", "NoInsert": "lrwstex", "NoDelete": "lrwsi", "NoFlags": "lritex", "NoRename": "lrwstie"}}
	a.restrict()
	a.workOnDisk()
	a.kept()
	a.renameRefused()
	a.allow()
	a.caughtUp()
}

// aclWorld has mailboxes in which not everything is allowed: the rights of each, by name.
type aclWorld struct {
	*rig
	boxes map[string]string
}

func (a *aclWorld) aclOf(name string) string {
	return filepath.Join(a.srv.Home("ann"), "Maildir", "."+name, "dovecot-acl")
}

// restrict syncs three messages in each mailbox, and takes rights away.
func (a *aclWorld) restrict() {
	for name := range a.boxes {
		a.imap.create(name)
		for i := range 3 {
			a.imap.append(name, "", 1_700_000_000, withCRLF(text(fmt.Sprint(name, i), "")))
		}
	}
	a.silent("sync")
	a.equal()
	for name, rights := range a.boxes {
		a.must(os.WriteFile(a.aclOf(name), []byte("owner "+rights+"\n"), 0o644))
	}
	a.run("sync")
}

// workOnDisk has each mailbox get mail, a flag, a removal.
func (a *aclWorld) workOnDisk() {
	a.Helper()
	for name := range a.boxes {
		a.put(name+"/cur/1.mine:2,S", 1_700_000_000, text(name+" mine", ""))
		path := a.file(name, name+"0")
		a.rename(path, name+"/cur/"+base(path)+":2,F")
		if name != "NoDelete" {
			a.must(os.Remove(a.file(name, name+"1")))
		}
	}
	for range 2 {
		if o := a.run("sync"); o.code > 1 {
			a.Errorf("sync: %v", o)
		}
	}
}

// kept checks that what is not allowed took nothing away, and what is was done.
func (a *aclWorld) kept() {
	a.Helper()
	server, disk := a.imap.read(), a.disk()
	for name := range a.boxes {
		if n := len(server[name]); n < 2 {
			a.Errorf("%s: %d messages are left on the server", name, n)
		}
		if name != "NoFlags" {
			a.has(disk, name+`: `+name+` mine \Seen`, true)
		}
		a.has(disk, name+`: `+name+`0 \Flagged`, true)
		a.has(disk, name+`: `+name+`1`, name == "NoDelete")
		a.has(disk, name+`: `+name+`2`, true)
		a.has(server, name+`: `+name+`2`, true)
	}
	a.has(server, `NoInsert: NoInsert0 \Flagged`, true)
	a.has(server, `NoInsert: NoInsert1`, false)
	a.has(server, `NoDelete: NoDelete mine \Seen`, true)
	a.has(server, `NoDelete: NoDelete0 \Flagged`, true)
	a.has(server, `ReadOnly: ReadOnly1`, true)
}

func (a *aclWorld) has(s letters, line string, want bool) {
	a.Helper()
	if slices.ContainsFunc(s.lines(brief), func(l string) bool { return strings.TrimSpace(l) == line }) != want {
		a.Errorf("%s: %v; there is\n%s", line, !want, strings.Join(s.lines(brief), "\n"))
	}
}

// renameRefused: the mail stays with both sides.
func (a *aclWorld) renameRefused() {
	a.Helper()
	a.must(os.Rename(filepath.Join(a.mail, "ReadOnly"), filepath.Join(a.mail, "Moved")))
	if o := a.run("sync"); o.code > 1 {
		a.Errorf("sync after a rename: %v", o)
	}
	if n := len(a.imap.messages("ReadOnly")); n != 3 {
		a.Errorf("%d of 3 messages are in ReadOnly", n)
	}
}

// allow gives all rights back.
func (a *aclWorld) allow() {
	a.Helper()
	for name := range a.boxes {
		a.must(os.Remove(a.aclOf(name)))
	}
	a.srv.Restart(a.T) // it keeps rights in memory
	a.imap = dialIMAP(a.T, a.srv, ".", "", "ann")
	a.run("sync")
	if o := a.run("sync"); o.code != 0 {
		a.Errorf("with all rights: %v", o)
	}
}

// caughtUp checks that with all rights everything went on.
func (a *aclWorld) caughtUp() {
	a.Helper()
	server, disk := a.imap.read(), a.disk()
	// A flag that the server could not hold stays where it is (SPEC §5).
	for _, side := range []letters{server, disk} {
		delete(side, "NoFlags")
	}
	a.compare(server, disk)
	times := map[string]int{}
	for _, ls := range server {
		for _, l := range ls {
			times[l.subject()]++
		}
	}
	for name := range a.boxes {
		for subject, want := range map[string]int{name + " mine": 1, name + "0": 1, name + "1": 0, name + "2": 1} {
			switch {
			case name == "NoFlags":
				continue
			case name == "NoDelete":
				want = 1
			case name == "ReadOnly" && want == 0:
				continue // out of a mailbox that is gone it may come back
			}
			if times[subject] != want {
				a.Errorf("%s is there %d times, want %d", subject, times[subject], want)
			}
		}
	}
	a.idle()
}
