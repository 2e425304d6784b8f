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
	boxes := map[string]string{"ReadOnly": "lr", "NoInsert": "lrwstex", "NoDelete": "lrwsi", "NoFlags": "lritex", "NoRename": "lrwstie"}
	r := newRig(t, bin, srv, ".", "", "ann")
	for name := range boxes {
		r.imap.create(name)
		for i := range 3 {
			r.imap.append(name, "", 1_700_000_000, withCRLF(text(fmt.Sprint(name, i), "")))
		}
	}
	r.silent("sync")
	r.equal()
	for name, rights := range boxes {
		acl := filepath.Join(srv.Home("ann"), "Maildir", "."+name, "dovecot-acl")
		r.must(os.WriteFile(acl, []byte("owner "+rights+"\n"), 0o644))
	}
	r.run("sync")
	// Each of them gets mail, a flag, a removal.
	for name := range boxes {
		r.put(name+"/cur/1.mine:2,S", 1_700_000_000, text(name+" mine", ""))
		path := r.file(name, name+"0")
		r.rename(path, name+"/cur/"+base(path)+":2,F")
		if name != "NoDelete" {
			r.must(os.Remove(r.file(name, name+"1")))
		}
	}
	for range 2 {
		if o := r.run("sync"); o.code > 1 {
			t.Errorf("sync: %v", o)
		}
	}
	has := func(s letters, line string, want bool) {
		t.Helper()
		if slices.ContainsFunc(s.lines(brief), func(l string) bool { return strings.TrimSpace(l) == line }) != want {
			t.Errorf("%s: %v; there is\n%s", line, !want, strings.Join(s.lines(brief), "\n"))
		}
	}
	server, disk := r.imap.read(), r.disk()
	for name := range boxes {
		if n := len(server[name]); n < 2 {
			t.Errorf("%s: %d messages are left on the server", name, n)
		}
		if name != "NoFlags" {
			has(disk, name+`: `+name+` mine \Seen`, true)
		}
		has(disk, name+`: `+name+`0 \Flagged`, true)
		has(disk, name+`: `+name+`1`, name == "NoDelete")
		has(disk, name+`: `+name+`2`, true)
		has(server, name+`: `+name+`2`, true)
	}
	has(server, `NoInsert: NoInsert0 \Flagged`, true)
	has(server, `NoInsert: NoInsert1`, false)
	has(server, `NoDelete: NoDelete mine \Seen`, true)
	has(server, `NoDelete: NoDelete0 \Flagged`, true)
	has(server, `ReadOnly: ReadOnly1`, true)

	// A rename that is refused: the mail stays with both.
	r.must(os.Rename(filepath.Join(r.mail, "ReadOnly"), filepath.Join(r.mail, "Moved")))
	if o := r.run("sync"); o.code > 1 {
		t.Errorf("sync after a rename: %v", o)
	}
	if n := len(r.imap.messages("ReadOnly")); n != 3 {
		t.Errorf("%d of 3 messages are in ReadOnly", n)
	}

	// With all rights again, everything goes on.
	for name := range boxes {
		r.must(os.Remove(filepath.Join(srv.Home("ann"), "Maildir", "."+name, "dovecot-acl")))
	}
	srv.Restart(t) // it keeps rights in memory
	r.imap = dialIMAP(t, srv, ".", "", "ann")
	r.run("sync")
	if o := r.run("sync"); o.code != 0 {
		t.Errorf("with all rights: %v", o)
	}
	server, disk = r.imap.read(), r.disk()
	// A flag that the server could not hold stays where it is (SPEC §5).
	for _, side := range []letters{server, disk} {
		delete(side, "NoFlags")
	}
	r.compare(server, disk)
	times := map[string]int{}
	for _, ls := range server {
		for _, l := range ls {
			times[l.subject()]++
		}
	}
	delete(boxes, "NoFlags")
	for name := range boxes {
		for subject, want := range map[string]int{name + " mine": 1, name + "0": 1, name + "1": 0, name + "2": 1} {
			switch {
			case name == "NoDelete":
				want = 1
			case name == "ReadOnly" && want == 0:
				continue // out of a mailbox that is gone it may come back
			}
			if times[subject] != want {
				t.Errorf("%s is there %d times, want %d", subject, times[subject], want)
			}
		}
	}
	r.idle()
}
