package sync_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// renameStory is one way in which mailboxes get other names.
type renameStory struct {
	change func(*world)
	// does is what a sync does about it where both sides can prove it.
	does map[string]int
	// has and hasNot are names at the end.
	has, hasNot []string
}

func renameStories() map[string]renameStory {
	return map[string]renameStory{
		"on the server": {func(w *world) { w.mvServer("B", "Z") }, map[string]int{"local-rename": 1}, []string{"Z"}, []string{"B"}},
		"on disk":       {func(w *world) { w.mv("B", "Z") }, map[string]int{"remote-rename": 1}, []string{"Z"}, []string{"B"}},
		"with children, on the server": {func(w *world) { w.mvServer("A", "Z") }, map[string]int{"local-rename": 1},
			[]string{"Z", "Z/x", "Z/x/y"}, []string{"A", "A/x"}},
		"with children, on disk": {func(w *world) { w.mv("A", "Z") }, map[string]int{"remote-rename": 1},
			[]string{"Z", "Z/x", "Z/x/y"}, []string{"A", "A/x"}},
		"down a level, on the server": {func(w *world) { w.mvServer("B", "C/B") }, map[string]int{"local-rename": 1}, []string{"C/B"}, []string{"B"}},
		"down a level, on disk":       {func(w *world) { w.mv("B", "C/B") }, map[string]int{"remote-rename": 1}, []string{"C/B"}, []string{"B"}},
		"up a level, on the server":   {func(w *world) { w.mvServer("A/x", "X") }, map[string]int{"local-rename": 1}, []string{"A", "X/y"}, []string{"A/x"}},
		"up a level, on disk":         {func(w *world) { w.mv("A/x", "X") }, map[string]int{"remote-rename": 1}, []string{"A", "X/y"}, []string{"A/x"}},
		"alike on both sides": {func(w *world) { w.mv("A", "Z"); w.mvServer("A", "Z") }, map[string]int{},
			[]string{"Z", "Z/x"}, []string{"A"}},
		"apart": {func(w *world) { w.mv("B", "Here"); w.mvServer("B", "There") }, map[string]int{"local-rename": 1},
			[]string{"There"}, []string{"B", "Here"}},
		"apart, with children": {func(w *world) { w.mv("A", "Here"); w.mvServer("A", "There") }, map[string]int{"local-rename": 1},
			[]string{"There", "There/x/y"}, []string{"A", "Here"}},
		"two, one on each side": {func(w *world) { w.mv("B", "Bee"); w.mvServer("C", "Cee") }, map[string]int{"local-rename": 1, "remote-rename": 1},
			[]string{"Bee", "Cee"}, []string{"B", "C"}},
		"parent there, child here": {func(w *world) { w.mv("A/x", "A/z"); w.mvServer("A", "Y") }, map[string]int{"local-rename": 1, "remote-rename": 1},
			[]string{"Y", "Y/z", "Y/z/y"}, []string{"A", "A/z", "Y/x"}},
		"chain, on the server": {func(w *world) { w.mvServer("C", "D"); w.mvServer("B", "C") }, map[string]int{"local-rename": 2},
			[]string{"C", "D"}, []string{"B"}},
		"chain, on disk": {func(w *world) { w.mv("C", "D"); w.mv("B", "C") }, map[string]int{"remote-rename": 2},
			[]string{"C", "D"}, []string{"B"}},
		"swapped, on the server": {func(w *world) { w.mvServer("B", "t"); w.mvServer("C", "B"); w.mvServer("t", "C") }, map[string]int{"local-rename": 3},
			[]string{"B", "C"}, []string{"t"}},
		"swapped, on disk": {func(w *world) { w.mv("B", "t"); w.mv("C", "B"); w.mv("t", "C") }, map[string]int{"remote-rename": 3},
			[]string{"B", "C"}, []string{"t"}},
		"and made again, on the server": {func(w *world) { w.mvServer("B", "Z"); serverSide{w}.create("B") }, map[string]int{"local-rename": 1, "local-create": 1},
			[]string{"B", "Z"}, nil},
		"and made again, on disk": {func(w *world) { w.mv("B", "Z"); diskSide{w: w}.create("B") }, map[string]int{"remote-rename": 1, "remote-create": 1},
			[]string{"B", "Z"}, nil},
		"with new mail on both sides": {func(w *world) {
			w.mvServer("B", "Z")
			serverSide{w}.deliver("Z", w.message(), nil)
			diskSide{w, rand.New(rand.NewPCG(1, 1))}.deliver("B", w.message(), []string{`\Seen`})
		}, map[string]int{"local-rename": 1, "download": 1, "upload": 1}, []string{"Z"}, []string{"B"}},
		"with new mail on both sides, on disk": {func(w *world) {
			w.mv("B", "Z")
			serverSide{w}.deliver("B", w.message(), nil)
			diskSide{w, rand.New(rand.NewPCG(1, 1))}.deliver("Z", w.message(), []string{`\Seen`})
			diskSide{w, rand.New(rand.NewPCG(2, 1))}.deliver("Z", w.message(), nil) // both directories changed
		}, map[string]int{"remote-rename": 1, "download": 1, "upload": 2}, []string{"Z"}, []string{"B"}},
		"with messages removed and flagged": {func(w *world) {
			w.mv("B", "Z")
			disk, server := diskSide{w, rand.New(rand.NewPCG(1, 1))}, serverSide{w}
			there := server.list("B")
			server.remove(there[0])
			server.flag(there[1], []string{`\Flagged`}, nil)
			for _, h := range disk.list("Z") {
				if h.id == there[2].id {
					disk.remove(h)
				}
			}
		}, map[string]int{"remote-rename": 1, "local-remove": 1, "remote-remove": 1, "local-flags": 1}, []string{"Z"}, []string{"B"}},
		"removed on the other side": {func(w *world) { w.mvServer("B", "Z"); w.rmdir("B") }, nil, []string{"Z"}, []string{"B"}},
		"removed on the server":     {func(w *world) { w.mv("B", "Z"); must(w, w.srv.DeleteMailbox("B")) }, nil, []string{"Z"}, []string{"B"}},
		"into a name that is taken": {func(w *world) {
			w.mvServer("B", "Z")
			disk := diskSide{w, rand.New(rand.NewPCG(1, 1))}
			disk.create("Z")
			disk.deliver("Z", w.message(), nil)
		}, nil, []string{"Z"}, []string{"B"}},
		"into a name that is taken on the server": {func(w *world) {
			w.mv("B", "Z")
			serverSide{w}.create("Z")
			serverSide{w}.deliver("Z", w.message(), nil)
		}, nil, []string{"Z"}, []string{"B"}},
		"over a mailbox that was removed": {func(w *world) {
			must(w, w.srv.DeleteMailbox("C"))
			w.mvServer("B", "C")
		}, nil, []string{"C"}, []string{"B"}},
		"the inbox, on the server": {func(w *world) { w.mvServer("INBOX", "Old") }, nil, []string{"INBOX", "Old"}, nil},
	}
}

// TestMailboxRenames: renames become renames where both sides prove them, and
// no message is transferred that both have.
func TestMailboxRenames(t *testing.T) {
	servers := map[string]imaptest.Options{
		"objectid":     {Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)},
		"new validity": {Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID), RenameVoidsUIDs: true},
		"no proof":     {},
		"plain":        {Caps: imaptest.DefaultCaps.Without(imaptest.CapQResync, imaptest.CapCondstore, imaptest.CapListStatus, imaptest.CapListExtended)},
	}
	for server, o := range servers {
		for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
			for name, story := range renameStories() {
				t.Run(fmt.Sprintf("%s/%v/%s", server, layout, name), func(t *testing.T) {
					t.Parallel()
					w := renameWorld(t, o, layout)
					defer w.close()
					story.change(w)
					planned, err := w.trySync(mailsync.Request{DryRun: true})
					must(w, err)
					rep := w.sync()
					end := w.agree()
					w.quiet()
					want := story.does
					proven := server == "objectid" || server == "new validity" && !strings.Contains(name, "removed")
					for _, n := range story.has {
						if !proven {
							break // names that are not known to be one may both stay
						}
						if _, ok := end[n]; !ok {
							t.Errorf("there is no %s", n)
						}
					}
					for _, n := range story.hasNot {
						if !proven {
							break
						}
						if _, ok := end[n]; ok {
							t.Errorf("there is still %s", n)
						}
					}
					switch {
					case want != nil && proven:
						if !sameCounts(rep.Counts, want) {
							t.Errorf("did %v, want %v", rep.Counts, want)
						}
						if server == "objectid" && !sameCounts(planned.Counts, want) {
							t.Errorf("planned %v, want %v:\n%s", planned.Counts, want, fmt.Sprint(planned.Operations))
						}
					default:
						if n := want["download"] + want["upload"]; rep.Counts["download"]+rep.Counts["upload"] > max(n, 3) {
							t.Errorf("did %v", rep.Counts)
						}
					}
					if server == "objectid" && strings.HasPrefix(name, "apart") && (len(rep.Conflicts) != 1 || rep.Conflicts[0].Kind != "mailbox renamed to two names") {
						t.Errorf("conflicts: %v", rep.Conflicts)
					}
				})
			}
		}
	}
}

func sameCounts(got, want map[string]int) bool {
	for k, n := range want {
		if got[k] != n {
			return false
		}
	}
	for k, n := range got {
		if want[k] != n {
			return false
		}
	}
	return true
}
