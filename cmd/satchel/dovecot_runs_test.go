package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/imaptest/netsim"
)

// testTraffic counts what crosses the line.
func testTraffic(t *testing.T, bin string) {
	const n = 300
	srv := dovecot.Start(t, dovecot.Options{})
	line := netsim.New(t, srv.Addr(), netsim.Options{})
	rigs := map[string]*rig{}
	for _, user := range []string{"ann", "bob"} {
		rigs[user] = newRig(t, bin, srv, "/", "", user)
		rigs[user].via(line.Addr())
		rigs[user].imap.append("INBOX", "", 1_700_000_000, withCRLF(text("first", "")))
	}
	nothing := func(r *rig, what string) {
		t.Helper()
		r.silent("sync")
		line.Reset()
		r.silent("sync")
		s := line.Stats()
		t.Logf("nothing to do in %s: %+v", what, s)
		// The greeting, SCRAM's three, and one for all the rest.
		if s.Turns > 5 || s.Connections != 1 {
			t.Errorf("nothing to do in %s took %d turns on %d connections", what, s.Turns, s.Connections)
		}
	}
	nothing(rigs["ann"], "1 mailbox")
	for i := range 199 {
		rigs["bob"].imap.create(fmt.Sprintf("Level %d/box %d", i%10, i))
	}
	nothing(rigs["bob"], "200 mailboxes")

	// Moves, one direction after the other.
	r := rigs["ann"]
	r.imap.create("Archive")
	var contents [][]byte
	for i := range n {
		contents = append(contents, withCRLF(text(fmt.Sprintf("m%03d", i), strings.Repeat("0123456789 of some length\n", 400))))
	}
	r.imap.appendMany("INBOX", 1_600_000_000, contents)
	r.silent("sync")
	r.equal()
	budget := func(what, op string) {
		t.Helper()
		line.Reset()
		o := r.json(0, "sync")
		s := line.Stats()
		t.Logf("%s: %+v, %v", what, s, o.Counts)
		if o.Counts[op] != n || len(o.Counts) != 1 {
			t.Errorf("%s: did %v", what, o.Counts)
		}
		if s.Up > n*100 || s.Down > n*1000 {
			t.Errorf("%s: %d bytes sent and %d received for each", what, s.Up/n, s.Down/n)
		}
		r.equal()
		r.idle()
	}
	for i, l := range r.folder(filepath.Join(r.mail, "INBOX")) {
		to := filepath.Base(l.name)
		switch {
		case l.subject() == "first":
			continue
		case i%2 == 0:
			to = fmt.Sprintf("%d.renamed:2,S", i) // the new name tells nothing
		}
		r.rename(l.name, "Archive/cur/"+to)
	}
	budget("moved on disk", "remote-move")
	r.imap.selected = ""
	r.imap.sel("Archive")
	r.imap.cmd("UID MOVE 1:* %s", r.imap.name("INBOX"))
	budget("moved on the server", "local-move")
}

// tree lists everything below a folder: names, modes, sizes and dates.
func tree(r *rig, dir string) (all []string) {
	r.Helper()
	r.must(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all = append(all, fmt.Sprintf("%s %v %d %v", path, info.Mode(), info.Size(), info.ModTime()))
		return nil
	}))
	return all
}

// serverState is everything on the server that a client could have changed.
func serverState(r *rig) []string {
	all := r.imap.read().lines(func(l letter) string { return fmt.Sprintf("%s %d %v %q", l.name, l.date, l.flags, l.content) })
	for _, m := range r.imap.list("LIST") {
		for _, s := range r.imap.cmd("STATUS %s (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)", r.imap.name(m)) {
			if strings.HasPrefix(s.Text, "* STATUS") {
				all = append(all, s.Text)
			}
		}
	}
	return append(all, r.imap.list("LSUB")...)
}

// someChanges makes two sides that agree, and then changes both.
func someChanges(r *rig) {
	r.Helper()
	c := r.imap
	c.create("Lists")
	c.create("Archive")
	for i, s := range []string{"flag-s", "flag-d", "move-s", "move-d", "gone-s", "gone-d", "both", "copy-d", "stay"} {
		c.append("INBOX", `\Seen`, 1_700_000_000+int64(i)*day, withCRLF(text(s, "")))
	}
	r.silent("sync")
	c.append("INBOX", "", 1_700_000_100, withCRLF(text("new-s", "")))
	c.append("Lists", "tag", 1_700_000_100, withCRLF(text("list-s", "")))
	c.store("INBOX", "flag-s", `+FLAGS (\Flagged word)`)
	c.store("INBOX", "both", `+FLAGS (\Flagged)`)
	c.cmd("UID MOVE %s %s", c.uid("INBOX", "move-s"), c.name("Archive"))
	c.expunge("INBOX", "gone-s")
	c.create("Made-s")
	r.put("INBOX/new/1.mine", 1_700_000_200, text("new-d", ""))
	r.put("Lists/cur/2.mine:2,S", 1_700_000_201, text("list-d", ""))
	path := r.file("INBOX", "flag-d")
	r.rename(path, "INBOX/cur/"+base(path)+":2,RS")
	path = r.file("INBOX", "both")
	r.rename(path, "INBOX/cur/"+base(path)+":2,")
	path = r.file("INBOX", "move-d")
	r.rename(path, "Archive/cur/"+filepath.Base(path))
	r.must(os.Link(r.file("INBOX", "copy-d"), filepath.Join(r.mail, "Archive/cur/3.copied:2,S")))
	r.must(os.Remove(r.file("INBOX", "gone-d")))
	r.mkdir("Made-d")
}

// changed is what both sides hold after someChanges and a sync.
func changed() []string {
	return []string{"INBOX", "Lists", "Archive", "Made-s", "Made-d",
		`INBOX: flag-s \Flagged \Seen word`, `INBOX: flag-d \Answered \Seen`, `INBOX: both \Flagged`, `INBOX: copy-d \Seen`, `INBOX: stay \Seen`,
		"INBOX: new-s", "INBOX: new-d", "Lists: list-s tag", `Lists: list-d \Seen`,
		`Archive: move-s \Seen`, `Archive: move-d \Seen`, `Archive: copy-d \Seen`}
}

// testPlan: plan changes nothing, and sync does what plan said.
func testPlan(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{})
	r := newRig(t, bin, srv, "/", "", "ann")

	// Before the first sync there is not even a Maildir.
	r.imap.append("INBOX", "", 1_700_000_000, withCRLF(text("zero", "")))
	if o := r.fails(0, []string{"plan"}, "home: download INBOX: "); o.stderr != "" {
		t.Errorf("plan says %v", o)
	}
	if _, err := os.Stat(r.mail); !os.IsNotExist(err) {
		t.Errorf("plan made the Maildir (%v)", err)
	}
	r.imap.expunge("INBOX", "zero")
	r.imap.selected = ""

	someChanges(r)
	serverBefore, diskBefore := serverState(r), tree(r, r.mail)
	var text []string
	for _, args := range [][]string{{"plan"}, {"sync", "--dry-run"}, {"plan"}} {
		o := r.fails(0, args)
		lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
		if text != nil && !slices.Equal(text, lines) {
			t.Errorf("another plan:\n%s", differ(text, lines, "first", "now"))
		}
		text = lines
		if o.stderr != "" {
			t.Errorf("plan says %v", o)
		}
	}
	planned := r.json(0, "plan")
	if s := differ(serverBefore, serverState(r), "before", "after"); s != "" {
		t.Errorf("plan changed the server:\n%s", s)
	}
	if s := differ(diskBefore, tree(r, r.mail), "before", "after"); s != "" {
		t.Errorf("plan changed the disk:\n%s", s)
	}
	counts := map[string]int{}
	for i, op := range planned.Accounts[0].Operations {
		counts[op.Op]++
		if line := "home: " + op.String(); i >= len(text) || text[i] != line {
			t.Errorf("in JSON %q, not in text", line)
		}
	}
	did := r.json(0, "sync")
	t.Logf("planned %v, counted %v, did %v", counts, planned.Counts, did.Counts)
	if !maps.Equal(did.Counts, planned.Counts) || !planned.Accounts[0].DryRun || did.Accounts[0].DryRun {
		t.Errorf("planned %v, did %v", planned.Counts, did.Counts)
	}
	for name, n := range did.Counts {
		if counts[name] != n {
			t.Errorf("planned %d %s in words, did %d:\n%s", counts[name], name, n, strings.Join(text, "\n"))
		}
	}
	r.holds(r.equal(), changed()...)
	r.idle()
	if o := r.run("plan"); o.code != 0 || o.stdout+o.stderr != "" {
		t.Errorf("plan when all is done: %v", o)
	}
}

// testParts: --pull and --push change one side only, and a named mailbox only itself.
func testParts(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{})
	t.Run("pull", func(t *testing.T) {
		r := newRig(t, bin, srv, "/", "", "ann")
		someChanges(r)
		before := serverState(r)
		r.silent("sync", "--pull")
		if s := differ(before, serverState(r), "before", "after"); s != "" {
			t.Errorf("--pull changed the server:\n%s", s)
		}
		got := r.disk().lines(brief)
		for _, want := range []string{"INBOX: new-s", "Lists: list-s tag", `INBOX: flag-s \Flagged \Seen word`, `Archive: move-s \Seen`, "Made-s", "INBOX: new-d", `Archive: move-d \Seen`} {
			if !slices.Contains(got, want) {
				t.Errorf("--pull: no %q in\n%s", want, strings.Join(got, "\n"))
			}
		}
		r.silent("sync")
		r.holds(r.equal(), changed()...)
		r.idle()
	})
	t.Run("push", func(t *testing.T) {
		r := newRig(t, bin, srv, "/", "", "bob")
		someChanges(r)
		before := r.disk().lines(func(l letter) string { return fmt.Sprintf("%s %d %v %q", l.name, l.date, l.flags, l.content) })
		r.silent("sync", "--push")
		after := r.disk().lines(func(l letter) string { return fmt.Sprintf("%s %d %v %q", l.name, l.date, l.flags, l.content) })
		if s := differ(before, after, "before", "after"); s != "" {
			t.Errorf("--push changed the disk:\n%s", s)
		}
		got := r.imap.read().lines(brief)
		for _, want := range []string{"INBOX: new-d", `Lists: list-d \Seen`, `INBOX: flag-d \Answered \Seen`, `Archive: move-d \Seen`, `Archive: copy-d \Seen`, "Made-d", "INBOX: new-s"} {
			if !slices.Contains(got, want) {
				t.Errorf("--push: no %q in\n%s", want, strings.Join(got, "\n"))
			}
		}
		r.silent("sync")
		r.holds(r.equal(), changed()...)
		r.idle()
	})
	t.Run("mailbox", func(t *testing.T) {
		r := newRig(t, bin, srv, "/", "", "carol")
		someChanges(r)
		others := func(s letters) []string {
			delete(s, "Lists")
			return s.lines(func(l letter) string { return fmt.Sprintf("%s %d %v", l.name, l.date, l.flags) })
		}
		server, disk := others(r.imap.read()), others(r.disk())
		r.silent("sync", "home/Lists")
		if s := differ(server, others(r.imap.read()), "before", "after"); s != "" {
			t.Errorf("other mailboxes changed on the server:\n%s", s)
		}
		if s := differ(disk, others(r.disk()), "before", "after"); s != "" {
			t.Errorf("other mailboxes changed on disk:\n%s", s)
		}
		r.compare(letters{"Lists": r.imap.messages("Lists")}, letters{"Lists": r.disk()["Lists"]})
		if n := len(r.disk()["Lists"]); n != 2 {
			t.Errorf("%d messages in Lists", n)
		}
		r.silent("sync")
		r.holds(r.equal(), changed()...)
		r.idle()
	})
}

// testTwice: of two runs at once the second ends at once.
func testTwice(t *testing.T, bin string) {
	srv := dovecot.Start(t, dovecot.Options{})
	line := netsim.New(t, srv.Addr(), netsim.Options{StallDown: 1500})
	r := newRig(t, bin, srv, "/", "", "ann")
	r.via(line.Addr())
	r.imap.append("INBOX", "", 1_700_000_000, withCRLF(text("waits", strings.Repeat("for the line\n", 1000))))
	first := r.start("sync")
	for deadline := time.Now().Add(10 * time.Second); line.Stats().Stalls == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the first run never got that far")
		}
	}
	o := r.fails(3, []string{"sync"}, "satchel: home: ", "held by process ", " since 20", ", for ")
	if o.took > 2*time.Second {
		t.Errorf("the second run took %v", o.took)
	}
	if j := r.json(3, "sync"); j.Accounts[0].Errors[0].Kind != "busy" {
		t.Errorf("the second run says %+v", j)
	}
	line.Configure(netsim.Options{})
	if o := first(); o.code != 0 {
		t.Errorf("the first run: %v", o)
	}
	r.holds(r.equal(), "INBOX", "INBOX: waits")
	r.idle()

	// The lock of a run that was killed holds nobody up.
	r.imap.append("INBOX", "", 1_700_000_000, withCRLF(text("waits too", strings.Repeat("for the line\n", 1000))))
	line.Reset()
	line.Configure(netsim.Options{StallDown: 1500})
	killed := r.start("sync")
	r.waitFor("a stall", func() bool { return line.Stats().Stalls > 0 })
	if o := killed(syscall.SIGKILL); o.code != -1 {
		t.Errorf("killed: %v", o)
	}
	line.Configure(netsim.Options{})
	r.silent("sync")
	r.holds(r.equal(), "INBOX", "INBOX: waits", "INBOX: waits too")
	r.idle()
}

// testStopped: SIGTERM in the middle of a long sync, in both directions.
func testStopped(t *testing.T, bin string) {
	const n = 3000 // each way; some 1,000 are under way at once
	srv := dovecot.Start(t, dovecot.Options{})
	r := newRig(t, bin, srv, "/", "", "ann")
	line := netsim.New(t, srv.Addr(), netsim.Options{Bandwidth: 1 << 20})
	r.via(line.Addr())
	r.imap.create("Up")
	r.mkdir("Up")
	var contents [][]byte
	for i := range n {
		contents = append(contents, withCRLF(text(fmt.Sprintf("down%04d", i), strings.Repeat("0123456789 of some length\n", 40))))
		r.put(fmt.Sprintf("Up/cur/%d.up:2,S", i), 1_700_000_000+int64(i), text(fmt.Sprintf("up%04d", i), strings.Repeat("0123456789 of some length\n", 40)))
	}
	r.imap.appendMany("INBOX", 1_600_000_000, contents)
	arrived := func() (up, down int) {
		entries, _ := os.ReadDir(filepath.Join(r.mail, "INBOX", "cur"))
		r.imap.cmd("NOOP")
		for _, s := range r.imap.cmd("STATUS Up (MESSAGES)") {
			_, _ = fmt.Sscanf(s.Text, "* STATUS Up (MESSAGES %d)", &up)
		}
		return up, len(entries)
	}
	stops := 0
	for part := range 3 {
		finish := r.start("sync")
		u0, d0 := arrived()
		for begin := time.Now(); time.Since(begin) < 5*time.Second; time.Sleep(2 * time.Millisecond) {
			if u, d := arrived(); u+d-u0-d0 > 100*(1+part) {
				break
			}
		}
		o := finish(syscall.SIGTERM)
		u, d := arrived()
		t.Logf("stopped with %d up and %d down within %v", u, d, o.took)
		if o.code != 1 || o.took > 10*time.Second || !strings.Contains(o.stderr, "interrupted") {
			t.Errorf("stopped: %v", o)
		}
		if u+d < 2*n {
			stops++
		}
	}
	if stops == 0 {
		t.Error("never stopped in the middle")
	}
	line.Configure(netsim.Options{})
	r.silent("sync")
	server := r.equal()
	for box, count := range map[string]int{"INBOX": n, "Up": n} {
		if len(server[box]) != count {
			t.Errorf("%d messages in %s, want %d", len(server[box]), box, count)
		}
		subjects := map[string]int{}
		for _, l := range server[box] {
			if subjects[l.subject()]++; subjects[l.subject()] == 2 {
				t.Errorf("%s is there twice", l.subject())
			}
		}
	}
	r.idle()
}
