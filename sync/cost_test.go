package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"satchel/sync/imaptest"
)

// cost is what one whole run may take, from login to logout. It is counted on
// the server in memory, so it does not depend on the machine, and the test fails
// when somebody adds a round trip.
type cost struct {
	turns          int64 // round trips that the client waited for after the greeting; none for LOGOUT
	sent, received int64 // bytes
}

func (c cost) String() string { return fmt.Sprintf("{%d, %d, %d}", c.turns, c.sent, c.received) }

// exceeds leaves a fiftieth of the bytes, and a few more, to names and numbers
// that grow; not enough for another command.
func (c cost) exceeds(limit cost) bool {
	above := func(n, limit int64) bool { return n > limit*51/50+16 }
	return c.turns > limit.turns || above(c.sent, limit.sent) || above(c.received, limit.received)
}

// The servers that each work is done on, in the order of its costs.
var costServers = [...]struct {
	name string
	caps imaptest.Caps
}{
	{"qresync", imaptest.DefaultCaps},
	{"objectid", imaptest.DefaultCaps.With(imaptest.CapObjectID)},
	{"condstore", imaptest.DefaultCaps.Without(imaptest.CapQResync)},
	{"plain", imaptest.DefaultCaps.Without(imaptest.CapQResync, imaptest.CapCondstore)},
}

// work is something that a run has to do.
type work struct {
	name   string
	past   func(w *world)
	change func(w *world)
	did    string // what the report must count, so that nobody saves by not working
	byID   string // the same where the server identifies messages, when that is better
	costs  [len(costServers)]cost
	large  bool // takes seconds: with -short, on one server only
}

// bodySize is that of the messages here: whoever transfers one by mistake exceeds
// every cost.
const bodySize = 4000

func bigMessage(w *world) []byte {
	b := w.message()
	for len(b) < bodySize {
		b = append(b, "filling, and more of it, up to the size that it shall have\r\n"...)
	}
	return b
}

// agreed makes mailboxes of so many messages, which both sides hold.
func agreed(mailboxes, messages int) func(*world) {
	return func(w *world) {
		unseen(mailboxes, messages)(w)
		w.sync()
		w.quiet()
	}
}

// unseen makes mailboxes that satchel has not seen. The first is INBOX, the
// second box001.
func unseen(mailboxes, messages int) func(*world) {
	return func(w *world) {
		server := serverSide{w}
		for i := range mailboxes {
			name := "INBOX"
			if i > 0 {
				name = fmt.Sprintf("box%03d", i)
				server.create(name)
			}
			for range messages {
				content := bigMessage
				if messages > 1000 {
					content = (*world).message
				}
				server.deliver(name, content(w), []string{`\Seen`})
			}
		}
	}
}

// change is one that is made n times, to messages of INBOX or to what is new.
type change func(w *world, s side, h handle)

func delivered(w *world, s side, _ handle) { s.deliver("INBOX", bigMessage(w), []string{`\Seen`}) }
func flagged(_ *world, s side, h handle)   { s.flag(h, []string{`\Flagged`}, nil) }
func removed(_ *world, s side, h handle)   { s.remove(h) }
func copied(_ *world, s side, h handle)    { s.copy(h, "box001") }
func moved(_ *world, s side, h handle)     { s.move(h, "box001") }
func nothing(*world)                       {}

func thenServer(n int, c change) func(*world) {
	return change.times(c, n, func(w *world) side { return serverSide{w} })
}

func thenDisk(n int, c change) func(*world) {
	return change.times(c, n, func(w *world) side { return diskSide{w, rand.New(rand.NewPCG(1, 2))} })
}

// newOnBoth adds n messages on each side that nothing but their Message-ID and
// what is in them tells from each other.
func newOnBoth(n int) func(*world) {
	alike := func(w *world, s side, _ handle) {
		b := w.message()
		s.deliver("INBOX", append(b, strings.Repeat("x", 3000-len(b)-2)+"\r\n"...), []string{`\Seen`})
	}
	return func(w *world) {
		thenServer(n, alike)(w)
		thenDisk(n, alike)(w)
	}
}

// renamed moves n files to another folder, half of them under new names, as
// some programs do. It is quicker than n times moved.
func renamed(n int) func(*world) {
	return func(w *world) {
		for i, f := range w.files("INBOX")[:n] {
			to := f.file
			to.Folder = "box001"
			if i%2 == 0 {
				to.Name = fmt.Sprintf("%d.renamed:2,S", i)
			}
			must(w, os.Rename(w.path(f.file), w.path(to)))
		}
	}
}

func (c change) times(n int, sideOf func(*world) side) func(*world) {
	return func(w *world) {
		s := sideOf(w)
		handles := s.list("INBOX")
		for i := range n {
			c(w, s, handles[i%len(handles)])
		}
	}
}

// works has the costs of the day they were written, and next to nothing to
// spare. Whoever makes something cheaper lowers them: go test -v -run TestCosts
// ./sync prints the lines as they would be.
func works() []work {
	return []work{
		{
			"nothing in 1 mailbox", agreed(1, 1), nothing, "", "",
			[...]cost{{2, 210, 721}, {2, 220, 759}, {2, 212, 707}, {3, 299, 974}}, false,
		},
		{
			"nothing in 500 mailboxes", agreed(500, 1), nothing, "", "",
			[...]cost{{2, 210, 56503}, {2, 220, 66521}, {2, 212, 56489}, {34, 64474, 221623}}, true,
		},
		{
			"nothing in 2,000 messages", agreed(1, 2000), nothing, "", "",
			[...]cost{{2, 210, 730}, {2, 220, 768}, {2, 212, 716}, {3, 474, 1253}}, false,
		},
		{
			"first sync of 50 mailboxes", unseen(50, 4), nothing, "download:200 local-create:50", "",
			[...]cost{{10, 9354, 888709}, {10, 9764, 896827}, {10, 9356, 884834}, {10, 8369, 876376}}, false,
		},
		{
			"new on the server", agreed(2, 30), thenServer(1, delivered), "download:1", "",
			[...]cost{{4, 377, 5428}, {4, 395, 5537}, {4, 458, 5551}, {4, 498, 7917}}, false,
		},
		{
			"new on disk", agreed(2, 30), thenDisk(1, delivered), "upload:1", "",
			[...]cost{{4, 4447, 1312}, {4, 4473, 1421}, {4, 4528, 1380}, {5, 4673, 4900}}, false,
		},
		{
			"100 new on disk", agreed(2, 30), thenDisk(100, delivered), "upload:100", "",
			[...]cost{{4, 408394, 10684}, {4, 408420, 12773}, {4, 408474, 10753}, {5, 408619, 13051}}, false,
		},
		{
			"10 new of one size on both sides", agreed(2, 30), newOnBoth(10), "download:10 upload:10", "",
			[...]cost{{6, 31085, 35633}, {6, 31119, 36153}, {6, 31249, 36299}, {6, 31219, 39493}}, false,
		},
		{
			"flag on the server", agreed(2, 30), thenServer(1, flagged), "local-flags:1", "",
			[...]cost{{3, 323, 1209}, {3, 341, 1298}, {3, 372, 1218}, {3, 424, 3422}}, false,
		},
		{
			"flag on disk", agreed(2, 30), thenDisk(1, flagged), "remote-flags:1", "",
			[...]cost{{5, 415, 1597}, {5, 433, 1717}, {5, 496, 1626}, {6, 601, 5090}}, false,
		},
		{
			"removed on the server", agreed(2, 30), thenServer(1, removed), "local-remove:1", "",
			[...]cost{{3, 437, 1484}, {3, 465, 1613}, {3, 518, 1528}, {3, 524, 3650}}, false,
		},
		{
			"removed on disk", agreed(2, 30), thenDisk(1, removed), "remote-remove:1", "",
			[...]cost{{5, 433, 1625}, {5, 451, 1745}, {6, 514, 1610}, {7, 619, 5085}}, false,
		},
		{
			"copied on the server", agreed(2, 30), thenServer(1, copied), "download:1", "local-copy:1",
			[...]cost{{4, 378, 5449}, {4, 394, 1760}, {4, 459, 5572}, {4, 478, 7726}}, false,
		},
		{
			"copied on disk", agreed(2, 30), thenDisk(1, copied), "remote-copy:1", "",
			[...]cost{{5, 492, 2054}, {5, 518, 2225}, {5, 653, 2127}, {6, 716, 6541}}, false,
		},
		{
			"moved on the server", agreed(2, 30), thenServer(1, moved), "local-move:1", "",
			[...]cost{{5, 600, 2417}, {3, 463, 1790}, {5, 763, 2562}, {5, 587, 4291}}, false,
		},
		{
			"moved on disk", agreed(2, 30), thenDisk(1, moved), "remote-move:1", "",
			[...]cost{{5, 492, 2123}, {5, 518, 2294}, {5, 653, 2152}, {6, 716, 6532}}, false,
		},
		{
			"300 moved on the server", agreed(2, 300), thenServer(300, moved), "local-move:300", "",
			[...]cost{{6, 3432, 255659}, {3, 469, 42770}, {6, 3594, 273138}, {6, 3416, 275949}}, true,
		},
		{
			"300 moved on disk", agreed(2, 300), renamed(300), "remote-move:300", "",
			[...]cost{{5, 506, 19621}, {5, 532, 19812}, {5, 665, 23520}, {6, 902, 28487}}, true,
		},
	}
}

// TestCosts holds every run to its round trips and bytes.
func TestCosts(t *testing.T) {
	for _, x := range works() {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			var costs [len(costServers)]cost
			for i, server := range costServers {
				if testing.Short() && x.large && i > 0 {
					break
				}
				w := newWorld(t, imaptest.Options{Caps: server.caps})
				w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
				got := w.costOf(x)
				costs[i] = got
				if limit := x.costs[i]; got.exceeds(limit) {
					t.Errorf("%s, %s: %v is more than %v", x.name, server.name, got, limit)
				}
			}
			t.Logf("%s: costs %v", x.name, costs)
		})
	}
}

// costOf does the work and says what it cost.
func (w *world) costOf(x work) cost {
	w.t.Helper()
	x.past(w)
	x.change(w)
	w.lines.idle()
	w.srv.ResetStats()
	rep := w.sync()
	w.lines.idle()
	st := w.srv.Stats()
	if did := fmt.Sprint(rep.Counts); did != "map["+x.did+"]" && (x.byID == "" || did != "map["+x.byID+"]") {
		w.t.Errorf("the run did %s and not %s", did, x.did)
	}
	// Answers that arrive while a client still sends look like turns to the
	// server, and how many do is chance. Where little is sent, both must count
	// the same.
	streams := st.BytesIn+st.BytesOut > 20_000 || st.Commands["SELECT"]+st.Commands["EXAMINE"] > 20
	if own := int64(st.RoundTrips) - 1; rep.RoundTrips > own || rep.RoundTrips < own && !streams {
		w.t.Errorf("the report says %d round trips, the server %d", rep.RoundTrips, own)
	}
	w.agree()
	w.quiet()
	return cost{rep.RoundTrips, st.BytesIn, st.BytesOut}
}
