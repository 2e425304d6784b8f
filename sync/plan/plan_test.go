package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"satchel/conflict"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

func seen(m string, key any, state plan.State) plan.Side {
	return plan.Side{State: state, Mailbox: m, Key: fmt.Sprint(key)}
}

// UIDs sort by value, before file names, though those begin with digits too.
func TestOrderOfKeys(t *testing.T) {
	var in plan.Input
	keys := []string{"9", "10", "17", "180", "1700000000.M1P2.host", "900.x", "a"}
	for _, k := range keys {
		it := &plan.Item{Remote: seen("INBOX", k, plan.New)}
		if _, err := strconv.Atoi(k); err != nil {
			it = &plan.Item{Local: seen("INBOX", k, plan.New)}
		}
		in.Items = append(in.Items, it)
	}
	for range 20 {
		rand.Shuffle(len(in.Items), func(i, j int) { in.Items[i], in.Items[j] = in.Items[j], in.Items[i] })
		var got []string
		for _, o := range plan.Make(in).Ops {
			got = append(got, o.MessageKey())
		}
		if !slices.Equal(got, keys) {
			t.Fatalf("order %q, want %q", got, keys)
		}
	}
}

// Messages of one UID in two mailboxes that were moved to one folder and
// removed from the server have one key there; the order is still one.
func TestOrderOfEqualKeys(t *testing.T) {
	var in plan.Input
	for _, from := range []string{"A", "B", "C"} {
		in.Items = append(in.Items, &plan.Item{InBase: true, Local: seen("INBOX", "name-"+from, plan.Moved),
			Remote: seen(from, 5, plan.Removed)})
	}
	in.Policy.EditVsDelete = conflict.Delete
	want := []string{"local-remove INBOX name-A", "local-remove INBOX name-B", "local-remove INBOX name-C"}
	for range 20 {
		rand.Shuffle(len(in.Items), func(i, j int) { in.Items[i], in.Items[j] = in.Items[j], in.Items[i] })
		if diff := gocmp.Diff(want, lines(plan.Make(in))); diff != "" {
			t.Fatal(diff)
		}
	}
}

func lines(p *plan.Plan) []string {
	var list []string
	for _, o := range p.Ops {
		list = append(list, o.String())
	}
	return list
}

// The cases that package plan calls impossible do nothing.
func TestImpossible(t *testing.T) {
	for l := plan.Absent; l <= plan.New; l++ {
		for r := plan.Absent; r <= plan.New; r++ {
			fresh := func(s plan.State) bool { return s == plan.Absent || s == plan.New }
			for _, inBase := range []bool{false, true} {
				if inBase && !fresh(l) && !fresh(r) || !inBase && (l == plan.New || r == plan.New) {
					continue
				}
				p := plan.Make(plan.Input{Items: []*plan.Item{{InBase: inBase, Local: seen("A", 1, l), Remote: seen("B", 1, r)}}})
				if len(p.Ops)+len(p.Conflicts) > 0 {
					t.Errorf("base %v, local %v, remote %v: %v %v", inBase, l, r, p.Ops, p.Conflicts)
				}
			}
		}
	}
}

func TestKinds(t *testing.T) {
	names := map[string]bool{}
	last := plan.StageCreate
	for k := plan.CreateLocal; k <= plan.ForgetMailbox; k++ {
		if names[k.String()] || k.String() == "" || k.String() == fmt.Sprintf("kind %d", uint8(k)) {
			t.Errorf("kind %d is called %q", k, k)
		}
		names[k.String()] = true
		if k.Local() && k.Remote() || k.Silent() == (k.Local() || k.Remote()) {
			t.Errorf("%v: local %v, remote %v, silent %v", k, k.Local(), k.Remote(), k.Silent())
		}
		if k.Stage() < last {
			t.Errorf("%v: stage %d after %d", k, k.Stage(), last)
		}
		last = k.Stage()
	}
	if s := plan.Kind(99).String(); s != "kind 99" {
		t.Errorf("unknown kind: %q", s)
	}
}

func TestOpString(t *testing.T) {
	item := func(size int64) *plan.Item {
		return &plan.Item{Local: seen("INBOX", "17.host", plan.Same), Remote: seen("INBOX", 7, plan.Same), Size: size}
	}
	work := mail.Delta{Add: mail.NewFlags("work"), Remove: mail.NewFlags(`\Seen`)}
	for _, test := range []struct {
		op   plan.Op
		want string
	}{
		{plan.Op{Kind: plan.CreateLocal, Mailbox: "A"}, "local-create A"},
		{plan.Op{Kind: plan.LocalFlags, Mailbox: "INBOX", Item: item(9), Delta: work}, `local-flags INBOX 17.host +work -\Seen`},
		{plan.Op{Kind: plan.RemoteFlags, Mailbox: "INBOX", Item: item(9), Delta: work}, `remote-flags INBOX 7 +work -\Seen`},
		{plan.Op{Kind: plan.LocalMove, Mailbox: "INBOX", To: "A", Item: item(9)}, "local-move INBOX 17.host -> A"},
		{plan.Op{Kind: plan.RemoteMove, Mailbox: "INBOX", To: "A", Item: item(9)}, "remote-move INBOX 7 -> A"},
		{plan.Op{Kind: plan.Download, Mailbox: "INBOX", Item: item(9)}, "download INBOX 7 (9 bytes)"},
		{plan.Op{Kind: plan.Download, Mailbox: "INBOX", Item: item(0)}, "download INBOX 7"},
		// A message that goes up again is known by its file: the UID is gone.
		{plan.Op{Kind: plan.Upload, Mailbox: "INBOX", Item: item(9)}, "upload INBOX 17.host (9 bytes)"},
		{plan.Op{Kind: plan.RemoteCopy, Mailbox: "INBOX", To: "A", Source: item(9), Item: &plan.Item{Local: seen("A", "18.host", plan.New)}},
			"remote-copy INBOX 7 -> A"},
		{plan.Op{Kind: plan.LocalCopy, Mailbox: "INBOX", To: "A", Source: item(9), Item: &plan.Item{Remote: seen("A", 8, plan.New)}},
			"local-copy INBOX 17.host -> A"},
	} {
		if got := test.op.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// Make leaves its input as it is when it is called again: same plan.
func TestMakeTwice(t *testing.T) {
	in := plan.Input{Items: []*plan.Item{{
		Local:  plan.Side{State: plan.New, Mailbox: "INBOX", Key: "x", Flags: mail.NewFlags(`\Seen`)},
		Remote: plan.Side{State: plan.New, Mailbox: "INBOX", Key: "7", Flags: mail.NewFlags("work")},
	}}}
	if diff := gocmp.Diff(lines(plan.Make(in)), lines(plan.Make(in))); diff != "" {
		t.Fatal(diff)
	}
}

// changes are n messages of which most have something for a plan to do.
func changes(n int) plan.Input {
	rng := rand.New(rand.NewPCG(1, 2))
	in := plan.Input{MaxDeletePercent: 50}
	names := []string{"INBOX", "Archive", "Lists/go", "Junk"}
	for _, m := range names {
		in.Mailboxes = append(in.Mailboxes, plan.Mailbox{Name: m, InBase: true, Local: true, Remote: true, BaseMessages: n, HoldsAny: true})
	}
	for i := range n {
		m := names[rng.IntN(len(names))]
		it := &plan.Item{InBase: true, Local: seen(m, fmt.Sprintf("%d.M%dP1.host", 1700000000+i, i), plan.Same), Remote: seen(m, i+1, plan.Same)}
		switch rng.IntN(5) {
		case 0:
			it.Local.State, it.Local.Flags = plan.Edited, mail.NewFlags(`\Seen`)
		case 1:
			it.Remote.State, it.Remote.Flags = plan.Edited, mail.NewFlags(`\Flagged`, "work")
		case 2:
			it.Local.State = plan.Removed
		case 3:
			it.Local.State, it.Local.Mailbox = plan.Moved, names[rng.IntN(len(names))]
		case 4:
			it.InBase, it.Local, it.Remote.State = false, plan.Side{}, plan.New
		}
		in.Items = append(in.Items, it)
	}
	return in
}

// TestMakeAllocs holds a plan to what it may allocate for each message: its
// operation, and with the race detector nearly twice as much.
func TestMakeAllocs(t *testing.T) {
	const n = 2000
	in := changes(n)
	if got, most := testing.AllocsPerRun(5, func() { plan.Make(in) })/n, 2.0; got > most {
		t.Errorf("%.2f allocations for each message, at most %v", got, most)
	}
}

func BenchmarkMake(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			in := changes(n)
			b.ReportAllocs()
			for b.Loop() {
				plan.Make(in)
			}
		})
	}
}

// TestLettersWaitInTheFolder: a name that does not show its keywords was seen in
// the folder. Where it may not be changed now, the folder has to be looked at again.
func TestLettersWaitInTheFolder(t *testing.T) {
	item := &plan.Item{InBase: true, Local: seen("INBOX", 1, plan.Same), Remote: seen("INBOX", 1, plan.Same), Hidden: true}
	if p := plan.Make(plan.Input{Items: []*plan.Item{item}}); len(p.Ops) != 1 || p.Ops[0].Kind != plan.LocalLetters {
		t.Errorf("planned %v", p.Ops)
	}
	p := plan.Make(plan.Input{Items: []*plan.Item{item}, Push: true})
	if len(p.Ops) > 0 || !p.HoldsLocal("INBOX") {
		t.Errorf("with --push: planned %v, held: %v", p.Ops, p.HoldsLocal("INBOX"))
	}
}
