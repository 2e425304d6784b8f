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

// twoSides gives each message that it makes on a side a date of its own.
type twoSides struct {
	*rig
	date int64
}

func (s *twoSides) add(mailbox, flags, subject string) {
	s.Helper()
	s.date += day + 61
	s.imap.append(mailbox, flags, s.date, withCRLF(text(subject, "")))
}

func (s *twoSides) deliver(name, subject string) {
	s.Helper()
	s.date += day + 61
	s.put(name, s.date, text(subject, ""))
}

func sides(r *rig) {
	s := &twoSides{r, 1_600_000_000}
	s.begin()
	s.silent("sync")
	s.merged()
	s.clientWorks()
	s.readerWorks()
	s.silent("sync")
	s.carried()
	s.subscribed()
	if o := s.run("check"); o.code != 0 {
		s.Errorf("check: %v", o)
	}
}

// begin makes what is there at first.
func (s *twoSides) begin() {
	s.srv.Doveadm(s.T, "mailbox", "update", "--min-next-uid", distinctUID+"00", "-u", s.imap.user, "INBOX")
	for _, m := range []string{"Lists/go", "Archive/2026 Q1", "Entwürfe/日本語", "a&b ~x", "Smile 😀", "empty"} {
		s.imap.create(m)
	}
	s.add("INBOX", "", "s-fresh")
	s.add("INBOX", `\Seen`, "s-seen")
	s.add("INBOX", `\Flagged \Answered \Seen`, "s-flags")
	s.add("INBOX", `\Draft \Deleted`, "s-draft")
	s.add("INBOX", `$Forwarded work \Seen`, "s-words")
	s.add("INBOX", `\Seen`, "s-move")
	s.add("INBOX", `\Seen`, "s-box")
	s.add("INBOX", `\Seen later`, "s-copy")
	s.add("INBOX", `\Seen`, "s-gone")
	s.add("INBOX", `\Seen`, "d-move")
	s.add("INBOX", `\Seen`, "d-rename")
	s.add("INBOX", `\Flagged`, "d-copy")
	s.add("INBOX", `\Seen`, "d-gone")
	s.add("INBOX", `work`, "d-words")
	s.add("Lists/go", `\Seen`, "list")
	s.add("Entwürfe/日本語", `\Draft`, "entwurf")
	s.add("a&b ~x", "", "amp")
	s.add("Smile 😀", `\Seen`, "smile")
	s.mkdir("INBOX")
	s.mkdir("Lists/go")
	s.mkdir("Früh/Übung")
	s.deliver("INBOX/new/1.first.host", "l-new")
	s.deliver("INBOX/cur/2.first.host:2,FRS", "l-flags")
	s.deliver("Früh/Übung/cur/3.first.host:2,", "l-cur")
	s.must(os.WriteFile(filepath.Join(s.mail, "Lists/go/dovecot-keywords"), []byte("0 todo\n1 $Junk\n"), 0o600))
	s.deliver("Lists/go/cur/4.first.host:2,PSab", "l-words")
}

// merged checks the end of the first sync.
func (s *twoSides) merged() {
	s.Helper()
	s.holds(s.equal(), "INBOX", "Lists/go", "Archive/2026 Q1", "Entwürfe/日本語", "a&b ~x", "Smile 😀", "empty", "Früh/Übung",
		"INBOX: s-fresh", `INBOX: s-seen \Seen`, `INBOX: s-flags \Answered \Flagged \Seen`, `INBOX: s-draft \Deleted \Draft`,
		`INBOX: s-words $Forwarded \Seen work`, `INBOX: s-move \Seen`, `INBOX: s-box \Seen`, `INBOX: s-copy \Seen later`,
		`INBOX: s-gone \Seen`, `INBOX: d-move \Seen`, `INBOX: d-rename \Seen`, `INBOX: d-copy \Flagged`, `INBOX: d-gone \Seen`,
		`INBOX: d-words work`, `Lists/go: list \Seen`, `Entwürfe/日本語: entwurf \Draft`, "a&b ~x: amp", `Smile 😀: smile \Seen`,
		"INBOX: l-new", `INBOX: l-flags \Answered \Flagged \Seen`, "Früh/Übung: l-cur", `Lists/go: l-words $Forwarded $Junk \Seen todo`)
	s.idle()
	if !strings.HasPrefix(s.imap.uid("INBOX", "s-fresh"), distinctUID) {
		s.Errorf("UID %s proves nothing", s.imap.uid("INBOX", "s-fresh"))
	}
}

// clientWorks is what another client does.
func (s *twoSides) clientWorks() {
	s.add("INBOX", "", "s-late")
	s.add("Archive/2026 Q1", `\Seen fresh`, "s-late-words")
	s.imap.store("INBOX", "s-fresh", `+FLAGS (\Seen \Flagged)`)
	s.imap.store("INBOX", "s-flags", `-FLAGS (\Flagged)`)
	s.imap.store("INBOX", "s-seen", `+FLAGS (work holiday)`)
	s.imap.store("INBOX", "s-words", `-FLAGS (work)`)
	s.imap.cmd("UID MOVE %s %s", s.imap.uid("INBOX", "s-move"), s.imap.name("Archive/2026 Q1"))
	s.imap.create("Neu/Größe")
	s.imap.cmd("SUBSCRIBE %s", s.imap.name("Neu/Größe"))
	s.imap.cmd("UID MOVE %s %s", s.imap.uid("INBOX", "s-box"), s.imap.name("Neu/Größe"))
	s.imap.cmd("UID COPY %s %s", s.imap.uid("INBOX", "s-copy"), s.imap.name("Lists/go"))
	s.imap.expunge("INBOX", "s-gone")
}

// readerWorks is what a mail reader and a shell do.
func (s *twoSides) readerWorks() {
	s.deliver("INBOX/new/5.late.host", "l-late")
	s.deliver("Früh/Übung/cur/6.late.host:2,FS", "l-late-flags")
	path := s.file("INBOX", "l-new")
	s.rename(path, "INBOX/cur/"+base(path)+":2,RS")
	path = s.file("INBOX", "l-flags")
	s.rename(path, "INBOX/cur/"+base(path)+":2,R")
	path = s.file("INBOX", "d-words")
	words, err := os.ReadFile(filepath.Join(s.mail, "INBOX/dovecot-keywords"))
	s.must(err)
	used := strings.Count(string(words), "\n")
	s.must(os.WriteFile(filepath.Join(s.mail, "INBOX/dovecot-keywords"), append(words, "20 from-disk\n"...), 0o600))
	if used == 0 || used > 20 {
		s.Fatalf("keywords %q", words)
	}
	s.rename(path, "INBOX/cur/"+base(path)+":2,Fu") // without work, with from-disk
	path = s.file("INBOX", "d-move")
	s.rename(path, "Archive/2026 Q1/cur/"+filepath.Base(path))
	s.mkdir("Ordner/Grün")
	s.rename(s.file("INBOX", "d-rename"), "Ordner/Grün/cur/7.renamed.host:2,S")
	for _, l := range s.folder(filepath.Join(s.mail, "INBOX")) {
		if l.subject() == "d-copy" {
			s.put("Lists/go/cur/8.copied.host:2,F", l.date, l.content)
		}
	}
	s.must(os.Remove(s.file("INBOX", "d-gone")))
	s.mkdir("leer")
}

// carried checks that each side has what was done on the other.
func (s *twoSides) carried() {
	s.Helper()
	s.holds(s.equal(), "INBOX", "Lists/go", "Archive/2026 Q1", "Entwürfe/日本語", "a&b ~x", "Smile 😀", "empty", "Früh/Übung", "Neu/Größe", "Ordner/Grün", "leer",
		`INBOX: s-fresh \Flagged \Seen`, `INBOX: s-seen \Seen holiday work`, `INBOX: s-flags \Answered \Seen`, `INBOX: s-draft \Deleted \Draft`,
		`INBOX: s-words $Forwarded \Seen`, `INBOX: s-copy \Seen later`, `INBOX: d-copy \Flagged`, `INBOX: d-words \Flagged from-disk`,
		"INBOX: s-late", "INBOX: l-late", `INBOX: l-new \Answered \Seen`, `INBOX: l-flags \Answered`,
		`Archive/2026 Q1: s-late-words \Seen fresh`, `Archive/2026 Q1: s-move \Seen`, `Archive/2026 Q1: d-move \Seen`,
		`Neu/Größe: s-box \Seen`, `Ordner/Grün: d-rename \Seen`,
		`Lists/go: list \Seen`, `Lists/go: s-copy \Seen later`, `Lists/go: d-copy \Flagged`, `Lists/go: l-words $Forwarded $Junk \Seen todo`,
		`Entwürfe/日本語: entwurf \Draft`, "a&b ~x: amp", `Smile 😀: smile \Seen`, "Früh/Übung: l-cur", `Früh/Übung: l-late-flags \Flagged \Seen`)
	s.idle()
}

// subscribed checks that what came from the disk is subscribed, and nothing else.
func (s *twoSides) subscribed() {
	s.Helper()
	subscribed := s.imap.list("LSUB")
	for _, m := range []string{"Früh/Übung", "Neu/Größe", "Ordner/Grün", "leer"} {
		if !slices.Contains(subscribed, m) {
			s.Errorf("%s is not subscribed, only %q are", m, subscribed)
		}
	}
	if slices.Contains(subscribed, "Lists/go") {
		s.Error("subscribed to what nobody asked for")
	}
}
