package maildir

import (
	"context"
	"path/filepath"
	"strings"
)

// Fingerprint stands for the set of message files in a folder, by name. Who
// knows the fingerprint before some changes, and the changes, knows the one
// after them, and can have it compared at the cost of reading the names.
type Fingerprint struct {
	Files int
	Sum   uint64 // of the names' hashes, so that their order does not matter
}

// Add takes in a file that was added to the folder.
func (p *Fingerprint) Add(f File) {
	p.Files++
	p.Sum += nameHash(f.New, f.Name)
}

// Remove takes out a file that was removed from the folder.
func (p *Fingerprint) Remove(f File) {
	p.Files--
	p.Sum -= nameHash(f.New, f.Name)
}

// Fingerprint returns that of the files listed.
func (l *Listing) Fingerprint() Fingerprint {
	var p Fingerprint
	for _, f := range l.Files {
		p.Add(f)
	}
	return p
}

// nameHash is FNV-1a, which is good enough: the names are those of programs
// that do not try to deceive.
func nameHash(isNew bool, name string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	if isNew {
		h = (h ^ 'n') * prime
	}
	h = (h ^ '/') * prime
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	// FNV leaves the highest bits of short names alike, and a sum keeps that.
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15
}

// Confirm reads the names in a folder once and reports whether they are just
// the expected ones. Then the Stamp is as Scan would return it. Otherwise, and
// when the folder is changing, only Scan tells what is there.
func (s *Store) Confirm(ctx context.Context, folder string, want Fingerprint) (st Stamp, same bool, err error) {
	folder = Canonical(folder)
	dir, err := s.Dir(folder)
	if err != nil {
		return Stamp{}, false, err
	}
	if err := ctx.Err(); err != nil {
		return Stamp{}, false, err
	}
	now := s.now()
	before, err := s.scanStamp(folder, dir)
	if err != nil {
		return Stamp{}, false, err
	}
	var have Fingerprint
	for _, sub := range []string{"new", "cur"} {
		names, err := s.fs.ReadDirNames(filepath.Join(dir, sub))
		if err != nil {
			return Stamp{}, false, nil // Scan will say it
		}
		for _, n := range names {
			if !strings.HasPrefix(n, ".") {
				have.Add(File{New: sub == "new", Name: n})
			}
		}
	}
	after, err := s.scanStamp(folder, dir)
	if err != nil || before != after || have != want {
		return Stamp{}, false, nil
	}
	return before.settle(now), true, nil
}
