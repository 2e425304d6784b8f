package simulate

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// image is what is known of one file below SQLite.
type image struct {
	there   bool
	safe    []byte   // what is durable
	pending []change // what came since, in order
}

// change is one write, or a truncation, or the removal of the file.
type change struct {
	off  int64
	data []byte
	cut  bool
	gone bool
}

// sector is what a disk writes at once.
const sector = 512

func (f *image) sync() {
	for _, c := range f.pending {
		f.apply(c)
	}
	f.pending = nil
}

func (f *image) apply(c change) {
	switch {
	case c.gone:
		f.there, f.safe = false, nil
		return
	case c.cut:
		f.safe = append(f.safe[:min(int(c.off), len(f.safe))], make([]byte, max(0, int(c.off)-len(f.safe)))...)
	default:
		end := int(c.off) + len(c.data)
		f.safe = append(f.safe, make([]byte, max(0, end-len(f.safe)))...)
		copy(f.safe[c.off:], c.data)
	}
	f.there = true
}

func (f *image) clone() *image {
	return &image{f.there, slices.Clone(f.safe), slices.Clone(f.pending)}
}

// crash is what a power failure leaves of the file: nothing of what was not
// synced, or the beginning of it, or any part, with torn writes.
func (f *image) crash(rng *rand.Rand) {
	list := f.pending
	f.pending = nil
	switch rng.IntN(3) {
	case 0:
		return
	case 1:
		for _, c := range list[:rng.IntN(len(list)+1)] {
			f.apply(c)
		}
		return
	}
	for _, c := range list {
		if c.data == nil && rng.IntN(2) == 0 {
			f.apply(c)
		}
		for i := 0; i < len(c.data); i += sector {
			if rng.IntN(2) == 0 {
				f.apply(change{off: c.off + int64(i), data: c.data[i:min(i+sector, len(c.data))]})
			}
		}
	}
}

// synced makes a file durable. SQLite syncs the directory as well when the
// file is new, which makes the removal of others durable.
func (d *StateDisk) synced(f *image) {
	if !f.there {
		d.names()
	}
	f.sync()
}

// names makes durable which files are gone.
func (d *StateDisk) names() {
	for _, f := range d.files {
		for i := len(f.pending) - 1; i >= 0; i-- {
			if f.pending[i].gone {
				f.there, f.safe, f.pending = false, nil, f.pending[i+1:]
				break
			}
		}
	}
}

// watch takes what databases are in a folder now for durable, and looks at
// all that happens to them. Each write and each sync asks step first; with an
// error, it does not happen.
func (d *StateDisk) watch(dir string, step func(kind string) error) error {
	files := map[string]*image{}
	list, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
		files[path] = &image{there: true, safe: b}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dir, d.step, d.files = dir, step, files
	return nil
}

// crash ends the watch and leaves of the databases what the disk kept. It
// returns what they were when last synced, and with everything that was written.
func (d *StateDisk) crash(rng *rand.Rand) (safe, whole map[string]*image, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.open {
		if filepath.Dir(o.path) == d.dir {
			return nil, nil, fmt.Errorf("power loss: %s is open still", o.path)
		}
	}
	safe, whole = map[string]*image{}, map[string]*image{}
	for _, path := range sortedKeys(d.files) {
		if filepath.Ext(path) == ".db-shm" { // memory that processes share
			continue
		}
		f := d.files[path]
		safe[path], whole[path] = f.clone(), f.clone()
		whole[path].sync()
		f.crash(rng)
		if err := f.put(path); err != nil {
			return nil, nil, fmt.Errorf("power loss: %w", err)
		}
	}
	d.dir, d.step, d.files = "", nil, nil
	return safe, whole, nil
}

// put writes the durable part to a path.
func (f *image) put(path string) error {
	if f.there {
		return os.WriteFile(path, f.safe, 0o600)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
