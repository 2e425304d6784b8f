package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
)

// oddMessages are what no mail program should write, and some do.
func oddMessages() map[string][]byte {
	return map[string][]byte{
		"plain":            text("plain", ""),
		"crlf":             withCRLF(text("crlf", "")),
		"mixed":            []byte("Subject: mixed\r\n\r\none\ntwo\r\nthree\n"),
		"cr-only":          []byte("Subject: cr-only\r\rone\rtwo\r"),
		"cr-within":        []byte("Subject: cr-within\n\none\rtwo\n"),
		"cr-cr-lf":         []byte("Subject: cr-cr-lf\r\n\r\none\r\r\ntwo\r\n"),
		"no-header":        []byte("\nthere is no header\n"),
		"no-body":          []byte("Subject: no-body\n"),
		"no-blank":         []byte("Subject: no-blank\nthis is no header field\nnor this\n"),
		"latin1":           []byte("Subject: latin1 \xe4\xf6\xfc\n\n\xc4\xd6\xdc \xff\xfe\n"),
		"utf8":             []byte("Subject: utf8 Grüße\n\n日本語 😀\n"),
		"no-newline":       []byte("Subject: no-newline\n\nthe end"),
		"no-newline-crlf":  []byte("Subject: no-newline-crlf\r\n\r\nthe end"),
		"no-newline-at-cr": []byte("Subject: no-newline-at-cr\r\n\r\nthe end\r"),
		"one-byte":         []byte("x"),
		"one-newline":      []byte("\n"),
		"long-line":        []byte("Subject: long-line\n\n" + strings.Repeat("0123456789", 30000) + "\n"),
		"from-line":        []byte("From ann Tue Nov 14 22:13:20 2023\nSubject: from-line\n\n>From here\n"),
		"literal":          []byte("Subject: literal {10}\n\n{3+}\nabc)\n"),
	}
}

// rewritten are the messages that Dovecot does not keep as they were sent: it
// drops a CR before CRLF and at the end, and ends all lines with CRLF.
func rewritten() map[string]string {
	return map[string]string{
		"mixed":            "Subject: mixed\n\none\ntwo\nthree\n",
		"cr-only":          "Subject: cr-only\r\rone\rtwo",
		"cr-cr-lf":         "Subject: cr-cr-lf\n\none\ntwo\n",
		"no-newline-at-cr": "Subject: no-newline-at-cr\n\nthe end",
	}
}

// loose is content without what Dovecot does to line ends: it sends all as CRLF.
func loose(content []byte) string {
	return string(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))
}

// testMessages sends odd messages both ways.
func testMessages(t *testing.T, bin string) {
	for _, storage := range []string{dovecot.SDBox, dovecot.Maildir} {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			srv := dovecot.Start(t, dovecot.Options{Storage: storage})
			oddOnes(newRig(t, bin, srv, "/", "", "ann"), storage)
		})
	}
}

// oddWorld has the messages that are odd in Up on disk, and in Down on the server.
type oddWorld struct {
	*rig
	odd map[string][]byte
}

func oddOnes(r *rig, storage string) {
	o := &oddWorld{r, oddMessages()}
	o.fill()
	r.silent("sync")
	o.arrived()
	o.down()
	o.sound()

	// What both hold is not sent again, whatever it is like and whoever changed
	// the line ends.
	r.must(os.RemoveAll(filepath.Join(r.root, "state")))
	o.same("after the state was lost")
	r.srv.Doveadm(r.T, "mailbox", "update", "--uid-validity", "1234567890", "-u", r.imap.user, "Up")
	o.same("after UIDVALIDITY changed")

	o.moved()
	o.refused()
	if storage == dovecot.Maildir {
		o.ofOthers()
	}
}

func (o *oddWorld) fill() {
	o.imap.create("Up")
	o.imap.create("Down")
	o.mkdir("Up")
	date := int64(1_700_000_000)
	for name, content := range o.odd {
		date++
		o.put("Up/cur/"+name+".odd:2,S", date, content)
		o.imap.append("Down", `\Seen`, date, content)
	}
}

// unchanged checks that the files are what was put there.
func (o *oddWorld) unchanged(when string) {
	o.Helper()
	for name, content := range o.odd {
		got, err := os.ReadFile(filepath.Join(o.mail, "Up/cur", name+".odd:2,S"))
		if err != nil || !bytes.Equal(got, content) {
			o.Errorf("%s: %s became %.100q (%v)", when, name, got, err)
		}
	}
}

// arrived checks that the server has what is on disk.
func (o *oddWorld) arrived() {
	o.Helper()
	o.unchanged("after the first sync")
	var onServer, want []string
	for _, l := range o.imap.messages("Up") {
		onServer = append(onServer, fmt.Sprintf("%q %v", loose(l.content), l.flags))
	}
	for name, content := range o.odd {
		sent, ok := rewritten()[name]
		if !ok {
			sent = loose(content)
		}
		want = append(want, fmt.Sprintf("%q [\\Seen]", sent))
	}
	if s := differ(sorted(want), sorted(onServer), "wanted", "server"); s != "" {
		o.Errorf("sent:\n%s", s)
	}
}

// down compares the mailboxes that the server began.
func (o *oddWorld) down() {
	o.Helper()
	disk := o.disk()
	o.compare(letters{"Down": o.imap.messages("Down"), "INBOX": o.imap.messages("INBOX")}, letters{"Down": disk["Down"], "INBOX": disk["INBOX"]})
}

func (o *oddWorld) sound() {
	o.Helper()
	o.idle()
	if ran := o.run("check"); ran.code != 0 {
		o.Errorf("check: %v", ran)
	}
}

// same checks that a sync transfers nothing.
func (o *oddWorld) same(when string) {
	o.Helper()
	if j := o.json(0, "sync"); j.Counts["upload"]+j.Counts["download"] > 0 {
		o.Errorf("%s: %v", when, j.Counts)
	}
	o.unchanged(when)
	o.sound()
}

// moved checks that a move on disk is a move on the server, and takes the messages away.
func (o *oddWorld) moved() {
	o.Helper()
	o.mkdir("Moved")
	for name := range rewritten() {
		o.must(os.Rename(filepath.Join(o.mail, "Up/cur", name+".odd:2,S"), filepath.Join(o.mail, "Moved/cur", name+".other:2,S")))
	}
	j := o.json(0, "sync")
	if j.Counts["remote-move"] != len(rewritten()) || j.Counts["upload"]+j.Counts["download"]+j.Counts["remote-remove"] > 0 {
		o.Errorf("moved: %v", j.Counts)
	}
	o.sound()
	for name := range rewritten() {
		o.must(os.Remove(filepath.Join(o.mail, "Moved/cur", name+".other:2,S")))
		delete(o.odd, name)
	}
	o.silent("sync")
}

func withNUL() []byte { return []byte("Subject: nul\n\nbefore\x00after\n") }

// refused: NUL bytes cannot be sent, and Dovecot takes no message without any byte.
// Nothing else has to wait for that.
func (o *oddWorld) refused() {
	o.Helper()
	nul, empty := filepath.Join(o.mail, "Up/cur/nul.odd:2,S"), filepath.Join(o.mail, "Up/cur/empty.odd:2,S")
	o.put("Up/cur/empty.odd:2,S", 1_700_000_000, nil)
	o.put("Up/cur/nul.odd:2,S", 1_700_000_000, withNUL())
	o.put("Up/cur/other.odd:2,S", 1_700_000_001, text("other", ""))
	o.put("INBOX/new/inbox.odd", 1_700_000_002, text("inbox", ""))
	o.fails(1, []string{"sync"}, "home/Up nul.odd: ", "NUL", "home/Up empty.odd:2,S: ") // which is said once
	for range 2 {
		if ran := o.fails(1, []string{"sync"}, "home/Up nul.odd: ", "NUL"); ran.stdout != "" {
			o.Errorf("on stdout: %v", ran)
		}
		j := o.json(1, "sync")
		if len(j.Counts) > 0 || len(j.Accounts[0].Errors) != 1 || j.Accounts[0].Errors[0].Mailbox != "Up" {
			o.Errorf("with a message that cannot be sent: %+v", j)
		}
	}
	if got, err := os.ReadFile(nul); err != nil || !bytes.Equal(got, withNUL()) {
		o.Errorf("the file became %q (%v)", got, err)
	}
	if n := len(o.imap.messages("Up")); n != len(o.odd)+1 {
		o.Errorf("%d messages sent", n)
	}
	o.must(os.Remove(nul))
	o.must(os.Remove(empty))
	o.down()
	o.idle()
}

// ofOthers: other programs can have put such messages into the server's mail. What
// Dovecot makes of them is kept as it comes.
func (o *oddWorld) ofOthers() {
	o.Helper()
	dir := filepath.Join(o.srv.Home(o.imap.user), "Maildir")
	o.must(os.WriteFile(filepath.Join(dir, "new", "1700000000.nul.host"), withNUL(), 0o644))
	o.must(os.WriteFile(filepath.Join(dir, "new", "1700000001.zero.host"), nil, 0o644))
	o.silent("sync")
	o.down()
	if n := len(o.imap.messages("INBOX")); n != 3 {
		o.Errorf("%d messages in INBOX", n)
	}
	o.idle()
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// large is a message of 20 MB.
func large(subject string) []byte {
	var lines, b bytes.Buffer
	for sum := sha256.Sum256([]byte(subject)); lines.Len() < 100_000; sum = sha256.Sum256(sum[:]) {
		fmt.Fprintf(&lines, "%x\n", sum)
	}
	b.Write(text(subject, ""))
	for i := 0; b.Len() < 20_000_000; i++ {
		fmt.Fprintf(&b, "part %d\n%s", i, lines.Bytes())
	}
	return b.Bytes()
}

// testLarge sends large messages both ways, several at once, in little memory.
func testLarge(t *testing.T, bin string) {
	const limit = 64 << 20
	srv := dovecot.Start(t, dovecot.Options{})
	r := newRig(t, bin, srv, "/", "", "ann")
	r.imap.create("Work")
	r.imap.append("INBOX", `\Seen`, 1_700_000_000, withCRLF(large("down")))
	r.imap.append("Work", "", 1_700_000_000, withCRLF(large("down too")))
	r.mkdir("INBOX")
	r.put("INBOX/cur/1.large:2,S", 1_700_000_001, large("up"))
	r.put("INBOX/cur/2.large:2,S", 1_700_000_001, withCRLF(large("up as it is")))
	o := r.run("sync")
	if o.code != 0 {
		t.Fatal(o)
	}
	t.Logf("80 MB in %v, %d MB of memory", o.took, o.peak>>20)
	if o.peak == 0 || o.peak > limit {
		t.Errorf("took %d bytes of memory", o.peak)
	}
	server, disk := r.imap.read(), r.disk()
	for _, s := range []letters{server, disk} {
		for _, ls := range s {
			for i, l := range ls {
				ls[i].content = fmt.Appendf(nil, "Subject: %s\n%x", l.subject(), sha256.Sum256([]byte(loose(l.content))))
			}
		}
	}
	r.holds(server, "INBOX", "Work", `INBOX: down \Seen`, "Work: down too", `INBOX: up \Seen`, `INBOX: up as it is \Seen`)
	r.compare(server, disk)
	o = r.run("sync", "--full")
	if o.code != 0 || o.peak > limit {
		t.Errorf("--full took %d bytes of memory: %v", o.peak, o)
	}
	o = r.run("check")
	if o.code != 0 || o.peak > limit {
		t.Errorf("check took %d bytes of memory: %v", o.peak, o)
	}
	t.Logf("check in %v, %d MB of memory", o.took, o.peak>>20)
}

// testNames syncs mailboxes whose names are a challenge, made on either side.
func testNames(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{})
	r := newRig(t, bin, srv, "/", "", "ann")
	names := []string{"cur", "new/tmp", "50% off", "%63ur", "dot.s..in it", "Tmp", "a/b/c/d/e", " ends with space ", "q\"uote'", "back\\slash",
		"a&b", "&-", "&AOk-", "star (not)", "[Gmail]/All Mail", "{5}", "NIL", "é", "ÄÖÜ/ß", "日本語/テスト", "😀👍🏽",
		"INBOX/sub", "inbox2", "-dash", "#hash", "$(touch x)", "a;b|c`d", "dovecot-keywords/x", strings.Repeat("ü", 60)}
	var want []string
	for i, n := range names {
		if _, status := r.imap.try("CREATE %s", r.imap.name(n)); !strings.HasPrefix(status, "OK") {
			t.Errorf("Dovecot has no %q: %s", n, status)
			continue
		}
		r.imap.append(n, `\Seen`, 1_700_000_000+int64(i), withCRLF(text(fmt.Sprint("m", i), "")))
		want = append(want, n, fmt.Sprintf(`%s: m%d \Seen`, n, i))
	}
	r.silent("sync")
	r.holds(r.equal(), append(want, "INBOX")...)
	r.idle()
	// Names that differ in Unicode normalisation only are one name (SPEC §5): the
	// second mailbox is refused and said, and nothing of it is mixed with the first.
	r.imap.append("INBOX", `\Seen`, 1_700_000_000, withCRLF(text("beside", "")))
	want = append(want, `INBOX: beside \Seen`)
	r.imap.cmd("CREATE %s", r.imap.name("e\u0301"))
	r.imap.append("e\u0301", `\Seen`, 1_700_000_000, withCRLF(text("decomposed", "")))
	for range 2 {
		r.fails(1, []string{"sync"}, "has the same name here as")
	}
	r.imap.selected = ""
	r.imap.cmd("DELETE %s", r.imap.name("e\u0301"))
	r.silent("sync")
	r.holds(r.equal(), append(want, "INBOX")...)
	for i, n := range []string{"%2Ehidden", "100%25", "Ünter/%63ur", "it's", "x y", "~home", "trailing."} {
		r.mkdir(n)
		r.put(n+"/cur/1.mine:2,F", 1_700_000_000+int64(i), text(fmt.Sprint("l", i), ""))
		want = append(want, decodePercent(n), fmt.Sprintf(`%s: l%d \Flagged`, decodePercent(n), i))
	}
	// Dovecot takes no name that begins with "~"; the rest does not suffer.
	for range 2 {
		r.fails(1, []string{"sync"}, "home/~home: ", "Begins with '~'")
	}
	server, disk := r.imap.read(), r.disk()
	if len(disk["~home"]) != 1 {
		t.Errorf("~home holds %v", disk["~home"])
	}
	delete(disk, "~home")
	r.compare(server, disk)
	want = slices.DeleteFunc(want, func(s string) bool { return strings.HasPrefix(s, "~") })
	r.holds(server, append(want, "INBOX")...)
	r.must(os.RemoveAll(filepath.Join(r.mail, "~home")))
	r.idle()
}
