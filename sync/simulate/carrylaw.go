package simulate

import (
	"os"
	"slices"
	"sync"
	"syscall"
)

// carried is what was seen of messages on their way.
type carried struct {
	mu sync.Mutex
	up map[int]int // how often each was appended since the last agreement
}

func (c *carried) appended(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up == nil {
		c.up = map[int]int{}
	}
	c.up[n]++
}

func (c *carried) times(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up[n]
}

// forget begins to count anew.
func (c *carried) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = nil
}

// inodes returns the file of each message that is there once.
func (w *World) inodes() map[int]uint64 {
	all, often := map[int]uint64{}, map[int]int{}
	for _, f := range w.tree.all() {
		i, err := os.Stat(w.tree.path(f))
		if err != nil {
			continue
		}
		if s, ok := i.Sys().(*syscall.Stat_t); ok {
			all[f.token], often[f.token] = s.Ino, often[f.token]+1
		}
	}
	for n, times := range often {
		if times > 1 {
			delete(all, n)
		}
	}
	return all
}

// moves: moves stay moves, and copies stay copies. A message that was on both sides
// does not go up again while the server has all of it; and one that was moved, or got other
// flags, and nothing else, has the file that it had. Where the past or a list was lost,
// a replica is behind, or UIDs are void, a run may not know what it has before it.
func (w *World) moves() *Violation {
	if w.lost || w.changed || w.blurred {
		return nil
	}
	now := w.inodes()
	for _, t := range w.model.sorted() {
		boxes := slices.Concat(t.base, t.places[Server], t.places[Disk])
		if !t.known || t.excused != "" || t.voided || t.unread || len(t.base) == 0 || !w.model.stable(Server, boxes) || !w.model.stable(Disk, boxes) {
			continue
		}
		if n := w.carried.times(t.n); n > 0 && !t.took[Server] {
			return broken("moves", "message %d went up %d times; the server had it all the time (base %v, server %v, disk %v)",
				t.n, n, t.base, t.places[Server], t.places[Disk])
		}
		if was := w.files[t.n]; was != 0 && now[t.n] != was && t.most == 1 && t.removals == 0 && !t.saved {
			return broken("moves", "message %d has another file than it had (base %v, server %v, disk %v)", t.n, t.base, t.places[Server], t.places[Disk])
		}
	}
	return nil
}
