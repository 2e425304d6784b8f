package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"satchel/maildir"
	"satchel/sync/imaptest"
)

// fewNames is a mail program that has few names to give. A sync sees a name go
// before another message has it alone: a file that has the name of one that is
// gone is that one, edited.
type fewNames struct {
	diskSide
	gone, came map[string]bool // paths without the flags
}

// free reports whether no file has this name, or had its base.
func (d fewNames) free(f maildir.File) bool {
	_, err := os.Lstat(d.w.path(f))
	return err != nil && !d.gone[f.Folder+"/"+f.Base()]
}

// leaves is called before a file gives up its name.
func (d fewNames) leaves(f maildir.File) {
	at := f.Folder + "/" + f.Base()
	if d.came[at] {
		d.w.sync()
		clear(d.came)
	}
	d.gone[at] = true
}

func (d fewNames) remove(h handle) {
	d.leaves(h.key.(maildir.File))
	d.diskSide.remove(h)
}

// fit returns a name that no file in the folder has, with a base that others
// may have.
func (d fewNames) fit(f maildir.File, flags []string) maildir.File {
	for try := range 20 {
		base := fmt.Sprintf("same%d", d.rng.IntN(3))
		if try > 10 {
			base = d.newName()
		}
		f.Name = base
		if !f.New {
			f.Name = d.name(f.Folder, base, flags)
		}
		if d.free(f) {
			d.came[f.Folder+"/"+f.Base()] = true
			return f
		}
	}
	panic("no name is free")
}

func (d fewNames) deliver(mailbox string, content []byte, flags []string) {
	d.w.n++
	f := d.fit(maildir.File{Folder: mailbox, New: len(flags) == 0}, flags)
	must(d.w, os.WriteFile(d.w.path(f), []byte(strings.ReplaceAll(string(content), "\r\n", "\n")), 0o600))
}

func (d fewNames) flag(h handle, add, remove []string) {
	f := h.key.(maildir.File)
	to := maildir.File{Folder: f.Folder}
	var flags []string
	for _, x := range append(append([]string{}, h.flags...), add...) {
		if !contains(remove, x) && !contains(flags, x) {
			flags = append(flags, x)
		}
	}
	to.Name = d.name(f.Folder, f.Base(), flags)
	if _, err := os.Lstat(d.w.path(to)); err == nil {
		d.leaves(f)
		to = d.fit(to, flags)
	}
	must(d.w, os.Rename(d.w.path(f), d.w.path(to)))
}

// contains compares flags as IMAP does, without regard to case.
func contains(flags []string, one string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, one) })
}

func (d fewNames) place(h handle, to string) maildir.File {
	f := h.key.(maildir.File)
	dst := f
	dst.Folder = to
	if !d.free(dst) {
		dst = d.fit(maildir.File{Folder: to, New: f.New}, h.flags)
	}
	d.came[dst.Folder+"/"+dst.Base()] = true
	return dst
}

func (d fewNames) move(h handle, to string) {
	f := h.key.(maildir.File)
	d.leaves(f)
	must(d.w, os.Rename(d.w.path(f), d.w.path(d.place(h, to))))
}

func (d fewNames) copy(h handle, to string) {
	b, err := os.ReadFile(d.w.path(h.key.(maildir.File)))
	must(d.w, err)
	must(d.w, os.WriteFile(d.w.path(d.place(h, to)), b, 0o600))
}

// TestFewNames: random histories in which most files share the unique parts of
// their names, undisturbed and interrupted.
func TestFewNames(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 8
	}
	if *crashLong {
		n = 400
	}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			fewNamesHistory(t, uint64(i), imaptest.Options{})
		})
	}
}

func fewNamesHistory(t *testing.T, seed uint64, o imaptest.Options) {
	rng := rand.New(rand.NewPCG(seed, 5))
	w := newWorld(t, o)
	w.acct.MaxDeletePct = 100
	w.acct.NoFsync = true
	boxes := []string{"INBOX", "Archive"}
	must(w, w.srv.CreateMailbox("Archive"))
	w.sync()
	disk := fewNames{diskSide{w, rng}, map[string]bool{}, map[string]bool{}}
	for range 6 + rng.IntN(6) {
		disk.deliver(boxes[rng.IntN(2)], w.message(), [][]string{nil, {`\Seen`}, {`\Flagged`}}[rng.IntN(3)])
	}
	w.sync()
	for range 5 {
		l := newLedger(w.agree())
		w.quiet()
		w.whole()
		clear(disk.gone)
		clear(disk.came)
		for _, b := range boxes {
			for id, f := range w.byID(b) {
				l.note("%s is %s", id, f)
			}
		}
		l.edit(w, local, disk, boxes, rng, rng.IntN(8))
		l.edit(w, onServer, serverSide{w}, boxes, rng, rng.IntN(5))
		if rng.IntN(2) == 0 {
			stop := &stopper{at: 1 + rng.IntN(120)}
			_, _ = w.under(stop)
			l.note("died: %s", stop.last)
		}
		w.sync()
		if d := diff(w.localSnapshot(), w.remoteSnapshot()); d != "" {
			t.Fatalf("seed %d: the sides differ:\n%s\nafter\n%s", seed, d, strings.Join(l.text, "\n"))
		}
		end := w.agree()
		if wrong := l.check(end); len(wrong) > 0 {
			t.Fatalf("seed %d: %s\nafter\n%s", seed, strings.Join(wrong, "\n"), strings.Join(l.text, "\n"))
		}
	}
	w.quiet()
	w.whole()
}
