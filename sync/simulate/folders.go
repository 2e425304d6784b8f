package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func (w *World) mkfolder(folder string) bool {
	for _, sub := range []string{"cur", "new", "tmp"} {
		if os.MkdirAll(filepath.Join(w.tree.dir(folder), sub), 0o700) != nil {
			return false
		}
	}
	w.tree.stampFolder(folder)
	stamp(w.tree.dir(folder), w.tree.root)
	return true
}

func diskCreate(w *World, e Event) bool {
	if len(w.tree.folders()) == 0 {
		return false // before the first sync the root belongs to nobody
	}
	name := w.freshName(e.A)
	w.note("disk: folder %s", name)
	return w.mkfolder(name)
}

// diskMoveFolder renames a folder with those below it.
func diskMoveFolder(w *World, e Event) bool {
	from, ok := pick(others(w.tree.folders()), e.A)
	if !ok {
		return false
	}
	to := w.freshName(e.B)
	var moved []file
	for _, f := range w.tree.all() {
		if ours := f.token > 0 && f.token < 9000; ours && (f.folder == from || strings.HasPrefix(f.folder, from+"/")) {
			moved = append(moved, f)
		}
	}
	for _, name := range w.tree.folders() {
		if name == from || w.h.Setting.PlusPlus && strings.HasPrefix(name, from+"/") {
			dst := w.tree.dir(to + name[len(from):])
			_ = os.MkdirAll(filepath.Dir(dst), 0o700)
			if os.Rename(w.tree.dir(name), dst) != nil {
				return false
			}
			stamp(filepath.Dir(dst), filepath.Dir(w.tree.dir(name)))
		}
	}
	for path, content := range w.half {
		if rest, below := strings.CutPrefix(path, w.tree.dir(from)+"/"); below {
			delete(w.half, path)
			w.half[filepath.Join(w.tree.dir(to), rest)] = content
		}
	}
	for _, f := range moved {
		w.model.moved(Disk, f.token, f.folder, to+f.folder[len(from):])
	}
	w.model.disturbed(Disk, from, to)
	w.model.renames[Disk] = append(w.model.renames[Disk], renamed{from, to})
	w.model.voids(from) // the proof is what is in it, and that may have gone
	w.note("disk: folder %s renamed to %s", from, to)
	return true
}

func diskDropFolder(w *World, e Event) bool {
	folder, ok := pick(others(w.tree.folders()), e.A)
	if !ok {
		return false
	}
	w.model.dropped(Disk, folder)
	for _, f := range w.tree.files(folder) {
		if content := w.half[w.tree.path(f)]; content != nil {
			w.halved(content)
			delete(w.half, w.tree.path(f))
		}
		if f.token > 0 && f.token < 9000 {
			w.model.removed(Disk, f.token, f.folder)
		}
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		_ = os.RemoveAll(filepath.Join(w.tree.dir(folder), sub))
	}
	_ = os.Remove(filepath.Join(w.tree.dir(folder), "dovecot-keywords"))
	if os.Remove(w.tree.dir(folder)) == nil {
		stamp(filepath.Dir(w.tree.dir(folder)))
	}
	w.note("disk: folder %s removed", folder)
	return true
}

func diskNoKeywords(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.A)
	if !ok {
		return false
	}
	for _, f := range w.whole(w.tree.files(folder)) {
		// A letter that is gone may have meant nothing to who took it off: a program that
		// does not find the table drops them all.
		t, flags := w.model.tokens[f.token], w.tree.flags(f)
		changed := slices.ContainsFunc(flags, func(k string) bool { return keyword(k) && !t.flags[k] })
		for k := range t.flags {
			changed = changed || keyword(k) && !slices.Contains(flags, k)
		}
		if changed {
			w.model.unreadable(Disk, f.token)
		}
	}
	if os.Remove(filepath.Join(w.tree.dir(folder), "dovecot-keywords")) != nil {
		return false
	}
	stamp(w.tree.dir(folder))
	w.torn[folder], w.strange = true, true
	w.note("disk: %s loses dovecot-keywords", folder)
	return true
}

// diskMoreLetters has another program take letters for keywords of its own.
func diskMoreLetters(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.A)
	if !ok {
		return false
	}
	w.tree.letter(folder, []string{"later", "work", "todo"}[e.B%3])
	stamp(w.tree.dir(folder))
	w.note("disk: %s has more keywords", folder)
	return true
}

// diskOdd leaves something in the Maildir that is no message.
func diskOdd(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.B)
	if !ok {
		return false
	}
	dir, n := w.tree.dir(folder), e.A
	w.model.last++
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	var err error
	switch n % 7 {
	case 0:
		err = os.MkdirAll(at("cur", fmt.Sprintf("odd%d:2,", w.model.last)), 0o700)
	case 1:
		err = os.Symlink(filepath.Join(w.outside(), "secret"), at("cur", fmt.Sprintf("1.link%d.x:2,S", w.model.last)))
	case 2:
		err = os.Symlink("/nowhere", at("new", fmt.Sprintf("1.dangling%d.x", w.model.last)))
	case 3:
		err = mkfifo(at("cur", fmt.Sprintf("1.fifo%d.x:2,S", w.model.last)))
	case 4:
		err = os.WriteFile(at(".DS_Store"), []byte("x"), 0o600)
	case 5:
		err = os.Mkdir(filepath.Join(w.tree.root, fmt.Sprintf("lost+found%d", w.model.last)), 0o700)
	case 6:
		err = os.WriteFile(at("cur", ".hidden"), []byte("x"), 0o600)
	}
	w.tree.stampFolder(folder)
	w.note("disk: something odd (%d) in %s", n%7, folder)
	return err == nil
}

// odd reports whether a file name is one that diskOdd gave.
func odd(name string) bool {
	for _, part := range []string{"1.link", "1.dangling", "1.fifo", "odd"} {
		if strings.HasPrefix(name, part) {
			return true
		}
	}
	return false
}

// diskEqualTimes makes changes that no time stamp tells.
func diskEqualTimes(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	if !ok {
		return false
	}
	dir := filepath.Join(w.tree.dir(f.folder), "cur")
	before, err := os.Stat(dir)
	if err != nil || !w.setFile(f, flagOf(e.B), true) {
		return false
	}
	// Only a change that is as fresh as the stamp can hide behind it.
	if time.Since(before.ModTime()) < 10*time.Millisecond {
		_ = os.Chtimes(dir, before.ModTime(), before.ModTime())
	}
	return true
}
