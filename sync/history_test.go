package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	"satchel/sync/imaptest"
)

// side is one half of a random history; both halves can do the same things.
type side interface {
	deliver(mailbox string, content []byte, flags []string)
	list(mailbox string) []handle
	flag(h handle, add, remove []string)
	move(h handle, to string)
	copy(h handle, to string)
	remove(h handle)
	create(mailbox string)
}

// handle names a message on one side.
type handle struct {
	mailbox string
	id      string // content's Message-ID
	key     any
	flags   []string
}

func contentID(content string) string {
	_, rest, _ := strings.Cut(content, "<")
	id, _, _ := strings.Cut(rest, ">")
	return id
}

// serverSide changes the server as another client would.
type serverSide struct{ w *world }

func (s serverSide) deliver(mailbox string, content []byte, flags []string) {
	if s.w.srv.Append(s.w.wire(mailbox), flags, time.Unix(1_700_000_000, 0).Add(time.Duration(s.w.n)*time.Minute), content) == 0 {
		s.w.t.Fatal("append failed")
	}
}

func (s serverSide) list(mailbox string) (list []handle) {
	for _, m := range s.w.srv.Messages(s.w.wire(mailbox)) {
		list = append(list, handle{mailbox, contentID(string(m.Content)), m.UID, m.Flags})
	}
	return list
}

func (s serverSide) flag(h handle, add, remove []string) {
	s.w.srv.StoreFlags(s.w.wire(h.mailbox), h.key.(uint32), add, remove)
}
func (s serverSide) move(h handle, to string) {
	s.w.srv.Move(s.w.wire(h.mailbox), h.key.(uint32), s.w.wire(to))
}
func (s serverSide) copy(h handle, to string) {
	s.w.srv.Copy(s.w.wire(h.mailbox), h.key.(uint32), s.w.wire(to))
}
func (s serverSide) remove(h handle)       { s.w.srv.Expunge(s.w.wire(h.mailbox), h.key.(uint32)) }
func (s serverSide) create(mailbox string) { _ = s.w.srv.CreateMailbox(s.w.wire(mailbox)) }

// diskSide changes the Maildir as a mail program would.
type diskSide struct {
	w   *world
	rng *rand.Rand
}

func (d diskSide) newName() string {
	return fmt.Sprintf("%d.%d_%d.elsewhere", time.Now().Unix(), d.rng.Uint32(), d.w.n)
}

func (d diskSide) deliver(mailbox string, content []byte, flags []string) {
	d.w.n++
	f := diskFile{}.file
	f.Folder, f.New, f.Name = mailbox, len(flags) == 0, d.newName()
	if len(flags) > 0 {
		f.Name = d.name(mailbox, f.Name, flags)
	}
	tmp := filepath.Join(filepath.Dir(filepath.Dir(d.w.path(f))), "tmp", f.Name)
	must(d.w, os.WriteFile(tmp, []byte(strings.ReplaceAll(string(content), "\r\n", "\n")), 0o600))
	must(d.w, os.Rename(tmp, d.w.path(f)))
}

func (d diskSide) list(mailbox string) (list []handle) {
	for _, f := range d.w.files(mailbox) {
		list = append(list, handle{mailbox, contentID(d.w.content(f.file)), f.file, f.flags.Names()})
	}
	return list
}

func (d diskSide) flag(h handle, add, remove []string) {
	f := diskFile{file: h.key.(maildir.File)}
	base, _, _ := strings.Cut(f.file.Name, ":2,")
	flags := slices.Concat(h.flags, add)
	flags = slices.DeleteFunc(flags, func(x string) bool { return slices.Contains(remove, x) })
	slices.Sort(flags)
	to := f.file
	to.New, to.Name = false, d.name(h.mailbox, base, slices.Compact(flags))
	must(d.w, os.Rename(d.w.path(f.file), d.w.path(to)))
}

func (d diskSide) move(h handle, to string) {
	f := diskFile{file: h.key.(maildir.File)}
	dst := f.file
	dst.Folder = to
	d.rename(&dst)
	must(d.w, os.Rename(d.w.path(f.file), d.w.path(dst)))
}

// rename gives the file a new name, as mutt does, or keeps the old one, as
// others do, unless that would replace a file.
func (d diskSide) rename(f *maildir.File) {
	taken := slices.ContainsFunc(d.w.files(f.Folder), func(x diskFile) bool { return x.file.Base() == f.Base() })
	if !taken && d.rng.IntN(2) == 0 {
		return
	}
	_, info, ok := strings.Cut(f.Name, ":2,")
	f.Name = d.newName()
	if ok {
		f.Name += ":2," + info
	}
}

func (d diskSide) copy(h handle, to string) {
	f := diskFile{file: h.key.(maildir.File)}
	dst := f.file
	dst.Folder = to
	d.rename(&dst)
	b, err := os.ReadFile(d.w.path(f.file))
	must(d.w, err)
	must(d.w, os.WriteFile(d.w.path(dst), b, 0o600))
}

func (d diskSide) remove(h handle) { must(d.w, os.Remove(d.w.path(h.key.(maildir.File)))) }

func (d diskSide) create(mailbox string) {
	dir, err := d.w.disk().Dir(mailbox)
	must(d.w, err)
	for _, sub := range []string{"cur", "new", "tmp"} {
		must(d.w, os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
}

func must(w *world, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// where is content ID -> mailboxes that hold it, sorted.
func where(s snapshot) map[string][]string {
	m := map[string][]string{}
	for name, list := range s {
		for _, c := range list {
			id := contentID(c)
			m[id] = append(m[id], name)
		}
	}
	for _, l := range m {
		slices.Sort(l)
	}
	return m
}

// TestRandomHistories changes both sides at random, syncs, and checks what
// must hold whatever happened: both sides are equal, a second run changes
// nothing, nothing is lost that no side removed, nothing is doubled, and a
// message that only one side touched is as that side left it.
func TestRandomHistories(t *testing.T) {
	n := 25
	switch {
	case testing.Short():
		n = 10
	case *crashLong:
		n = 500
	}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			o := imaptest.Options{}
			if i%2 == 1 {
				o.Caps = imaptest.DefaultCaps.With(imaptest.CapObjectID)
			}
			history(t, uint64(i), o)
		})
	}
}

func history(t *testing.T, seed uint64, o imaptest.Options) {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, o)
	w.acct.MaxDeletePct = 100
	w.acct.NoFsync = true
	if seed%2 == 1 {
		w.small = 2
	}
	boxes := []string{"INBOX", "Archive", "Work"}
	for _, b := range boxes[1:] {
		must(w, w.srv.CreateMailbox(w.wire(b)))
	}
	server, disk := serverSide{w}, diskSide{w, rng}
	for range rng.IntN(12) {
		server.deliver(boxes[rng.IntN(len(boxes))], w.message(), nil)
	}
	w.sync()
	agree := w.agree
	if o.Caps != 0 && !o.Caps.Has(imaptest.CapUIDPlus) {
		agree = w.agreeVisible
	}
	agree()
	for range 6 {
		ledger := newLedger(agree())
		ledger.leaveOut(w.postponed())
		if rng.IntN(4) == 0 && len(boxes) < 6 {
			name := fmt.Sprintf("New/%d", len(boxes))
			if rng.IntN(2) == 0 {
				server.create(name)
			} else {
				disk.create(name)
			}
		}
		for k := range 2 {
			if rng.IntN(5) == 0 {
				ledger.rename(w, k, rng)
			}
		}
		ledger.edit(w, local, disk, w.folders(), rng, rng.IntN(8))
		ledger.edit(w, onServer, server, w.mailboxes(), rng, rng.IntN(8))
		w.sync()
		end := agree()
		w.quiet()
		agree()
		if wrong := ledger.check(end); len(wrong) > 0 {
			t.Fatalf("seed %d: %s\nafter\n%s", seed, strings.Join(wrong, "\n"), strings.Join(ledger.text, "\n"))
		}
	}
	w.unmarkOthers()
	w.sync()
	w.agree()
	w.quiet()
}

// folders returns the mailboxes on disk, sorted. What a run that died has left
// of a folder that it was removing is none to a mail program.
func (w *world) folders() (names []string) {
	w.t.Helper()
	folders, skipped, err := w.disk().Survey(context.Background(), nil)
	if err != nil || len(skipped) > 0 {
		w.t.Fatal(err, skipped)
	}
	for _, f := range folders {
		if f.Cur && f.New {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}
