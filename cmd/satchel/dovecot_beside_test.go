package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/imaptest/talk"
)

// testBeside has a mail program work in the Maildir and another client on
// the server while syncs run.
func testBeside(t *testing.T, bin string) {
	for name, capability := range map[string]string{
		"qresync":   "",
		"condstore": "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS MOVE CONDSTORE SPECIAL-USE",
		"plain":     "IMAP4rev1 SASL-IR LITERAL+ NAMESPACE UIDPLUS MOVE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := dovecot.Start(t, dovecot.Options{Capability: capability})
			beside(newRig(t, bin, srv, "/", "", "ann"), name != "plain")
		})
	}
}

// What may happen to a message.
const (
	kindStays     = iota // both sides change flags
	kindDiskMoves        // and the disk moves it
	kindServerMoves
	kindDiskRemoves // the server changes \Seen, which brings nothing back
	kindServerRemoves
	kindDiskCopies
	kindServerCopies
	kinds
)

func besideBoxes() []string { return []string{"INBOX", "Work", "Archive"} }

// beside needs to be told whether the server gives messages an identity.
// Without one, a move seen half looks like a new message and a removal, and to
// have changed the file meanwhile keeps it at its old place as well.
func beside(r *rig, identity bool) {
	ledger := newCensus()
	disk := &onDiskNow{mail: r.mail, ids: map[string]string{}, flagsMoved: identity}
	subjects := besideMail(r, ledger)
	r.silent("sync")
	for _, box := range besideBoxes() {
		for _, l := range r.folder(filepath.Join(r.mail, box)) {
			disk.ids[l.subject()] = base(l.name)
		}
	}

	const runs = 20
	loop := r.syncing()
	wait := programs(r, func() bool { return loop.runs.Load() < runs }, disk, ledger, subjects)
	other := &otherClient{r: r, ledger: ledger, subjects: subjects, moves: identity}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; loop.runs.Load() < runs; i++ {
		other.step(i)
		<-tick.C
	}
	wait()
	loop.judge(r.T)
	r.silent("sync")
	r.silent("sync")
	ledger.judge(r.T, r.equal())
	r.idle()
	if o := r.run("check"); o.code != 0 {
		r.Errorf("check: %v", o)
	}
	r.Logf("%d messages in the end, %d changes on the server", len(ledger.all), other.did)
}

// besideMail fills the server, and returns the subjects by the kind of what will happen to them.
func besideMail(r *rig, ledger *census) [][]string {
	const each = 6 // messages of each kind in each mailbox
	subjects := make([][]string, kinds)
	for b, box := range besideBoxes() {
		if box != "INBOX" {
			r.imap.create(box)
		}
		var contents [][]byte
		for kind := range kinds {
			for i := range each {
				subject := fmt.Sprintf("%s-%d-%d", box, kind, i)
				subjects[kind] = append(subjects[kind], subject)
				contents = append(contents, withCRLF(text(subject, "")))
				ledger.born(subject, box, `\Seen`)
				ledger.loose[subject] = kind == kindDiskMoves || kind == kindServerMoves
			}
		}
		r.imap.appendMany(box, int64(1_600_000_000+b*10_000), contents)
		// The keyword has its letter everywhere before anybody moves files.
		r.imap.append(box, `\Seen work`, 1_650_000_000, withCRLF(text("keyword-"+box, "")))
		ledger.born("keyword-"+box, box, `\Seen`, "work")
	}
	return subjects
}

// programs work in the Maildir as long as goOn says so; wait waits for their end.
func programs(r *rig, goOn func() bool, disk *onDiskNow, ledger *census, subjects [][]string) (wait func()) {
	var running sync.WaitGroup
	failed := make(chan error, 2)
	for part, act := range []func(*onDiskNow, *census, [][]string, int) error{filesAndFlags, deliveries} {
		running.Go(func() {
			tick := time.NewTicker(time.Duration(5+5*part) * time.Millisecond)
			defer tick.Stop()
			for i := 0; goOn(); i++ {
				select {
				case <-tick.C:
				case <-r.Context().Done():
					return
				}
				if err := act(disk, ledger, subjects, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	return func() {
		r.Helper()
		running.Wait()
		close(failed)
		for err := range failed {
			r.Error(err)
		}
	}
}

// filesAndFlags is a mail program in the Maildir. Its flags are \Flagged and
// \Answered, and \Seen where the server does not use it.
func filesAndFlags(d *onDiskNow, c *census, subjects [][]string, i int) error {
	kind := i % kinds
	n := i / kinds
	subject := subjects[kind][n%len(subjects[kind])]
	c.mu.Lock()
	who := c.all[subject]
	var from string
	if who != nil {
		from = who.mailbox
	}
	c.mu.Unlock()
	round := n / len(subjects[kind])
	id := d.ids[subject]
	switch {
	case kind == kindStays || kind == kindServerMoves && d.flagsMoved || kind == kindDiskMoves && n%3 == 0:
		flag, letter := `\Flagged`, byte('F')
		if n%2 == 1 {
			flag, letter = `\Answered`, 'R'
		}
		on := round%2 == 0
		if err := d.flag(id, letter, on); err != nil {
			return err
		}
		c.flag(subject, flag, on)
	case kind == kindDiskMoves:
		boxes := besideBoxes()
		to := boxes[(slices.Index(boxes, from)+1+n%2)%len(boxes)]
		newID := id
		if n%3 == 1 { // some programs make a new name
			newID = fmt.Sprintf("%d.moved.host", i)
		}
		if err := d.move(from, to, id, newID); err != nil {
			return err
		}
		d.ids[subject] = newID
		c.moved(subject, to)
	case kind == kindDiskRemoves && who != nil && n%4 == 0: // which in 4 rounds are all
		removed, err := d.remove(from, id)
		if err != nil {
			return err
		}
		if removed {
			c.removed(subject)
		}
	case kind == kindDiskCopies && round == 0:
		boxes := besideBoxes()
		to := boxes[(slices.Index(boxes, from)+1)%len(boxes)]
		if err := d.copyFile(from, to, id, fmt.Sprintf("%d.copy.host", i)); err != nil {
			return err
		}
		c.copied(subject, to)
	}
	return nil
}

// deliveries is a program that delivers mail to new/.
func deliveries(d *onDiskNow, c *census, _ [][]string, i int) error {
	if i%16 != 0 {
		return nil
	}
	box := besideBoxes()[i/16%3]
	subject := fmt.Sprintf("delivered-%d", i)
	name := fmt.Sprintf("%d.delivery.host", i)
	tmp := filepath.Join(d.mail, box, "tmp", name)
	if err := os.WriteFile(tmp, text(subject, ""), 0o600); err != nil {
		return err
	}
	c.born(subject, box)
	return os.Rename(tmp, filepath.Join(d.mail, box, "new", name))
}

// otherClient changes the server: the flags $Forwarded, work and \Seen, and
// the places of its own kinds.
type otherClient struct {
	r        *rig
	ledger   *census
	subjects [][]string
	moves    bool // always with MOVE
	did      int
}

// uid finds a message, wherever it is by now, and leaves its mailbox selected.
func (o *otherClient) uid(subject string, boxes ...string) string {
	for _, box := range boxes {
		o.r.imap.selected = "" // see what others did
		o.r.imap.sel(box)
		for _, rep := range o.r.imap.cmd("UID SEARCH SUBJECT %q", subject) {
			if f := strings.Fields(rep.Text); len(f) == 3 && f[1] == "SEARCH" {
				return f[2]
			}
		}
	}
	return ""
}

// flag changes one flag, once the server says so of a message that is there.
// Dovecot answers a STORE that changes nothing with OK alone. It is asked what
// is there in that case: an earlier try may have come through, and the message
// moved on with the flag.
func (o *otherClient) flag(subject, flag string, on bool, boxes ...string) {
	o.r.Helper()
	var last string
	sign := map[bool]string{true: "+", false: "-"}[on]
	for range 100 {
		uid := o.uid(subject, boxes...)
		if uid == "" {
			continue
		}
		all, status := o.r.imap.try("UID STORE %s %sFLAGS (%s)", uid, sign, flag)
		if len(all) == 0 && strings.HasPrefix(status, "OK") {
			all, status = o.r.imap.try("UID FETCH %s (FLAGS)", uid)
		}
		last = fmt.Sprint(all, status)
		if strings.HasPrefix(status, "OK") && !strings.Contains(status, "EXPUNGEISSUED") &&
			slices.ContainsFunc(all, func(rep talk.Reply) bool {
				return strings.Contains(rep.Text, "FETCH") && strings.Contains(rep.Text, flag) == on
			}) {
			o.did++
			o.ledger.flag(subject, flag, on)
			return
		}
	}
	o.r.Errorf("%s is not in %s: %s", subject, boxes, last)
}

func (o *otherClient) step(i int) {
	o.r.Helper()
	kind, n := i%(kinds+1), i/(kinds+1)
	if kind == kinds {
		if n%4 != 0 {
			return
		}
		o.arrive(besideBoxes()[n%3], i)
		return
	}
	subject := o.subjects[kind][n%len(o.subjects[kind])]
	round := n / len(o.subjects[kind])
	on := round%2 == 0
	boxes := besideBoxes()
	o.ledger.mu.Lock()
	who := o.ledger.all[subject]
	home, _, _ := strings.Cut(subject, "-")
	if who != nil {
		home = who.mailbox
	}
	o.ledger.mu.Unlock()
	switch kind {
	case kindStays, kindDiskMoves:
		if kind == kindStays {
			boxes = []string{home}
		}
		flag := []string{"$Forwarded", "work", `\Seen`}[n%3]
		if flag == `\Seen` {
			on = !on // they begin with it
		}
		o.flag(subject, flag, on, boxes...)
	case kindServerMoves:
		o.move(subject, home, boxes[(slices.Index(boxes, home)+1+n%2)%len(boxes)])
	case kindDiskRemoves:
		// Gone or not, \Seen must not bring it back.
		if uid := o.uid(subject, home); uid != "" {
			_, _ = o.r.imap.try(`UID STORE %s -FLAGS (\Seen)`, uid)
			_, _ = o.r.imap.try(`UID STORE %s +FLAGS (\Seen)`, uid)
		}
	case kindServerRemoves:
		if who != nil && n%4 == 0 {
			o.r.imap.selected = ""
			o.r.imap.expunge(home, subject)
			o.ledger.removed(subject)
			o.did++
		}
	case kindServerCopies:
		if round == 0 {
			to := boxes[(slices.Index(boxes, home)+1)%len(boxes)]
			uid := o.uid(subject, home)
			o.r.imap.cmd("UID COPY %s %s", uid, o.r.imap.name(to))
			o.ledger.copied(subject, to)
			o.did++
		}
	}
}

func (o *otherClient) arrive(box string, i int) {
	o.r.Helper()
	subject := fmt.Sprintf("arrived-%d", i)
	o.ledger.born(subject, box)
	o.r.imap.append(box, "", 1_700_000_000+int64(i), withCRLF(text(subject, "")))
}

func (o *otherClient) move(subject, from, to string) {
	o.r.Helper()
	uid := o.uid(subject, from)
	if uid == "" {
		o.r.Errorf("%s is not in %s", subject, from)
		return
	}
	if o.moves {
		o.r.imap.cmd("UID MOVE %s %s", uid, o.r.imap.name(to))
	} else { // as clients without MOVE do
		o.r.imap.cmd("UID COPY %s %s", uid, o.r.imap.name(to))
		o.r.imap.cmd(`UID STORE %s +FLAGS (\Deleted)`, uid)
		o.r.imap.cmd("UID EXPUNGE %s", uid)
	}
	o.did++
	o.ledger.moved(subject, to)
}
