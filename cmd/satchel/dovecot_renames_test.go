package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// testRenames: a mailbox renamed on one side is renamed on the other, for each
// storage and kind of names; Dovecot tells what a mailbox was by its GUID.
func testRenames(t *testing.T, bin string) {
	for _, v := range []dovecot.Options{
		{Storage: dovecot.SDBox},
		{Storage: dovecot.MDBox, Delimiter: ".", Prefix: "INBOX."},
		{Storage: dovecot.Maildir, Delimiter: "."},
	} {
		t.Run(v.Storage, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, bin, dovecot.Start(t, v), cmp.Or(v.Delimiter, "/"), v.Prefix, "ann")
			r.fillForRenames()
			r.renameBoth()
			r.renameMadeAgain()
		})
	}
}

func (r *rig) fillForRenames() {
	for _, m := range []string{"Lists", "Lists/go", "Lists/go/dev", "Früh", "B", "C"} {
		r.imap.create(m)
		r.imap.cmd("SUBSCRIBE %s", r.imap.name(m))
		for i := range 3 {
			r.imap.append(m, `\Seen`, 1_700_000_000, withCRLF(text(fmt.Sprintf("%s %d", strings.ReplaceAll(m, "/", " "), i), "")))
		}
	}
	r.silent("sync")
	r.silent("sync")
}

// step checks that a sync does what was planned, and that then all is well.
func (r *rig) step(what string, want map[string]int) {
	r.Helper()
	planned := r.json(0, "plan")
	if !maps.Equal(planned.Accounts[0].Counts, want) {
		r.Errorf("%s: planned %v, want %v", what, planned.Accounts[0].Counts, want)
	}
	if o := r.json(0, "sync"); !maps.Equal(o.Counts, want) {
		r.Errorf("%s: did %v, want %v", what, o.Counts, want)
	}
	r.equal()
	r.idle()
	if o := r.run("check"); o.code != 0 {
		r.Errorf("%s: check: %v", what, o)
	}
}

// renameBoth renames mailboxes on either side.
func (r *rig) renameBoth() {
	r.Helper()
	r.imap.cmd("RENAME %s %s", r.imap.name("Lists"), r.imap.name("Listen"))
	r.imap.cmd("SUBSCRIBE %s", r.imap.name("Listen/go")) // the other two are not
	r.imap.append("Listen/go", "", 1_700_000_000, withCRLF(text("late", "")))
	r.step("on the server", map[string]int{"local-rename": 1, "download": 1})
	r.must(os.Rename(filepath.Join(r.mail, "Listen"), filepath.Join(r.mail, "Ordner & mehr")))
	r.put("Ordner & mehr/go/cur/1.mine:2,S", 1_700_000_000, text("mine", ""))
	r.step("on disk", map[string]int{"remote-rename": 1, "upload": 1})
	r.imap.cmd("RENAME %s %s", r.imap.name("B"), r.imap.name("t"))
	r.imap.cmd("RENAME %s %s", r.imap.name("C"), r.imap.name("B"))
	r.imap.cmd("RENAME %s %s", r.imap.name("t"), r.imap.name("C"))
	r.step("exchanged on the server", map[string]int{"local-rename": 3})
	for _, mv := range [][2]string{{"B", "t"}, {"C", "B"}, {"t", "C"}} {
		r.must(os.Rename(filepath.Join(r.mail, mv[0]), filepath.Join(r.mail, mv[1])))
	}
	r.step("exchanged on disk", map[string]int{"remote-rename": 3})
	want := []string{"B", "C", "Früh", "Ordner & mehr/go"}
	got := slices.DeleteFunc(r.imap.list("LSUB"), func(n string) bool { return n == "INBOX" || strings.HasPrefix(n, "Lists") })
	if !slices.Equal(got, want) {
		r.Errorf("subscribed are %q, want %q", got, want)
	}
}

// renameMadeAgain: what satchel makes again is another mailbox than the one that was
// removed, and followed by the GUID that it has now. Without it the message that is gone
// would be uploaded.
func (r *rig) renameMadeAgain() {
	r.Helper()
	r.imap.cmd("DELETE %s", r.imap.name("C"))
	r.step("removed on the server", map[string]int{"remote-create": 1, "upload": 3})
	r.imap.expunge("C", "C 1")
	r.imap.cmd("UNSELECT")
	r.imap.selected = ""
	r.imap.cmd("RENAME %s %s", r.imap.name("C"), r.imap.name("D"))
	r.step("made again, and renamed on the server", map[string]int{"local-rename": 1, "local-remove": 1})
}
