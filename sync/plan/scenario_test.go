package plan_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"satchel/sync/mail"
	"satchel/sync/plan"
)

var update = flag.Bool("update", false, "rewrite the want sections in testdata/plan")

// TestScenarios plans what testdata/plan tells; its README has the format.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "plan", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseScenario(a)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			got := s.plan()
			if !s.oneSided {
				mirrored := s.mirror().plan()
				if diff := gocmp.Diff(unordered(got), unordered(exchange(mirrored))); diff != "" {
					t.Errorf("with the sides exchanged another plan (-as written +exchanged):\n%s", diff)
				}
			}
			if *update {
				rewrite(t, file, a, got)
				return
			}
			if diff := gocmp.Diff(s.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func rewrite(t *testing.T, file string, a *txtar.Archive, got string) {
	a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// letter is one message in one section.
type letter struct {
	mailbox string
	flags   mail.Flags
	copyOf  string
}

// mirror exchanges the sides.
func (s *scenario) mirror() *scenario {
	m := *s
	m.baseLocal, m.baseRemote = s.baseRemote, s.baseLocal
	m.local, m.remote = s.remote, s.local
	m.in.Pull, m.in.Push = s.in.Push, s.in.Pull
	return &m
}

// plan is what becomes of the scenario: renames, then the rest.
func (s *scenario) plan() string {
	in := plan.RenameInput{LocalNames: slices.Collect(maps.Keys(s.local.mailboxes)), RemoteNames: slices.Collect(maps.Keys(s.remote.mailboxes)),
		Pull: s.in.Pull, Push: s.in.Push, Only: s.in.Only}
	for name := range s.baseLocal.mailboxes {
		in.Places = append(in.Places, plan.Place{Name: name, Local: s.local.place(name), Remote: s.remote.place(name), ReadOnly: s.readOnly[name]})
	}
	after := *s
	var b strings.Builder
	for _, step := range plan.Renames(in) {
		for _, o := range step.Ops {
			fmt.Fprintln(&b, o)
			switch o.Kind {
			case plan.LocalRename:
				after.local = after.local.rename(below(o.Mailbox, o.To))
			case plan.RemoteRename:
				after.remote = after.remote.rename(below(o.Mailbox, o.To))
			}
		}
		for _, c := range step.Conflicts {
			fmt.Fprintln(&b, "conflict", c)
		}
		base := map[string]string{}
		for _, c := range step.Base {
			base[c[0]] = c[1]
		}
		exact := func(name string) string { return cmp.Or(base[name], name) }
		after.baseLocal, after.baseRemote = after.baseLocal.rename(exact), after.baseRemote.rename(exact)
	}
	return b.String() + show(plan.Make(after.input()))
}

// place returns where the side has a mailbox of the base.
func (sec section) place(base string) string {
	for name, was := range sec.was {
		if was == base {
			return name
		}
	}
	if sec.mailboxes[base] && sec.was[base] == "" {
		return base
	}
	return ""
}

// below returns the renaming of a mailbox with those below it.
func below(from, to string) func(string) string {
	return func(name string) string {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			return to + rest
		}
		return name
	}
}

// rename gives the mailboxes of a section other names.
func (sec section) rename(name func(string) string) section {
	to := newSection()
	for n := range sec.mailboxes {
		to.mailboxes[name(n)] = true
	}
	for id, l := range sec.letters {
		l.mailbox = name(l.mailbox)
		to.letters[id] = l
	}
	return to
}

// input derives what each side did from what it holds.
func (s *scenario) input() plan.Input {
	in := s.in
	messages := map[string]int{}
	for _, l := range s.baseLocal.letters {
		messages[l.mailbox]++
	}
	names := map[string]bool{}
	for _, sec := range []section{s.baseLocal, s.local, s.remote} {
		maps.Copy(names, sec.mailboxes)
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		holds, limited := s.holds[n]
		in.Mailboxes = append(in.Mailboxes, plan.Mailbox{Name: n, InBase: s.baseLocal.mailboxes[n],
			Local: s.local.mailboxes[n], Remote: s.remote.mailboxes[n], BaseMessages: messages[n],
			Holds: holds, HoldsAny: !limited, ReadOnly: s.readOnly[n], Frozen: s.frozen[n]})
	}
	letters := map[string]bool{}
	for _, sec := range []section{s.baseLocal, s.local, s.remote} {
		for n := range sec.letters {
			letters[n] = true
		}
	}
	items := map[string]*plan.Item{}
	for _, n := range slices.Sorted(maps.Keys(letters)) {
		_, inBase := s.baseLocal.letters[n]
		items[n] = &plan.Item{InBase: inBase, Local: side(n, s.baseLocal, s.local), Remote: side(n, s.baseRemote, s.remote)}
	}
	for _, n := range slices.Sorted(maps.Keys(items)) {
		it := items[n]
		for _, sec := range []section{s.local, s.remote} {
			if of := sec.letters[n].copyOf; of != "" {
				it.CopyOf = items[of]
			}
		}
		if it.Local.State != plan.Same || it.Remote.State != plan.Same {
			in.Items = append(in.Items, it)
		}
	}
	return in
}

func side(name string, base, now section) plan.Side {
	b, inBase := base.letters[name]
	l, here := now.letters[name]
	s := plan.Side{Key: name, Mailbox: l.mailbox, Flags: l.flags, Base: b.flags}
	switch {
	case !inBase && !here:
		return plan.Side{}
	case !inBase:
		s.State = plan.New
	case !here:
		s.State, s.Mailbox, s.Flags = plan.Removed, b.mailbox, b.flags
	case l.mailbox != b.mailbox:
		s.State = plan.Moved
	case l.flags.Equal(b.flags):
		s.State = plan.Same
	default:
		s.State = plan.Edited
	}
	return s
}

// show writes a plan as want sections have it.
func show(p *plan.Plan) string {
	var b strings.Builder
	for _, o := range p.Ops {
		fmt.Fprintln(&b, o)
	}
	for _, c := range p.Conflicts {
		fmt.Fprintln(&b, "conflict", c)
	}
	for _, h := range p.Halts {
		fmt.Fprintln(&b, "halt", h)
	}
	for _, n := range slices.Sorted(maps.Keys(p.Unheld)) {
		fmt.Fprintln(&b, "unheld", n, p.Unheld[n])
	}
	for _, n := range slices.Sorted(maps.Keys(p.LocalPending)) {
		fmt.Fprintln(&b, "local-waits", n)
	}
	for _, n := range slices.Sorted(maps.Keys(p.RemotePending)) {
		fmt.Fprintln(&b, "remote-waits", n)
	}
	return b.String()
}

// exchange rewrites a plan as if the sides had the other's name.
func exchange(text string) string {
	return strings.NewReplacer("local-", "remote-", "remote-", "local-", "settle-local", "settle-remote",
		"settle-remote", "settle-local", "download", "upload", "upload", "download",
		"from the Maildir, because they are gone from the server", "from the server, because they are gone from the Maildir",
		"from the server, because they are gone from the Maildir", "from the Maildir, because they are gone from the server",
	).Replace(text)
}

// unordered sorts the lines and leaves out what depends on the side by design:
// people are told the server's name of a place, and what a base-only operation
// is filed under does not matter.
func unordered(text string) []string {
	lines := slices.Sorted(strings.Lines(text))
	for i, l := range lines {
		if f := strings.Fields(l); strings.HasPrefix(l, "settle-") {
			lines[i] = f[0] + " " + f[2]
		} else if f[0] == "conflict" {
			lines[i] = f[0] + " " + strings.Join(f[2:], " ")
		}
	}
	slices.Sort(lines)
	return lines
}
