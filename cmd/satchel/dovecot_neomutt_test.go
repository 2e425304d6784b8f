package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
)

// terminal is a person at a terminal, by way of a tmux server of the test's own.
type terminal struct {
	r    *rig
	tmux mailer
}

// openTerminal starts a program in a terminal. It ends with the test.
func openTerminal(r *rig, tmux mailer, command ...string) *terminal {
	r.Helper()
	tm := &terminal{r: r, tmux: tmux}
	r.Cleanup(func() {
		_, _ = tm.tmux.run(r, "-S", "tmux", "kill-server") // it is gone when the program ended
	})
	// The socket's path is relative: an absolute one may be too long for the
	// kernel. All commands run in the rig's folder.
	args := append([]string{"-S", "tmux", "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "60"}, command...)
	if _, err := tmux.run(r, args...); err != nil {
		r.Fatalf("tmux %v", err)
	}
	return tm
}

// keys presses keys, by tmux's names.
func (tm *terminal) keys(keys ...string) {
	tm.r.Helper()
	if _, err := tm.tmux.run(tm.r, append([]string{"-S", "tmux", "send-keys"}, keys...)...); err != nil {
		tm.r.Fatalf("tmux %v\n%s", err, tm.screen())
	}
}

func (tm *terminal) write(text string) { tm.keys("-l", text) }

func (tm *terminal) screen() string {
	out, _ := tm.tmux.run(tm.r, "-S", "tmux", "capture-pane", "-p")
	return out
}

// sees waits until all of want are on one line of the screen.
func (tm *terminal) sees(want ...string) {
	tm.r.Helper()
	var last string
	defer func() {
		if tm.r.Failed() {
			tm.r.Logf("the screen:\n%s", last)
		}
	}()
	tm.r.waitFor(fmt.Sprintf("%q on the screen", want), func() bool {
		last = tm.screen()
		for line := range strings.Lines(last) {
			all := true
			for _, w := range want {
				all = all && strings.Contains(line, w)
			}
			if all {
				return true
			}
		}
		return false
	})
}

// neomuttrc asks no questions and shows subjects, flags and the cursor in a
// way that a test can read.
const neomuttrc = `set mbox_type=Maildir
set folder="%[1]s"
set spoolfile="+INBOX"
set record="" postponed="" trash="" header_cache="" tmpdir="%[2]s"
set delete=yes quit=yes move=no confirmappend=no confirmcreate=no resolve=no mark_old=no
set wait_key=no beep=no sleep_time=0 mail_check=1 timeout=1 check_new=yes
set arrow_cursor=yes sort=date help=no pager_stop=yes
set index_format="%%Z <%%s>"
set status_format="AT INDEX %%D changes %%r"
set pager_format="AT MESSAGE %%s"
`

// person is somebody who reads mail with neomutt.
type person struct{ *terminal }

// at puts the cursor on a message.
func (p *person) at(subject string) {
	p.r.Helper()
	p.keys("/")
	p.sees("Search for:")
	p.keys("C-u")
	p.write("~s " + subject + "$")
	p.keys("Enter")
	p.sees("->", "<"+subject+">")
}

func (p *person) read(subject string) {
	p.r.Helper()
	p.at(subject)
	p.keys("Enter")
	p.sees("AT MESSAGE", subject)
	p.keys("q")
	p.sees("AT INDEX")
}

func (p *person) flag(subject string) {
	p.r.Helper()
	p.at(subject)
	p.keys("F")
	p.sees("->", "!", "<"+subject+">")
}

func (p *person) remove(subject string) {
	p.r.Helper()
	p.at(subject)
	p.keys("d")
	p.sees("->", "D", "<"+subject+">")
}

func (p *person) save(subject, mailbox string) {
	p.r.Helper()
	p.at(subject)
	p.keys("s")
	p.sees("Save to mailbox")
	p.keys("C-u")
	p.write("=" + mailbox)
	p.keys("Enter")
	p.sees("->", "D", "<"+subject+">")
}

// commit has neomutt write all that was done to the Maildir. Where a file got
// another name while it wrote, it says that it cannot, and looks for new names
// only once the folder has changed again.
func (p *person) commit() {
	p.r.Helper()
	done := func(screen string) bool { return strings.Contains(screen, "changes -") } // %r: nothing is left
	for try := 0; ; try++ {
		p.keys("$")
		screen := ""
		p.r.waitFor("an answer to $", func() bool {
			screen = p.screen()
			return done(screen) || strings.Contains(screen, "Unable to write")
		})
		if done(screen) {
			return
		}
		if try == 50 {
			p.r.Fatalf("neomutt does not write:\n%s", screen)
		}
		p.keys("Home", "End") // clears the line
		for _, dir := range []string{"cur", "new"} {
			now := time.Now()
			p.r.must(os.Chtimes(filepath.Join(p.r.mail, "INBOX", dir), now, now))
		}
		p.r.waitFor("the next key", func() bool { return !strings.Contains(p.screen(), "Unable to write") })
	}
}

// testNeomutt has a person work with neomutt beside syncs.
func testNeomutt(t *testing.T, bin string) {
	neomutt, tmux := findMailer(t, "neomutt"), findMailer(t, "tmux")
	srv := dovecot.Start(t, dovecot.Options{})
	r := newRig(t, bin, srv, "/", "", "ann")
	tmux.env = append(append(tmux.env, neomutt.env...), "TERM=screen", "TMUX_TMPDIR="+r.root)
	r.imap.create("Archive")
	ledger := newCensus()
	born := func(subject string, flags ...string) {
		r.imap.append("INBOX", strings.Join(flags, " "), 1_600_000_000, withCRLF(text(subject, "")))
		ledger.born(subject, "INBOX", flags...)
	}
	const each = 3
	for i := range each {
		for _, does := range []string{"reads", "flags", "removes", "files", "leaves"} {
			born(fmt.Sprintf("%s-%d", does, i))
		}
	}
	r.imap.append("Archive", `\Seen`, 1_600_000_000, withCRLF(text("old", "")))
	ledger.born("old", "Archive", `\Seen`)
	r.silent("sync")
	rc := filepath.Join(r.root, "neomuttrc")
	r.must(os.WriteFile(rc, fmt.Appendf(nil, neomuttrc, r.mail, r.root), 0o600))

	loop := r.syncing()
	me := &person{openTerminal(r, tmux, neomutt.path, "-n", "-F", rc)}
	me.sees("AT INDEX")
	for i := range each {
		of := func(does string) string { return fmt.Sprintf("%s-%d", does, i) }
		me.read(of("reads"))
		ledger.flag(of("reads"), `\Seen`, true)
		me.flag(of("flags"))
		ledger.flag(of("flags"), `\Flagged`, true)
		// Meanwhile a phone does something else. Not to what neomutt has not
		// written yet: it does not merge flags of one message.
		r.imap.selected = ""
		r.imap.store("INBOX", of("leaves"), `+FLAGS (\Seen $Forwarded)`)
		ledger.flag(of("leaves"), `\Seen`, true)
		ledger.flag(of("leaves"), "$Forwarded", true)
		me.remove(of("removes"))
		ledger.removed(of("removes"))
		born(of("arrives"), `\Flagged`)
		me.save(of("files"), "Archive")
		ledger.moved(of("files"), "Archive")
		me.commit()
		r.imap.selected = ""
		r.imap.store("INBOX", of("reads"), `+FLAGS (\Answered)`)
		ledger.flag(of("reads"), `\Answered`, true)
		// The next round begins when a sync has seen this one.
		seen := loop.runs.Load()
		r.waitFor("another sync", func() bool { return loop.runs.Load() > seen+1 })
	}
	me.keys("q")
	r.waitFor("the end of neomutt", func() bool { return me.screen() == "" })
	loop.judge(t)
	r.silent("sync")
	r.silent("sync")
	ledger.judge(t, r.equal())
	r.idle()
}
