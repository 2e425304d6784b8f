//go:build linux

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// model is what an account must hold: flags by content, by mailbox.
type model map[string]map[digest]string

func (m model) add(mailbox string, messages ...message) {
	if m[mailbox] == nil {
		m[mailbox] = map[digest]string{}
	}
	for _, msg := range messages {
		m[mailbox][digestOf(msg.data, false)] = msg.flags
	}
}

func (m model) count() int {
	n := 0
	for _, box := range m {
		n += len(box)
	}
	return n
}

// pick draws n messages of a mailbox, none twice, the same for the same seed.
func (m model) pick(mailbox string, n int, seed uint64) []digest {
	all := make([]digest, 0, len(m[mailbox]))
	for d := range m[mailbox] {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	rng := rand.New(rand.NewPCG(seed, 1))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// holding is what was found on one side.
type holding interface{ flagsOf() string }

func (s stored) flagsOf() string { return s.flags }
func (f file) flagsOf() string   { return f.flags }

// compare says how a side differs from what it must hold, nil when it does
// not.
func compare[H holding](side string, want model, got map[string]map[digest]H) error {
	var errs []error
	for name := range got {
		if _, ok := want[name]; !ok {
			errs = append(errs, fmt.Errorf("%s has a mailbox %s that should not be there", side, name))
		}
	}
	for name, box := range want {
		missing, extra, flags := 0, 0, 0
		for d, f := range box {
			h, ok := got[name][d]
			if !ok {
				missing++
			} else if h.flagsOf() != f {
				flags++
			}
		}
		for d := range got[name] {
			if _, ok := box[d]; !ok {
				extra++
			}
		}
		if missing+extra+flags > 0 {
			errs = append(errs, fmt.Errorf("%s, %s: of %d messages %d are missing or have another content, %d should not be there, %d have other flags",
				side, name, len(box), missing, extra, flags))
		}
	}
	if len(errs) > 5 {
		errs = append(errs[:5], fmt.Errorf("and %d more mailboxes", len(errs)-5))
	}
	return errors.Join(errs...)
}

// file is a message on disk.
type file struct{ path, flags string }

// folders lists the mailboxes below a Maildir root, by name.
func folders(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		switch e.Name() {
		case "cur":
			rel, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			names = append(names, filepath.ToSlash(rel))
			return fs.SkipDir
		case "new", "tmp", ".satchel-undo":
			return fs.SkipDir
		}
		return nil
	})
	return names, err
}

// readTree reads all messages of a Maildir.
func readTree(root string, byMbsync bool) (map[string]map[digest]file, error) {
	names, err := folders(root)
	if err != nil {
		return nil, err
	}
	all := map[string]map[digest]file{}
	for _, name := range names {
		box := map[digest]file{}
		all[name] = box
		dir := filepath.Join(root, filepath.FromSlash(name))
		if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
			return nil, errors.Join(err, fmt.Errorf("%s: %d files left in tmp", name, len(left)))
		}
		for _, sub := range []string{"cur", "new"} {
			entries, err := os.ReadDir(filepath.Join(dir, sub))
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				path := filepath.Join(dir, sub, e.Name())
				data, err := os.ReadFile(path)
				if err != nil {
					return nil, err
				}
				if bytes.Contains(data, []byte("\r\n")) {
					return nil, fmt.Errorf("%s has CRLF", path)
				}
				d := digestOf(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), byMbsync)
				if other, double := box[d]; double {
					return nil, fmt.Errorf("%s and %s are the same message", path, other.path)
				}
				_, flags := splitName(e.Name())
				box[d] = file{path, flags}
			}
		}
	}
	return all, nil
}

// splitName separates the flags from a file name.
func splitName(name string) (base, flags string) {
	if i := strings.LastIndex(name, ":2,"); i >= 0 {
		return name[:i], name[i+3:]
	}
	return name, ""
}

// mark is what shows that a file was touched.
type mark struct {
	size  int64
	mtime time.Time
}

// marks lists all message files with their size and time.
func marks(root string) (map[string]mark, error) {
	names, err := folders(root)
	if err != nil {
		return nil, err
	}
	all := map[string]mark{}
	for _, name := range names {
		for _, sub := range []string{"cur", "new"} {
			dir := filepath.Join(root, filepath.FromSlash(name), sub)
			entries, err := os.ReadDir(dir)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					return nil, err
				}
				all[filepath.Join(dir, e.Name())] = mark{info.Size(), info.ModTime()}
			}
		}
	}
	return all, nil
}

// withoutTUID removes the header line that mbsync adds to what it copies.
func withoutTUID(data []byte) []byte {
	const field = "X-TUID: "
	header, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	at := -1
	if bytes.HasPrefix(header, []byte(field)) {
		at = 0
	} else if i := bytes.Index(header, []byte("\r\n"+field)); i >= 0 {
		at = i + 2
	}
	if at < 0 {
		return data
	}
	end := at + bytes.IndexByte(data[at:], '\n') + 1
	return slices.Concat(data[:at], data[end:])
}
