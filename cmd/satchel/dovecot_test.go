package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// TestDovecot runs the real program against a real Dovecot, which another client
// changes at the same time. Nothing here trusts what satchel says about
// itself: both sides are read and compared by code of the test's own.
func TestDovecot(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts servers")
	}
	dovecot.Start(t, dovecot.Options{}).Stop() // skips when there is none, before anything is built
	bin := build(t)
	for name, test := range map[string]func(*testing.T, string){
		"sides":    testSides,
		"tls":      testTLS,
		"messages": testMessages,
		"large":    testLarge,
		"names":    testNames,
		"renames":  testRenames,
		"quota":    testQuota,
		"acl":      testACL,
		"traffic":  testTraffic,
		"plan":     testPlan,
		"parts":    testParts,
		"twice":    testTwice,
		"stopped":  testStopped,
		"beside":   testBeside,
		"notmuch":  testNotmuch,
		"neomutt":  testNeomutt,
		"brakes":   testBrakes,
		"disks":    testSmallDisks,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, bin)
		})
	}
}

// testSides changes everything on both sides, for each kind of server.
func testSides(t *testing.T, bin string) {
	for _, storage := range []string{dovecot.SDBox, dovecot.MDBox, dovecot.Maildir} {
		for _, ns := range [][2]string{{"/", ""}, {".", ""}, {"/", "INBOX/"}, {".", "INBOX."}} {
			t.Run(storage+" "+strings.Join(ns[:], " "), func(t *testing.T) {
				t.Parallel()
				srv := dovecot.Start(t, dovecot.Options{Storage: storage, Delimiter: ns[0], Prefix: ns[1]})
				sides(newRig(t, bin, srv, ns[0], ns[1], "ann"))
			})
		}
	}
}

const day = 86400 // seconds

func sides(r *rig) {
	c := r.imap
	date := int64(1_600_000_000)
	add := func(mailbox, flags, subject string) {
		r.Helper()
		date += day + 61
		c.append(mailbox, flags, date, withCRLF(text(subject, "")))
	}
	file := func(name, subject string) {
		r.Helper()
		date += day + 61
		r.put(name, date, text(subject, ""))
	}

	// What is there at first.
	r.srv.Doveadm(r.T, "mailbox", "update", "--min-next-uid", distinctUID+"00", "-u", c.user, "INBOX")
	for _, m := range []string{"Lists/go", "Archive/2026 Q1", "Entwürfe/日本語", "a&b ~x", "Smile 😀", "empty"} {
		c.create(m)
	}
	add("INBOX", "", "s-fresh")
	add("INBOX", `\Seen`, "s-seen")
	add("INBOX", `\Flagged \Answered \Seen`, "s-flags")
	add("INBOX", `\Draft \Deleted`, "s-draft")
	add("INBOX", `$Forwarded work \Seen`, "s-words")
	add("INBOX", `\Seen`, "s-move")
	add("INBOX", `\Seen`, "s-box")
	add("INBOX", `\Seen later`, "s-copy")
	add("INBOX", `\Seen`, "s-gone")
	add("INBOX", `\Seen`, "d-move")
	add("INBOX", `\Seen`, "d-rename")
	add("INBOX", `\Flagged`, "d-copy")
	add("INBOX", `\Seen`, "d-gone")
	add("INBOX", `work`, "d-words")
	add("Lists/go", `\Seen`, "list")
	add("Entwürfe/日本語", `\Draft`, "entwurf")
	add("a&b ~x", "", "amp")
	add("Smile 😀", `\Seen`, "smile")
	r.mkdir("INBOX")
	r.mkdir("Lists/go")
	r.mkdir("Früh/Übung")
	file("INBOX/new/1.first.host", "l-new")
	file("INBOX/cur/2.first.host:2,FRS", "l-flags")
	file("Früh/Übung/cur/3.first.host:2,", "l-cur")
	r.must(os.WriteFile(filepath.Join(r.mail, "Lists/go/dovecot-keywords"), []byte("0 todo\n1 $Junk\n"), 0o600))
	file("Lists/go/cur/4.first.host:2,PSab", "l-words")

	r.silent("sync")
	r.holds(r.equal(), "INBOX", "Lists/go", "Archive/2026 Q1", "Entwürfe/日本語", "a&b ~x", "Smile 😀", "empty", "Früh/Übung",
		"INBOX: s-fresh", `INBOX: s-seen \Seen`, `INBOX: s-flags \Answered \Flagged \Seen`, `INBOX: s-draft \Deleted \Draft`,
		`INBOX: s-words $Forwarded \Seen work`, `INBOX: s-move \Seen`, `INBOX: s-box \Seen`, `INBOX: s-copy \Seen later`,
		`INBOX: s-gone \Seen`, `INBOX: d-move \Seen`, `INBOX: d-rename \Seen`, `INBOX: d-copy \Flagged`, `INBOX: d-gone \Seen`,
		`INBOX: d-words work`, `Lists/go: list \Seen`, `Entwürfe/日本語: entwurf \Draft`, "a&b ~x: amp", `Smile 😀: smile \Seen`,
		"INBOX: l-new", `INBOX: l-flags \Answered \Flagged \Seen`, "Früh/Übung: l-cur", `Lists/go: l-words $Forwarded $Junk \Seen todo`)
	r.idle()
	if !strings.HasPrefix(c.uid("INBOX", "s-fresh"), distinctUID) {
		r.Errorf("UID %s proves nothing", c.uid("INBOX", "s-fresh"))
	}

	// What another client does.
	add("INBOX", "", "s-late")
	add("Archive/2026 Q1", `\Seen fresh`, "s-late-words")
	c.store("INBOX", "s-fresh", `+FLAGS (\Seen \Flagged)`)
	c.store("INBOX", "s-flags", `-FLAGS (\Flagged)`)
	c.store("INBOX", "s-seen", `+FLAGS (work holiday)`)
	c.store("INBOX", "s-words", `-FLAGS (work)`)
	c.cmd("UID MOVE %s %s", c.uid("INBOX", "s-move"), c.name("Archive/2026 Q1"))
	c.create("Neu/Größe")
	c.cmd("SUBSCRIBE %s", c.name("Neu/Größe"))
	c.cmd("UID MOVE %s %s", c.uid("INBOX", "s-box"), c.name("Neu/Größe"))
	c.cmd("UID COPY %s %s", c.uid("INBOX", "s-copy"), c.name("Lists/go"))
	c.expunge("INBOX", "s-gone")

	// What a mail reader and a shell do.
	file("INBOX/new/5.late.host", "l-late")
	file("Früh/Übung/cur/6.late.host:2,FS", "l-late-flags")
	path := r.file("INBOX", "l-new")
	r.rename(path, "INBOX/cur/"+base(path)+":2,RS")
	path = r.file("INBOX", "l-flags")
	r.rename(path, "INBOX/cur/"+base(path)+":2,R")
	path = r.file("INBOX", "d-words")
	words, err := os.ReadFile(filepath.Join(r.mail, "INBOX/dovecot-keywords"))
	r.must(err)
	used := strings.Count(string(words), "\n")
	r.must(os.WriteFile(filepath.Join(r.mail, "INBOX/dovecot-keywords"), append(words, "20 from-disk\n"...), 0o600))
	if used == 0 || used > 20 {
		r.Fatalf("keywords %q", words)
	}
	r.rename(path, "INBOX/cur/"+base(path)+":2,Fu") // without work, with from-disk
	path = r.file("INBOX", "d-move")
	r.rename(path, "Archive/2026 Q1/cur/"+filepath.Base(path))
	r.mkdir("Ordner/Grün")
	r.rename(r.file("INBOX", "d-rename"), "Ordner/Grün/cur/7.renamed.host:2,S")
	for _, l := range r.folder(filepath.Join(r.mail, "INBOX")) {
		if l.subject() == "d-copy" {
			r.put("Lists/go/cur/8.copied.host:2,F", l.date, l.content)
		}
	}
	r.must(os.Remove(r.file("INBOX", "d-gone")))
	r.mkdir("leer")

	r.silent("sync")
	r.holds(r.equal(), "INBOX", "Lists/go", "Archive/2026 Q1", "Entwürfe/日本語", "a&b ~x", "Smile 😀", "empty", "Früh/Übung", "Neu/Größe", "Ordner/Grün", "leer",
		`INBOX: s-fresh \Flagged \Seen`, `INBOX: s-seen \Seen holiday work`, `INBOX: s-flags \Answered \Seen`, `INBOX: s-draft \Deleted \Draft`,
		`INBOX: s-words $Forwarded \Seen`, `INBOX: s-copy \Seen later`, `INBOX: d-copy \Flagged`, `INBOX: d-words \Flagged from-disk`,
		"INBOX: s-late", "INBOX: l-late", `INBOX: l-new \Answered \Seen`, `INBOX: l-flags \Answered`,
		`Archive/2026 Q1: s-late-words \Seen fresh`, `Archive/2026 Q1: s-move \Seen`, `Archive/2026 Q1: d-move \Seen`,
		`Neu/Größe: s-box \Seen`, `Ordner/Grün: d-rename \Seen`,
		`Lists/go: list \Seen`, `Lists/go: s-copy \Seen later`, `Lists/go: d-copy \Flagged`, `Lists/go: l-words $Forwarded $Junk \Seen todo`,
		`Entwürfe/日本語: entwurf \Draft`, "a&b ~x: amp", `Smile 😀: smile \Seen`, "Früh/Übung: l-cur", `Früh/Übung: l-late-flags \Flagged \Seen`)
	r.idle()
	subscribed := c.list("LSUB")
	for _, m := range []string{"Früh/Übung", "Neu/Größe", "Ordner/Grün", "leer"} {
		if !slices.Contains(subscribed, m) {
			r.Errorf("%s is not subscribed, only %q are", m, subscribed)
		}
	}
	if slices.Contains(subscribed, "Lists/go") {
		r.Error("subscribed to what nobody asked for")
	}
	if o := r.run("check"); o.code != 0 {
		r.Errorf("check: %v", o)
	}
}
