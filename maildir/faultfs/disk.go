package faultfs

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"satchel/maildir"
)

// Disk keeps what would survive a power failure of a folder and all below it.
// Symbolic links are not followed.
type Disk struct {
	FS
	root string
	keep func(path string) bool // left alone, as a state file that looks after itself

	mu      sync.Mutex // held for each call that changes something
	tree    *node      // as it is
	pending []change   // changes of names that are not durable yet, in order
}

// node is a file or a directory, whatever its names.
type node struct {
	dir  bool
	perm fs.FileMode

	// Of a directory: names as they are, and those that are durable.
	now, safe map[string]*node
	mtime     time.Time // when the names were last made durable

	// Of a file: what is durable of the content; nil when nothing ever was.
	content []byte
	clean   bool // nothing was written since
}

// change is one change of names, in one directory or, for a rename, in two.
// Renames are one step, as on every file system with a journal: when either
// directory is durable, both halves are.
type change struct {
	what     string
	from, to *node
	old, new string
	n        *node
}

func (c change) touches(d *node) bool { return c.from == d || c.to == d }

func (c change) apply() {
	if c.from != nil && c.from.safe[c.old] == c.n {
		delete(c.from.safe, c.old)
	}
	if c.to != nil {
		c.to.safe[c.new] = c.n
	}
}

// NewDisk takes what is below root now for durable. Paths for which keep
// reports true are left alone.
func NewDisk(root string, keep func(path string) bool) (*Disk, error) {
	d := &Disk{root: root, keep: keep}
	d.disk = d
	var err error
	d.tree, err = d.load(root)
	return d, err
}

func (d *Disk) load(path string) (*node, error) {
	i, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	n := &node{dir: i.IsDir(), perm: i.Mode().Perm(), mtime: i.ModTime(), clean: true}
	if !n.dir {
		n.content, err = os.ReadFile(path)
		if n.content == nil {
			n.content = []byte{}
		}
		return n, err
	}
	n.now, n.safe = map[string]*node{}, map[string]*node{}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		p := filepath.Join(path, e.Name())
		if d.keep != nil && d.keep(p) {
			continue
		}
		c, err := d.load(p)
		if err != nil {
			return nil, err
		}
		n.now[e.Name()], n.safe[e.Name()] = c, c
	}
	return n, nil
}

// lookup is find for callers that do not hold mu.
func (d *Disk) lookup(path string) *node {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(path)
}

// find returns what has a name; nil for what is not below the root. mu is held.
func (d *Disk) find(path string) *node {
	if d == nil {
		return nil
	}
	rel, err := filepath.Rel(d.root, path)
	if err != nil || rel == ".." || len(rel) > 2 && rel[:3] == "../" {
		return nil
	}
	n := d.tree
	if rel == "." {
		return n
	}
	for len(rel) > 0 && n != nil {
		head, rest, _ := cut(rel)
		n, rel = n.now[head], rest
	}
	return n
}

func cut(rel string) (head, rest string, more bool) {
	for i := range len(rel) {
		if rel[i] == filepath.Separator {
			return rel[:i], rel[i+1:], true
		}
	}
	return rel, "", false
}

func (d *Disk) create(path string, dir bool) *node {
	parent := d.find(filepath.Dir(path))
	if parent == nil {
		return nil
	}
	n := &node{dir: dir, perm: 0o600, mtime: d.now()}
	if dir {
		n.perm, n.now, n.safe = 0o700, map[string]*node{}, map[string]*node{}
	}
	d.do(change{what: "create " + path, to: parent, new: filepath.Base(path), n: n})
	return n
}

func (d *Disk) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

func (d *Disk) do(c change) {
	if c.from != nil {
		delete(c.from.now, c.old)
	}
	if c.to != nil {
		c.to.now[c.new] = c.n
	}
	d.pending = append(d.pending, c)
}

func (d *Disk) rename(from, to string) {
	src, dst, n := d.find(filepath.Dir(from)), d.find(filepath.Dir(to)), d.find(from)
	if n != nil && src != nil {
		d.do(change{what: "rename " + from + " to " + to, from: src, old: filepath.Base(from), to: dst, new: filepath.Base(to), n: n})
	}
}

func (d *Disk) link(from, to string) {
	dst, n := d.find(filepath.Dir(to)), d.find(from)
	if n != nil && dst != nil {
		d.do(change{what: "link " + to, to: dst, new: filepath.Base(to), n: n})
	}
}

func (d *Disk) remove(path string) {
	src, n := d.find(filepath.Dir(path)), d.find(path)
	if n != nil && src != nil {
		d.do(change{what: "remove " + path, from: src, old: filepath.Base(path), n: n})
	}
}

func (d *Disk) syncDir(path string) {
	n := d.find(path)
	if n == nil {
		return
	}
	var rest []change
	for _, c := range d.pending {
		if c.touches(n) {
			c.apply()
		} else {
			rest = append(rest, c)
		}
	}
	d.pending = rest
	if i, err := os.Stat(path); err == nil {
		n.mtime = i.ModTime()
	}
}

func (d *Disk) syncAll() {
	for _, c := range d.pending {
		c.apply()
	}
	d.pending = nil
	d.walk(d.root, d.tree, func(path string, n *node) {
		if !n.dir && !n.clean {
			if b, err := os.ReadFile(path); err == nil {
				n.content, n.clean = b, true
			}
		}
	})
}

func (d *Disk) walk(path string, n *node, f func(string, *node)) {
	f(path, n)
	for name, c := range n.now {
		d.walk(filepath.Join(path, name), c, f)
	}
}

func (n *node) dirty() {
	if n != nil {
		n.clean = false
	}
}

func (n *node) sync(h maildir.Handle) {
	if n == nil || n.dir {
		return
	}
	i, err := h.Info()
	if err != nil {
		return
	}
	b := make([]byte, i.Size)
	if _, err := h.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	n.content, n.clean = b, true
}

// Durable is what would survive a power failure now: digests of files by
// their path below the root. A file whose content is not safe has the digest
// of what is, or of nothing.
func (d *Disk) Durable() map[string][32]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string][32]byte{}
	var walk func(string, *node)
	walk = func(path string, n *node) {
		if !n.dir {
			all[path] = sha256.Sum256(n.content)
			return
		}
		for name, c := range n.safe {
			walk(filepath.Join(path, name), c)
		}
	}
	walk("", d.tree)
	return all
}

// Pending says which changes of names are not durable.
func (d *Disk) Pending() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, c := range d.pending {
		all = append(all, c.what)
	}
	return all
}
