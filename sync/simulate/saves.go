package simulate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// saves are copies that the user keeps of the state and the Maildir.
type saves struct {
	state, mail string // folders; empty: none yet
}

func (w *World) stateFiles(dir string) []string {
	list, _ := filepath.Glob(filepath.Join(dir, "sim.db*"))
	return list
}

func keepCopy(w *World, _ Event) bool {
	// A half that comes back from a copy has nobody who writes the rest.
	if len(w.half) > 0 || len(w.stateFiles(w.acct.StateDir)) == 0 {
		return false
	}
	w.model.last++
	at := filepath.Join(w.dir, "saved")
	_ = os.RemoveAll(at)
	w.saved = saves{state: filepath.Join(at, "state"), mail: filepath.Join(at, "Mail")}
	if os.MkdirAll(w.saved.state, 0o700) != nil {
		return false
	}
	for _, f := range w.stateFiles(w.acct.StateDir) {
		if copyFile(f, filepath.Join(w.saved.state, filepath.Base(f))) != nil {
			return false
		}
	}
	w.note("a copy of state and Maildir is kept")
	return os.CopyFS(w.saved.mail, os.DirFS(w.tree.root)) == nil && w.keepTimes(w.tree.root, w.saved.mail) == nil
}

// keepTimes gives the files of a copy the times of their originals, as cp -a does.
func (w *World) keepTimes(from, to string) error {
	return filepath.WalkDir(from, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := os.Lstat(path)
		if err != nil || i.Mode()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(filepath.Join(to, strings.TrimPrefix(path, from)), i.ModTime(), i.ModTime())
	})
}

func (w *World) forgetState() {
	for _, f := range w.stateFiles(w.acct.StateDir) {
		_ = os.Remove(f)
	}
	w.lost = true
	w.model.excuseAll("the state was lost")
	for _, t := range w.model.tokens {
		t.halved = t.halved || t.half > 0 // that the server has a half of it is forgotten as well
	}
}

func stateLost(w *World, _ Event) bool {
	if len(w.stateFiles(w.acct.StateDir)) == 0 {
		return false
	}
	w.forgetState()
	w.note("the state is lost")
	return true
}

func stateOld(w *World, _ Event) bool {
	if w.saved.state == "" {
		return false
	}
	w.forgetState()
	for _, f := range w.stateFiles(w.saved.state) {
		if copyFile(f, filepath.Join(w.acct.StateDir, filepath.Base(f))) != nil {
			return false
		}
	}
	w.note("an older state is put back")
	return true
}

func maildirOld(w *World, _ Event) bool {
	if w.saved.mail == "" {
		return false
	}
	before := slices.DeleteFunc(w.tree.all(), func(f file) bool { return f.token == 0 || f.token > 9000 })
	_ = os.RemoveAll(w.tree.root)
	if os.CopyFS(w.tree.root, os.DirFS(w.saved.mail)) != nil || w.keepTimes(w.saved.mail, w.tree.root) != nil {
		return false
	}
	w.goneWith(before)
	for _, content := range w.half {
		w.halved(content)
	}
	clear(w.half)
	w.lost = true
	w.model.excuseAll("an older Maildir was put back")
	w.note("an older Maildir is put back")
	return true
}

// goneWith notes what an older Maildir does not have, of what no run has seen.
func (w *World) goneWith(before []file) {
	left := map[int]int{}
	for _, f := range w.tree.all() {
		left[f.token]++
	}
	for _, f := range before {
		if left[f.token]--; left[f.token] < 0 {
			w.model.removed(Disk, f.token, f.folder)
		}
	}
}
