package sync_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	mailsync "satchel/sync"
)

// leftMarked has a run move a message from INBOX to Work on a server where the
// original stays, marked, since another client has marked another message.
func leftMarked(t *testing.T) *broken {
	t.Helper()
	w := newBroken(t, noUIDPlus()["condstore without move"])
	server, disk := w.hands()
	server.create("Work")
	server.deliver("INBOX", w.message(), []string{`\Seen`})
	server.deliver("INBOX", w.message(), nil)
	w.sync()
	i := slices.IndexFunc(disk.list("INBOX"), func(h handle) bool { return h.id == "1@test" })
	disk.move(disk.list("INBOX")[i], "Work")
	server.flag(server.list("INBOX")[1], []string{`\Deleted`}, nil)
	w.sync()
	if n := len(w.srv.Messages("INBOX")); n != 2 {
		t.Fatalf("INBOX has %d messages", n)
	}
	return w
}

// Another client changes the flags of what an emulated move left behind. The copy
// gets them, and the original goes, wherever runs die meanwhile.
func TestLeftoverFlagged(t *testing.T) {
	for _, at := range deaths(13) {
		w := leftMarked(t)
		server, _ := w.hands()
		server.flag(server.list("INBOX")[0], []string{`\Flagged`}, []string{`\Seen`})
		if rep, err := w.trySync(mailsync.Request{Pull: true}); err != nil || len(w.remoteSnapshot()["Work"]) != 1 || strings.Contains(w.remoteSnapshot()["Work"][0], "Flagged") {
			t.Fatalf("a run with --pull: %v, %v, and the server has %v", rep.Counts, err, w.remoteSnapshot())
		}
		if at > 0 {
			w.again(at - 1)
		}
		w.unmarkOthers()
		w.times(map[string]int{"1@test": 1, "2@test": 1})
		if got := w.remoteSnapshot()["Work"]; len(got) != 1 || !strings.HasSuffix(got[0], `| \Flagged`) {
			t.Errorf("after %d commits: the server has %q", at-1, got)
		}
	}
}

// The plan names the flag that comes down, and the end of the move once nothing
// else is marked.
func TestLeftoverFlaggedIsPlanned(t *testing.T) {
	w := leftMarked(t)
	server, _ := w.hands()
	server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
	server.flag(server.list("INBOX")[1], nil, []string{`\Deleted`})
	plan, err := w.trySync(mailsync.Request{DryRun: true})
	must(w.world, err)
	if i := slices.IndexFunc(plan.Operations, func(o mailsync.Operation) bool { return o.Op == "remote-move" }); i < 0 || plan.Operations[i].To != "Work" {
		t.Errorf("the plan names no move to Work: %v", plan.Operations)
	}
	run, err := w.trySync(mailsync.Request{})
	must(w.world, err)
	if !maps.Equal(plan.Counts, run.Counts) {
		t.Errorf("the plan named %v, the run did %v", plan.Counts, run.Counts)
	}
}

// Somebody removed the copy: what another client flags then is all that is left of
// the message, and is kept.
func TestLeftoverFlaggedIsAll(t *testing.T) {
	w := leftMarked(t)
	server, _ := w.hands()
	server.remove(server.list("Work")[0])
	server.flag(server.list("INBOX")[0], []string{`\Flagged`}, nil)
	w.sync()
	w.unmarkOthers()
	w.times(map[string]int{"1@test": 1, "2@test": 1})
}
