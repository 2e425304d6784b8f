package sync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"satchel/conflict"
	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// letter and section are what testdata/plan/README.md describes.
type letter struct {
	mailbox, copyOf string
	flags           []string
}

type section struct {
	mailboxes map[string]bool
	letters   map[string]letter
}

func parseSection(text string) (section, error) {
	sec := section{map[string]bool{}, map[string]letter{}}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		sec.mailboxes[f[1]] = true
		if f[0] == "mailbox" {
			continue
		}
		name, copyOf, _ := strings.Cut(f[0], "=")
		from, to, many := strings.Cut(name, "..")
		names := []string{name}
		if many {
			stem := strings.TrimRight(from, "0123456789")
			lo, err := strconv.Atoi(from[len(stem):])
			hi, err2 := strconv.Atoi(strings.TrimPrefix(to, stem))
			if err != nil || err2 != nil {
				return sec, fmt.Errorf("%q is no range", name)
			}
			names = nil
			for i := lo; i <= hi; i++ {
				names = append(names, stem+strconv.Itoa(i))
			}
		}
		for _, n := range names {
			sec.letters[n] = letter{f[1], copyOf, f[2:]}
		}
	}
	return sec, nil
}

func letterContent(name string) []byte {
	return fmt.Appendf(nil, "Message-ID: <%s@test>\r\nSubject: %s\r\n\r\nbody of %s\r\n", name, name, name)
}

// planned reads a scenario of the planner; false when it is about something
// that this harness does not stage.
func planned(file string) (s scenario, ok bool, err error) {
	name := strings.TrimSuffix(filepath.Base(file), ".txtar")
	if strings.HasPrefix(name, "brake") || strings.HasPrefix(name, "inbox-missing") {
		return s, false, nil
	}
	a, err := txtar.ParseFile(file)
	if err != nil {
		return s, false, err
	}
	var p plannedFile
	for _, f := range a.Files {
		if ok, err := p.read(f.Name, string(f.Data)); !ok {
			return s, false, err
		}
	}
	s = scenario{name: "plan/" + name, acct: func(a *mailsync.Account) { a.Policy = p.policy }}
	s.past = p.past
	s.change = func(w *world) *ledger { p.change(w); return nil }
	return s, true, nil
}

// plannedFile is a scenario of the planner.
type plannedFile struct {
	base, local, remote section
	policy              conflict.Policy
	trash               string
}

// read reads one section; false when no account can be made of it.
func (p *plannedFile) read(name, text string) (ok bool, err error) {
	sec := map[string]*section{"base": &p.base, "local": &p.local, "remote": &p.remote}[name]
	switch {
	case name == "policy":
		for line := range strings.Lines(text) {
			if !p.readPolicy(line) {
				return false, nil
			}
		}
	case sec == nil:
	case strings.Contains(text, "@"):
		return false, nil
	default:
		*sec, err = parseSection(text)
	}
	return err == nil, err
}

// readPolicy reads one line; false when no account can be made of it.
func (p *plannedFile) readPolicy(line string) bool {
	line, _, _ = strings.Cut(line, "#")
	w := strings.Fields(line)
	if len(w) == 0 {
		return true
	}
	switch w[0] + " " + strings.Join(w[1:min(2, len(w))], "") {
	case "edit_vs_delete keep", "delete expunge", "mailbox_delete empty":
	case "edit_vs_delete delete":
		p.policy.EditVsDelete = conflict.Delete
	case "delete trash":
		if len(w) < 3 {
			return false // no Trash on the server
		}
		p.policy.Removal, p.trash = conflict.Trash, w[2]
	case "mailbox_delete never":
		p.policy.MailboxDelete = conflict.Never
	case "mailbox_delete always":
		p.policy.MailboxDelete = conflict.Always
	default:
		return false
	}
	return true
}

// past makes the base, and syncs it.
func (p *plannedFile) past(w *world) {
	for _, b := range slices.Sorted(maps.Keys(p.base.mailboxes)) {
		serverSide{w}.create(b)
	}
	if p.trash != "" {
		serverSide{w}.create(p.trash)
		w.srv.SetSpecialUse(p.trash, `\Trash`)
	}
	for _, n := range slices.Sorted(maps.Keys(p.base.letters)) {
		l := p.base.letters[n]
		c := letterContent(n)
		if l.copyOf != "" {
			c = letterContent(l.copyOf)
		}
		serverSide{w}.deliver(l.mailbox, c, l.flags)
	}
	w.sync()
}

// change makes both sides of it.
func (p *plannedFile) change(w *world) {
	disk := diskSide{w, rand.New(rand.NewPCG(1, 2))}
	stage(disk, p.base, p.local, func(box string) {
		dir, err := w.disk().Dir(box)
		must(w, err)
		for _, sub := range []string{"cur", "new", "tmp", "dovecot-keywords", ""} {
			_ = os.RemoveAll(filepath.Join(dir, sub))
			if sub == "dovecot-keywords" {
				break
			}
		}
		_ = os.Remove(dir)
	})
	stage(serverSide{w}, p.base, p.remote, func(box string) { must(w, w.srv.DeleteMailbox(box)) })
}

// stage makes a side that holds base hold now.
func stage(sd side, base, now section, removeBox func(string)) {
	for _, b := range slices.Sorted(maps.Keys(now.mailboxes)) {
		if !base.mailboxes[b] && b != "INBOX" {
			sd.create(b)
		}
	}
	find := func(box, id string) (handle, bool) {
		for _, h := range sd.list(box) {
			if h.id == id+"@test" {
				return h, true
			}
		}
		return handle{}, false
	}
	for _, n := range slices.Sorted(maps.Keys(now.letters)) {
		l := now.letters[n]
		if _, old := base.letters[n]; old {
			continue
		}
		c := letterContent(n)
		if l.copyOf != "" {
			if src, ok := base.letters[l.copyOf]; ok && src.mailbox != l.mailbox {
				if h, ok := find(src.mailbox, l.copyOf); ok {
					sd.copy(h, l.mailbox)
					continue
				}
			}
			c = letterContent(l.copyOf)
		}
		sd.deliver(l.mailbox, c, l.flags)
	}
	for _, n := range slices.Sorted(maps.Keys(base.letters)) {
		was := base.letters[n]
		l, still := now.letters[n]
		h, ok := find(was.mailbox, n)
		switch {
		case !ok:
		case !still:
			sd.remove(h)
		default:
			add := slices.DeleteFunc(slices.Clone(l.flags), func(f string) bool { return slices.Contains(was.flags, f) })
			del := slices.DeleteFunc(slices.Clone(was.flags), func(f string) bool { return slices.Contains(l.flags, f) })
			if len(add)+len(del) > 0 {
				sd.flag(h, add, del)
				h, _ = find(was.mailbox, n)
			}
			if l.mailbox != was.mailbox {
				sd.move(h, l.mailbox)
			}
		}
	}
	for _, b := range slices.Sorted(maps.Keys(base.mailboxes)) {
		if !now.mailboxes[b] && b != "INBOX" {
			removeBox(b)
		}
	}
}

// TestInterruptPlanned interrupts the planner's scenarios.
func TestInterruptPlanned(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "plan", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	type planFile struct {
		scenario
		seed uint64
	}
	var staged []planFile
	for i, f := range files {
		s, ok, err := planned(f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if !ok {
			continue
		}
		staged = append(staged, planFile{s, uint64(i)})
	}
	t.Logf("%d of %d scenarios staged", len(staged), len(files))
	for _, s := range spread(staged, 0, share(40, 20)) {
		t.Run(s.name, func(t *testing.T) {
			want, n := s.wantFor(t)
			each(t, interruptions(n, share(2, 1), s.seed), func(p point) string { return s.interrupt(t, p, want) })
		})
	}
}

// name is what a mail program that knows dovecot-keywords calls a file.
func (d diskSide) name(folder, base string, flags []string) string {
	d.w.t.Helper()
	set := mail.NewFlags(flags...)
	k, err := d.w.disk().AddKeywords(folder, set.Keywords())
	must(d.w, err)
	f, _ := k.Name(maildir.File{Folder: folder, Name: base}, set, base)
	if !strings.Contains(f.Name, ":2,") {
		f.Name += ":2,"
	}
	return f.Name
}
