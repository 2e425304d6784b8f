//go:build linux

package bench

import (
	"fmt"
	"testing"
	"time"
)

// far is the round-trip time of the workloads that are not on loopback.
const far = 40 * time.Millisecond

// workload is one row of the table.
type workload struct {
	name    string // for BENCH
	title   string
	rtt     time.Duration
	targets []target
	run     func(t *testing.T, h *harness, res *result)
}

func workloads() []*workload {
	return []*workload{
		{
			name: "idle-501", title: "nothing to do, 501 mailboxes of 20, 40 ms", rtt: far, run: idle501,
			targets: []target{faster(150), turnsAtMost(5), memoryBelow(64)},
		},
		{
			name: "first-501", title: "first sync of 501 mailboxes, 10,020 messages, 40 ms", rtt: far, run: first501,
			targets: []target{faster(15), memoryBelow(64)},
		},
		{
			name: "idle-100k", title: "nothing to do, one mailbox of 100,000, loopback", run: idle100k,
			targets: []target{faster(8), fewerBytes(1000), receivedBelow(4000), lessMemory(), memoryBelow(50)},
		},
		{
			name: "first-7k", title: "first sync, 20,000 messages, 138 MB, loopback", run: firstOf(6900),
			targets: []target{faster(4), memoryBelow(64)},
		},
		{
			name: "first-4k", title: "first sync, 20,000 messages of 4 KB, loopback", run: firstOf(4096),
			targets: []target{faster(3), memoryBelow(64)},
		},
		{
			name: "changes", title: "200 flags, 100 new, 100 deleted on both sides of 20,000, 40 ms", rtt: far, run: changes,
			targets: []target{faster(2.5), memoryBelow(64)},
		},
		{
			name: "move-disk", title: "1,000 of 20 KB moved on disk between two folders, 40 ms", rtt: far, run: moves(moveOnDisk),
			targets: []target{faster(8), fewerBytes(100), sentBelow(100_000), memoryBelow(64)},
		},
		{
			name: "move-server", title: "1,000 of 20 KB moved on the server, 40 ms", rtt: far, run: moves(moveOnServer),
			targets: []target{faster(8), fewerBytes(100), receivedBelow(1_000_000), memoryBelow(64)},
		},
		{
			name: "upload", title: "3,000 new local messages of 4 KB uploaded, 40 ms", rtt: far, run: upload,
			targets: []target{faster(1.3), memoryBelow(64)},
		},
		{
			name: "idle-1m", title: "nothing to do, one mailbox of 1,000,000, loopback", run: idleMillion,
			targets: []target{wallBelow(100 * time.Millisecond), memoryBelow(64)},
		},
		{
			name: "version", title: "`satchel version`", run: startVersion,
			targets: []target{wallBelow(10 * time.Millisecond)},
		},
		{
			name: "status", title: "`satchel status` of 501 mailboxes", run: startStatus,
			targets: []target{wallBelow(30 * time.Millisecond)},
		},
	}
}

// boxes is the account of 501 mailboxes that three workloads share.
func (h *harness) boxes(t *testing.T) *account {
	t.Helper()
	if h.shared != nil {
		return h.shared
	}
	a := h.newAccount(t)
	c := a.login(t)
	defer c.close()
	a.fill(t, c, "INBOX", 20, 4096)
	for i := range h.scaled(500) {
		a.fill(t, c, fmt.Sprintf("list%03d", i), 20, 4096)
	}
	h.shared, h.synced = a, map[string]*replica{}
	return a
}

func first501(t *testing.T, h *harness, res *result) { first(t, h, res, h.boxes(t)) }

func firstOf(size int) func(*testing.T, *harness, *result) {
	return func(t *testing.T, h *harness, res *result) {
		a := h.newAccount(t)
		c := a.login(t)
		a.fill(t, c, "INBOX", h.scaled(20_000), size)
		c.close()
		first(t, h, res, a)
	}
}

// first measures first syncs, each into folders that are new.
func first(t *testing.T, h *harness, res *result, a *account) {
	t.Helper()
	// Reading makes Dovecot remember what it was asked for. Each program asks once
	// before the clock runs.
	for _, tool := range h.tools {
		r := a.newReplica(t, tool)
		r.run(t, line{fixture: true})
		r.verify(t)
	}
	res.measure(h, func(tool string, l line) usage {
		r := a.newReplica(t, tool)
		quiesce() // there are no folders yet
		u := r.run(t, l)
		r.verify(t)
		return u
	})
}

// changing measures a change made again and again to a replica of each
// program.
func changing(t *testing.T, h *harness, res *result, replicas map[string]*replica, change func(r *replica, c *connection, seed uint64)) {
	t.Helper()
	turn := map[string]uint64{}
	res.measure(h, func(tool string, l line) usage {
		r := replicas[tool]
		turn[tool]++
		c := r.login(t)
		change(r, c, turn[tool])
		c.close()
		settle()
		u := r.run(t, l)
		r.verify(t)
		return u
	})
}

// filled makes an account and a replica with nothing to do for each program.
func (h *harness) filled(t *testing.T, fill func(*account, *connection)) map[string]*replica {
	t.Helper()
	replicas := map[string]*replica{}
	before := h.author
	var all []*replica
	for _, tool := range h.tools {
		h.author = before.twin() // the same mail for both
		a := h.newAccount(t)
		c := a.login(t)
		fill(a, c)
		c.close()
		replicas[tool] = a.newReplica(t, tool)
		all = append(all, replicas[tool])
	}
	prepareAll(t, all)
	return replicas
}

func changes(t *testing.T, h *harness, res *result) {
	flags, fresh := h.scaled(200), h.scaled(100)
	fill := func(a *account, c *connection) { a.fill(t, c, "INBOX", h.scaled(20_000), 4096) }
	changing(t, h, res, h.filled(t, fill), func(r *replica, c *connection, seed uint64) {
		box := r.want["INBOX"]
		some := r.want.pick("INBOX", 2*flags+2*fresh, seed)
		next := func(n int) []digest {
			part := some[:n]
			some = some[n:]
			return part
		}
		for _, d := range next(flags) { // flags, on disk
			box[d] = toggled(box[d])
			r.flagFile(t, r.disk["INBOX"][d], box[d])
		}
		must := func(format string, args ...any) {
			t.Helper()
			if _, err := c.do(format, args...); err != nil {
				t.Fatal(err)
			}
		}
		must("SELECT INBOX")
		var set1, clear1, gone []uint32
		for _, d := range next(flags) { // flags, on the server
			box[d] = toggled(box[d])
			if s := r.server["INBOX"][d]; len(box[d]) > len(s.flags) {
				set1 = append(set1, s.uid)
			} else {
				clear1 = append(clear1, s.uid)
			}
		}
		if len(set1) > 0 {
			must(`UID STORE %s +FLAGS.SILENT (\Flagged)`, set(set1))
		}
		if len(clear1) > 0 {
			must(`UID STORE %s -FLAGS.SILENT (\Flagged)`, set(clear1))
		}
		for _, d := range next(fresh) { // deleted, on disk
			delete(box, d)
			r.remove(t, r.disk["INBOX"][d])
		}
		for _, d := range next(fresh) { // deleted, on the server
			delete(box, d)
			gone = append(gone, r.server["INBOX"][d].uid)
		}
		must(`UID STORE %s +FLAGS.SILENT (\Deleted)`, set(gone))
		must("UID EXPUNGE %s", set(gone))
		local := h.author.writeMany(fresh, 4096) // new, on disk
		r.writeFiles(t, "INBOX", local)
		r.want.add("INBOX", local...)
		r.fill(t, c, "INBOX", fresh, 4096) // new, on the server
	})
}

// moves alternates: there and back again.
func moves(move func(t *testing.T, r *replica, c *connection, some []digest, from, to string)) func(*testing.T, *harness, *result) {
	return func(t *testing.T, h *harness, res *result) {
		if h.pairs == nil { // both directions work on the same mail
			h.pairs = h.filled(t, func(a *account, c *connection) {
				a.fill(t, c, "one", h.scaled(1500), 20_000)
				a.fill(t, c, "two", h.scaled(1500), 20_000)
			})
		}
		first, second := "one", "two"
		if len(h.pairs[satchel].want[second]) > len(h.pairs[satchel].want[first]) {
			first, second = second, first // where the last workload left most of it
		}
		changing(t, h, res, h.pairs, func(r *replica, c *connection, seed uint64) {
			from, to := first, second
			if seed%2 == 0 {
				from, to = to, from
			}
			some := r.want.pick(from, h.scaled(1000), seed)
			move(t, r, c, some, from, to)
			for _, d := range some {
				r.want[to][d] = r.want[from][d]
				delete(r.want[from], d)
			}
		})
	}
}

func moveOnDisk(t *testing.T, r *replica, _ *connection, some []digest, from, to string) {
	for _, d := range some {
		r.moveFile(t, r.disk[from][d], to)
	}
}

func moveOnServer(t *testing.T, r *replica, c *connection, some []digest, from, to string) {
	uids := make([]uint32, len(some))
	for i, d := range some {
		uids[i] = r.server[from][d].uid
	}
	_, err := c.do("SELECT %s", from)
	if err == nil {
		_, err = c.do("UID MOVE %s %s", set(uids), to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// upload uses an account for every run, so that the mailbox is the same each time.
func upload(t *testing.T, h *harness, res *result) {
	ready := map[string][]*replica{}
	var all []*replica
	for range h.count {
		for _, tool := range h.tools {
			a := h.newAccount(t)
			c := a.login(t)
			a.fill(t, c, "INBOX", 10, 4096)
			c.close()
			r := a.newReplica(t, tool)
			ready[tool], all = append(ready[tool], r), append(all, r)
		}
	}
	prepareAll(t, all)
	res.measure(h, func(tool string, l line) usage {
		r := ready[tool][0]
		ready[tool] = ready[tool][1:]
		some := h.author.writeMany(h.scaled(3000), 4096)
		r.writeFiles(t, "INBOX", some)
		r.want.add("INBOX", some...)
		settle()
		u := r.run(t, l)
		r.verify(t)
		return u
	})
}

// starts is how often a start is measured: it is short.
const starts = 25

func startVersion(t *testing.T, h *harness, res *result) {
	r := h.newAccount(t).newReplica(t, satchel)
	res.tools = []string{satchel}
	for range starts {
		res.runs[satchel] = append(res.runs[satchel], r.start(t, h.satchel, "version"))
	}
}

func startStatus(t *testing.T, h *harness, res *result) {
	r := h.boxesReplica(t, satchel)
	res.tools = []string{satchel}
	settle()
	for range starts {
		res.runs[satchel] = append(res.runs[satchel], r.start(t, h.satchel, "status"))
	}
}
