package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// scenario makes the same world each time: both sides with a past in which
// they agreed, and changes on either that wait for a sync.
type scenario struct {
	name string
	srv  imaptest.Options
	acct func(*mailsync.Account)
	// past fills both sides and syncs as often as it likes; change makes
	// what the run under test has to do, and notes it when it can.
	past   func(w *world)
	change func(w *world) *ledger
	// redo makes more changes, on both sides, after a death; nil when the
	// scenario cannot.
	redo func(w *world, l *ledger, rng *rand.Rand)
}

// open makes the world up to where the run under test begins.
func (s scenario) open(t testing.TB) (*world, *ledger) {
	t.Helper()
	w := openWorld(t, s.srv)
	w.acct.MaxDeletePct = 100
	w.acct.NoFsync = true
	if s.acct != nil {
		s.acct(&w.acct)
	}
	if len(s.name)%2 == 0 {
		w.small = 2 // large inflows come in windows; any will do
	}
	s.past(w)
	return w, s.change(w)
}

// historyScenario is a random history: a few epochs that are synced, and one
// that waits.
func historyScenario(seed uint64) scenario {
	caps := []imaptest.Caps{
		imaptest.DefaultCaps,
		imaptest.DefaultCaps.Without(imaptest.CapQResync),
		imaptest.DefaultCaps.With(imaptest.CapObjectID),
		imaptest.DefaultCaps.Without(imaptest.CapQResync, imaptest.CapCondstore),
		imaptest.DefaultCaps,
		imaptest.DefaultCaps.Without(imaptest.CapMove),
		imaptest.DefaultCaps.Without(imaptest.CapLiteralPlus, imaptest.CapListStatus),
	}
	s := scenario{name: fmt.Sprintf("history-%d", seed), srv: imaptest.Options{Caps: caps[seed%uint64(len(caps))]}}
	s.acct = func(a *mailsync.Account) {
		switch seed % 5 {
		case 1:
			a.Layout = maildir.MaildirPP
		case 3:
			a.Policy = conflict.Policy{EditVsDelete: conflict.Delete}
		}
	}
	s.past = func(w *world) {
		rng := rand.New(rand.NewPCG(seed, 1))
		boxes := []string{"INBOX", "Archive", "Work"}
		for _, b := range boxes[1:] {
			must(w, w.srv.CreateMailbox(b))
		}
		for range 3 + rng.IntN(10) {
			serverSide{w}.deliver(boxes[rng.IntN(len(boxes))], w.message(), nil)
		}
		w.sync()
		w.dateFolders(seed%2 == 1)
		for range rng.IntN(3) {
			s.epoch(w, newLedger(w.agree()), rng)
			w.sync()
			w.dateFolders(seed%2 == 1)
		}
	}
	s.change = func(w *world) *ledger {
		l := newLedger(w.agree())
		s.epoch(w, l, rand.New(rand.NewPCG(seed, 2)))
		return l
	}
	s.redo = func(w *world, l *ledger, rng *rand.Rand) { s.epoch(w, l, rng) }
	return s
}

// dateFolders gives all folders times that are believed, and lets the base note
// them, or times that never are. Whether a folder that was renamed and emptied
// is known by them would otherwise depend on how fast the test is.
func (w *world) dateFolders(believed bool) {
	w.t.Helper()
	at := time.Now().Add(time.Hour)
	if believed {
		at = time.Now().Add(-time.Hour)
	}
	for _, name := range w.folders() {
		dir, err := w.disk().Dir(name)
		must(w, err)
		for _, sub := range []string{"cur", "new", ""} {
			must(w, os.Chtimes(filepath.Join(dir, sub), at, at))
		}
	}
	if believed {
		w.quiet()
	}
}

// epoch changes both sides.
func (s scenario) epoch(w *world, l *ledger, rng *rand.Rand) {
	disk := diskSide{w, rng}
	if rng.IntN(3) == 0 {
		name := fmt.Sprintf("New/%d", w.n)
		if rng.IntN(2) == 0 {
			serverSide{w}.create(name)
		} else {
			disk.create(name)
		}
	}
	for k := range 2 {
		if rng.IntN(5) == 0 {
			l.rename(w, k, rng)
		}
	}
	l.edit(w, local, disk, w.folders(), rng, 1+rng.IntN(7))
	l.edit(w, onServer, serverSide{w}, w.srv.Mailboxes(), rng, 1+rng.IntN(7))
}

// everything has each kind of operation at least once: what can be broken is
// reached in it.
func everything() scenario {
	return scenario{
		name: "everything",
		srv:  imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, // copies on the server are known
		past: everythingBefore,
		change: func(w *world) *ledger {
			server, disk := serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 2))}
			oneSideEach(server, disk)
			bothSides(server, disk)
			newMail(w, server, disk)
			return nil
		},
	}
}

func everythingBefore(w *world) {
	server, disk := serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 1))}
	for _, b := range []string{"Archive", "Work", "Gone here", "Gone there", "Kept"} {
		server.create(b)
	}
	for i := range 24 {
		server.deliver([]string{"INBOX", "Archive", "Work"}[i%3], w.message(), [][]string{nil, {`\Seen`}, {`\Flagged`, "work"}}[i/3%3])
	}
	server.deliver("Gone here", w.message(), []string{"alpha"})
	server.deliver("Gone there", w.message(), []string{"beta"})
	w.sync()
	for _, sd := range []struct {
		side
		box string
	}{{disk, "Gone here"}, {server, "Gone there"}} {
		sd.remove(sd.list(sd.box)[0])
	}
	w.sync()
}

// byID lists a mailbox in the order of Message-IDs.
func byID(sd side, box string) []handle {
	l := sd.list(box)
	slices.SortFunc(l, func(a, b handle) int { return strings.Compare(fmt.Sprintf("%9s", a.id), fmt.Sprintf("%9s", b.id)) })
	return l
}

// oneSideEach changes each message on one side.
func oneSideEach(server serverSide, disk diskSide) {
	onDisk, there := byID(disk, "INBOX"), byID(server, "INBOX")
	disk.flag(onDisk[0], []string{`\Flagged`}, nil)
	server.flag(there[0], []string{`\Answered`}, nil)
	server.flag(there[1], []string{"work", "new"}, nil)
	disk.move(onDisk[2], "Archive")
	server.move(there[3], "Work")
	disk.remove(onDisk[4])
	server.remove(there[5])
	disk.copy(onDisk[6], "Work")
	server.copy(there[7], "Archive")
}

// bothSides changes the same messages on both sides.
func bothSides(server serverSide, disk diskSide) {
	onDisk, there := byID(disk, "Archive"), byID(server, "Archive")
	disk.move(onDisk[0], "Work")
	server.move(there[0], "INBOX")
	disk.move(onDisk[1], "Work")
	server.flag(there[1], []string{`\Seen`, `\Flagged`, "other"}, nil)
	disk.flag(onDisk[3], nil, []string{`\Seen`})
	server.flag(there[3], nil, []string{`\Seen`})
	server.flag(there[4], []string{"more"}, nil)
	disk.remove(onDisk[5])
	server.flag(there[5], []string{`\Flagged`}, nil)
}

// newMail has mail and mailboxes come on both sides, and mailboxes go.
func newMail(w *world, server serverSide, disk diskSide) {
	disk.deliver("INBOX", w.message(), nil)
	disk.deliver("Work", w.message(), []string{`\Seen`, `\Flagged`})
	server.deliver("INBOX", w.message(), nil)
	server.deliver("Work", w.message(), []string{`\Seen`, "urgent"})
	both := w.message()
	disk.deliver("Archive", both, []string{`\Seen`})
	server.deliver("Archive", both, []string{`\Flagged`})
	large := append(w.message(), []byte(strings.Repeat("a line of a large message\r\n", 6000))...)
	server.deliver("INBOX", large, nil)
	server.create("New there/below")
	server.deliver("New there/below", w.message(), nil)
	disk.create("New here")
	disk.deliver("New here", w.message(), nil)
	dir, err := w.disk().Dir("Gone here")
	must(w, err)
	must(w, os.RemoveAll(dir))
	must(w, w.srv.DeleteMailbox("Gone there"))
}

// many has enough new mail for a delivery in one go.
func many() scenario {
	return scenario{
		name: "many",
		past: func(w *world) {
			for range 5 {
				serverSide{w}.deliver("INBOX", w.message(), nil)
			}
			w.sync()
		},
		change: func(w *world) *ledger {
			disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
			for range 80 {
				serverSide{w}.deliver("INBOX", w.message(), nil)
			}
			for range 20 {
				disk.deliver("INBOX", w.message(), []string{`\Seen`})
			}
			return nil
		},
	}
}

// first is the first sync of two sides that have mail, some of it the same.
func first() scenario {
	return scenario{
		name: "first",
		past: func(w *world) {
			must(w, os.MkdirAll(w.acct.Maildir, 0o700))
			disk, server := diskSide{w, rand.New(rand.NewPCG(3, 2))}, serverSide{w}
			disk.create("INBOX")
			disk.create("Old")
			server.create("Old")
			server.create("Lists")
			for i := range 12 {
				box, c := []string{"INBOX", "Old"}[i%2], w.message()
				switch i / 2 % 3 {
				case 0:
					disk.deliver(box, c, [][]string{nil, {`\Seen`}}[i%2])
					server.deliver(box, c, []string{`\Flagged`})
				case 1:
					disk.deliver(box, c, nil)
				case 2:
					server.deliver(box, c, []string{`\Seen`})
				}
			}
		},
		change: func(*world) *ledger { return nil },
	}
}

// trash has removals that become moves on the server.
func trash() scenario {
	s := historyScenario(11)
	s.name = "trash"
	s.acct = func(a *mailsync.Account) { a.Policy.Removal = conflict.Trash }
	s.srv.Caps = imaptest.DefaultCaps
	s.past = func(w *world) {
		must(w, w.srv.CreateMailbox("Trash"))
		w.srv.SetSpecialUse("Trash", `\Trash`)
		must(w, w.srv.CreateMailbox("Work"))
		for i := range 12 {
			serverSide{w}.deliver([]string{"INBOX", "Work"}[i%2], w.message(), nil)
		}
		w.sync()
	}
	s.change = func(w *world) *ledger {
		disk, server := diskSide{w, rand.New(rand.NewPCG(3, 2))}, serverSide{w}
		for _, h := range disk.list("INBOX")[:3] {
			disk.remove(h)
		}
		for _, h := range server.list("Work")[:2] {
			server.remove(h)
		}
		disk.move(disk.list("INBOX")[0], "Work")
		return nil
	}
	s.redo = nil
	return s
}

// renames has mailboxes that both sides renamed, with changes in them.
func renames(layout maildir.Layout, caps imaptest.Caps) scenario {
	return scenario{
		name: fmt.Sprintf("renames, %v, OBJECTID %v", layout, caps.Has(imaptest.CapObjectID)),
		srv:  imaptest.Options{Caps: caps},
		acct: func(a *mailsync.Account) { a.Layout = layout },
		past: func(w *world) {
			for i, b := range []string{"A", "A/x", "A/x/y", "B", "B/x", "C", "D", "E"} {
				must(w, w.srv.CreateMailbox(b))
				w.srv.Subscribe(b, i%2 == 0)
				for range 2 {
					serverSide{w}.deliver(b, w.message(), nil)
				}
			}
			w.sync()
			w.quiet() // notes the folders' times
		},
		change: func(w *world) *ledger {
			disk, server := diskSide{w, rand.New(rand.NewPCG(1, 2))}, serverSide{w}
			w.mv("A", "Z")
			w.mv("C", "t")
			w.mv("D", "C")
			w.mv("t", "D")
			disk.deliver("Z/x", w.message(), nil)
			server.deliver("A/x", w.message(), nil)
			server.flag(server.list("A")[0], []string{`\Flagged`}, nil)
			if caps.Has(imaptest.CapObjectID) {
				w.mvServer("B", "Y")
				server.deliver("Y", w.message(), nil)
				disk.deliver("B/x", w.message(), []string{`\Seen`})
				w.mvServer("E", "There")
				w.mv("E", "Here")
			}
			return nil
		},
	}
}

func scenarios() []scenario {
	return []scenario{everything(), first(), trash(), many(),
		renames(maildir.Nested, imaptest.DefaultCaps.With(imaptest.CapObjectID)),
		renames(maildir.MaildirPP, imaptest.DefaultCaps)}
}

// where a scenario keeps its undo folder and its state, which are left out of
// comparisons.
func isState(path string) bool {
	b := filepath.Base(path)
	return strings.Contains(b, ".db") || strings.HasSuffix(b, ".lock")
}
