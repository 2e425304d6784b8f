//go:build linux

package bench

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// boxesReplica is a replica of it that has nothing to do.
func (h *harness) boxesReplica(t *testing.T, tool string) *replica {
	t.Helper()
	a := h.boxes(t)
	if r := h.synced[tool]; r != nil {
		return r
	}
	r := a.newReplica(t, tool)
	r.prepare(t)
	h.synced[tool] = r
	return r
}

func idle501(t *testing.T, h *harness, res *result) {
	replicas := map[string]*replica{}
	for _, tool := range h.tools {
		replicas[tool] = h.boxesReplica(t, tool)
	}
	idle(t, h, res, replicas)
	h.synced = map[string]*replica{} // the canaries made them differ
}

// idle measures runs with nothing to do.
func idle(t *testing.T, h *harness, res *result, replicas map[string]*replica) {
	t.Helper()
	once := func(tool string, l line) usage {
		r := replicas[tool]
		before, marksBefore := r.untouched(t)
		quiesce() // no folder changes here
		u := r.run(t, l)
		after, marksAfter := r.untouched(t)
		if !slices.Equal(before, after) {
			t.Fatalf("%s changed the server and had nothing to do there", tool)
		}
		if !maps.Equal(marksBefore, marksAfter) {
			t.Fatalf("%s changed the disk and had nothing to do there", tool)
		}
		return u
	}
	res.measure(h, once)

	// One that did not look would not be seen above. Now there is something to
	// do on both sides, and each must find it.
	for _, tool := range slices.Sorted(maps.Keys(replicas)) {
		r := replicas[tool]
		c := r.login(t)
		r.fill(t, c, "INBOX", 1, 1000)
		c.close()
		for d := range r.disk["INBOX"] {
			flags := toggled(r.want["INBOX"][d])
			if r.want["INBOX"][d] != r.disk["INBOX"][d].flags {
				continue // the other program's canary, which this one has not seen
			}
			r.flagFile(t, r.disk["INBOX"][d], flags)
			r.want["INBOX"][d] = flags
			break
		}
		settle()
		r.run(t, line{})
		r.verify(t)
	}
}

// untouched is what a run with nothing to do must leave as it was.
func (r *replica) untouched(t *testing.T) ([]string, map[string]mark) {
	t.Helper()
	c := r.login(t)
	defer c.close()
	s, err := c.statuses()
	if err != nil {
		t.Fatal(err)
	}
	m, err := marks(r.mail())
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != r.want.count() {
		t.Fatalf("%d files on disk, %d messages on the server", len(m), r.want.count())
	}
	return s, m
}

func idle100k(t *testing.T, h *harness, res *result) {
	idleLarge(t, h, res, h.scaled(100_000), h.tools)
}

func idleMillion(t *testing.T, h *harness, res *result) {
	tools := []string{satchel}
	switch h.million {
	case "":
		t.Skip("set BENCH_MILLION=1 to run it, or BENCH_MILLION=all for both programs")
	case "all":
		tools = h.tools
	}
	idleLarge(t, h, res, h.scaled(1_000_000), tools)
}

func idleLarge(t *testing.T, h *harness, res *result, n int, tools []string) {
	t.Helper()
	a := h.newAccount(t)
	c := a.login(t)
	a.fill(t, c, "INBOX", n, 400)
	c.close()
	replicas := map[string]*replica{}
	for _, tool := range tools {
		replicas[tool] = a.newReplica(t, tool)
		u := replicas[tool].prepare(t)
		fmt.Printf("          %s: first sync of it in %s with %s of memory\n", tool, seconds(u.wall), size(u.rss))
	}
	res.tools = tools
	idle(t, h, res, replicas)
}
