package judge_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/judge"
	"satchel/sync/simulate"
)

var (
	histories = flag.Int("judge.histories", 3, "how many histories for each program and server")
	seed      = flag.Uint64("judge.seed", 1, "the first seed")
	tools     = flag.String("judge.tools", "satchel", "programs, separated by commas; all: those that are installed")
	servers   = flag.String("judge.servers", "qresync,plain", "set-ups of the server, separated by commas")
	strict    = flag.Bool("judge.strict", true, "a violation fails the test")
	shrink    = flag.Int("judge.shrink", 0, "how many histories to try for a smaller one, for each program and law")
	keep      = flag.String("judge.keep", "", "where scenarios of violations are written")
	replay    = flag.String("judge.replay", "", "replay one scenario file, with all notes")
)

// users is how many histories one server can take.
const users = 5000

// variants are the set-ups of the server.
func variants() []judge.Variant {
	return []judge.Variant{
		{Name: "qresync", Storage: dovecot.SDBox, Delim: "/"},
		{Name: "plain", Storage: dovecot.Maildir, Delim: ".", Without: []string{"QRESYNC", "CONDSTORE"}},
	}
}

// bench is one server and the programs that are tried on it.
type bench struct {
	*testing.T
	variant judge.Variant
	server  judge.Server
	user    int
}

func newBench(t *testing.T, v judge.Variant) *bench {
	t.Helper()
	o := dovecot.Options{Storage: v.Storage, Delimiter: v.Delim, Prefix: v.Prefix}
	if len(v.Without) > 0 {
		full := dovecot.Start(t, dovecot.Options{})
		caps, err := judge.Capabilities(full.Addr(), full.User, full.Password)
		full.Stop()
		if err != nil {
			t.Fatal(err)
		}
		o.Capability = strings.Join(slices.DeleteFunc(caps, func(c string) bool { return slices.Contains(v.Without, c) }), " ")
	}
	for i := range users {
		o.Users = append(o.Users, fmt.Sprintf("u%d", i))
	}
	srv := dovecot.Start(t, o)
	return &bench{T: t, variant: v, server: judge.Server{Addr: srv.Addr(), Password: srv.Password,
		Renumber: func(user, mailbox string, validity uint32) {
			srv.Doveadm(t, "mailbox", "update", "--uid-validity", fmt.Sprint(validity), "-u", user, mailbox)
		}}}
}

// play lives through a history as a new user.
func (b *bench) play(h simulate.History, tool judge.Tool) judge.Verdict {
	b.Helper()
	dir, err := os.MkdirTemp("", "judge")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b.user++
	v, err := judge.Play(h, tool, b.server, fmt.Sprintf("u%d", b.user%users), dir)
	if err != nil {
		b.Fatalf("%s on %s, seed %d: %v", tool.Name, b.variant.Name, h.Seed, err)
	}
	return v
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "satchel")
	if out, err := exec.Command("go", "build", "-o", bin, "satchel/cmd/satchel").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// TestJudge lives through random histories with real programs on a real server.
func TestJudge(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts servers")
	}
	list := chosen(t, build(t))
	var table judge.Table
	for _, v := range variants() {
		if !slices.Contains(strings.Split(*servers, ","), v.Name) {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			b := newBench(t, v)
			for _, tool := range list {
				b.judge(tool, &table)
			}
		})
	}
	t.Logf("\n%s", table.String())
}

// chosen are the programs that the flags ask for.
func chosen(t *testing.T, satchel string) (list []judge.Tool) {
	t.Helper()
	for _, tool := range judge.Tools(satchel) {
		if *tools != "all" && !slices.Contains(strings.Split(*tools, ","), tool.Name) {
			continue
		}
		if !tool.Installed() {
			fmt.Fprintf(os.Stderr, "\n*** %s is not installed and is left out\n\n", tool.Name)
			continue
		}
		list = append(list, tool)
	}
	return list
}

func (b *bench) judge(tool judge.Tool, table *judge.Table) {
	b.Helper()
	for i := range *histories {
		v := b.play(judge.Draw(*seed+uint64(i), tool, b.variant), tool)
		first := table.Add(tool, b.variant.Name, v)
		if i%50 == 49 {
			b.Logf("so far\n%s", table.String())
		}
		if v.Violation == nil {
			continue
		}
		if first && *shrink > 0 {
			v = b.smaller(v, tool)
		}
		b.report(tool, v)
	}
}

// smaller tries a number of smaller histories that break the same law.
func (b *bench) smaller(v judge.Verdict, tool judge.Tool) judge.Verdict {
	b.Helper()
	law, left := v.Violation.Law, *shrink
	simulate.Shrink(v.History, func(h simulate.History) bool {
		if left--; left < 0 || h.Setting.Delim != b.variant.Delim || h.Setting.Prefix != b.variant.Prefix {
			return false
		}
		got := b.play(h, tool)
		if got.Violation == nil || got.Violation.Law != law {
			return false
		}
		v = got
		return true
	})
	return v
}

func (b *bench) report(tool judge.Tool, v judge.Verdict) {
	b.Helper()
	scenario := fmt.Sprintf("# %s on %s: %s\n%s", tool.Name, b.variant.Name, strings.ReplaceAll(v.Violation.Error(), "\n", "\n# "), v.History)
	say := b.Logf
	if *strict {
		say = b.Errorf
	}
	say("%s%s", scenario, strings.Join(v.Notes, "\n"))
	if *keep == "" {
		return
	}
	name := filepath.Join(*keep, fmt.Sprintf("%s-%s-%s-%d.sim", tool.Name, b.variant.Name, v.Violation.Law, v.History.Seed))
	if err := os.WriteFile(name, []byte(scenario+"\n# "+strings.Join(v.Notes, "\n# ")+"\n"), 0o600); err != nil {
		b.Error(err)
	}
}

// TestReplay lives through one scenario with each of the programs.
func TestReplay(t *testing.T) {
	if *replay == "" {
		t.Skip("no -judge.replay")
	}
	text, err := os.ReadFile(*replay)
	if err != nil {
		t.Fatal(err)
	}
	h, err := simulate.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	list := chosen(t, build(t))
	for _, v := range variants() {
		if v.Delim != h.Setting.Delim {
			continue
		}
		b := newBench(t, v)
		for _, tool := range list {
			got := b.play(h, tool)
			t.Logf("%s on %s: %v\n%s", tool.Name, v.Name, got.Violation, strings.Join(got.Notes, "\n"))
		}
	}
}
