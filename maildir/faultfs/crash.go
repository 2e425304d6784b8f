package faultfs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Crash takes the folder back to what is durable and returns how many changes
// of names were lost. With rng, a random part of what is not durable is kept:
// changes of names one by one, contents as they are, torn, or not at all.
func (d *Disk) Crash(rng *rand.Rand) (lost int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost = d.loseNames(rng)
	if rng != nil {
		d.keepContents(rng)
	}
	aside, err := os.MkdirTemp(filepath.Dir(d.root), ".crash-")
	if err != nil {
		return lost, err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	parked, dirs, err := d.park(aside)
	if err != nil {
		return lost, err
	}
	d.removeLost(dirs)
	return lost, d.restore(d.root, d.tree, parked)
}

// loseNames decides which of the pending changes of names become durable, and counts the others.
func (d *Disk) loseNames(rng *rand.Rand) (lost int) {
	for _, c := range d.pending {
		if rng != nil && rng.IntN(2) == 0 {
			c.apply()
		} else {
			lost++
		}
	}
	d.pending = nil
	return lost
}

// keepContents makes some of the contents durable that are not: all of it, or the first half.
func (d *Disk) keepContents(rng *rand.Rand) {
	d.walk(d.root, d.tree, func(path string, n *node) {
		if n.dir || n.clean {
			return
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return
		}
		switch rng.IntN(3) {
		case 0:
			n.content = b
		case 1:
			n.content = b[:len(b)/2]
		}
	})
}

// park puts every file that has a name now aside, to be given back under the
// names that are durable. It returns where each file is, and all directories.
func (d *Disk) park(aside string) (parked map[*node]string, dirs []string, err error) {
	parked = map[*node]string{}
	d.walk(d.root, d.tree, func(path string, n *node) {
		switch {
		case n.dir:
			dirs = append(dirs, path)
		case parked[n] == "":
			parked[n] = filepath.Join(aside, fmt.Sprint(len(parked)))
			err = firstOf(err, os.Rename(path, parked[n]))
		default:
			err = firstOf(err, os.Remove(path))
		}
	})
	return parked, dirs, err
}

// removeLost removes the directories that did not survive. All others keep their inode.
func (d *Disk) removeLost(dirs []string) {
	survivors := map[string]*node{}
	var want func(string, *node)
	want = func(path string, n *node) {
		if n.dir {
			survivors[path] = n
			for name, c := range n.safe {
				want(filepath.Join(path, name), c)
			}
		}
	}
	want(d.root, d.tree)
	slices.SortFunc(dirs, func(a, b string) int { return len(b) - len(a) })
	for _, p := range dirs {
		if survivors[p] != d.find(p) {
			_ = os.Remove(p)
		}
	}
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (d *Disk) restore(path string, n *node, parked map[*node]string) error {
	if !n.dir {
		if at := parked[n]; at != "" && n.clean {
			return os.Link(at, path)
		}
		if err := os.WriteFile(path, n.content, n.perm); err != nil {
			return err
		}
		parked[n], n.clean = path, true // a second name leads to the same file
		return os.Chtimes(path, time.Time{}, n.mtime)
	}
	if err := os.Mkdir(path, n.perm); err != nil && !os.IsExist(err) {
		return err
	}
	for name, c := range n.safe {
		if err := d.restore(filepath.Join(path, name), c, parked); err != nil {
			return err
		}
	}
	return os.Chtimes(path, time.Time{}, n.mtime)
}
