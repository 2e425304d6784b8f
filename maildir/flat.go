package maildir

import (
	"path/filepath"
	"slices"
	"strings"
)

// flat surveys a root in which all folders are.
func (w *walk) flat(root Info) error {
	var in *Folder // whose directory is the root
	if w.s.naming.layout == MaildirPP {
		raw, cur, isNew, err := w.s.stamp(w.s.root, root)
		if err != nil {
			return err
		}
		if cur || isNew {
			in = &Folder{Name: inbox, Stamp: raw.settle(w.s.now()), Cur: cur, New: isNew}
			w.found = append(w.found, in)
		}
		if known, ok := w.known[inbox]; ok && in != nil && known.Dir != 0 && known.Dir == in.Stamp.Dir && known.Inode == in.Stamp.Inode {
			return w.knownFlat(in)
		}
	}
	names, err := w.s.fs.ReadDirNames(w.s.root)
	if err != nil {
		return err
	}
	w.s.findUnfinished(names)
	slices.Sort(names)
	hidden := false
	for _, dir := range names {
		if !w.isFlat(dir) {
			continue
		}
		p := filepath.Join(w.s.root, dir)
		folder, derr := w.flatName(dir)
		if derr != nil {
			hidden = w.unnamed(p, folder, derr) || hidden
			continue
		}
		_, h, err := w.entry(p, folder, in)
		if err != nil {
			return err
		}
		hidden = hidden || h
	}
	if hidden && in != nil {
		in.hides()
	}
	return nil
}

// knownFlat looks at the folders that were in a root that is as it was.
func (w *walk) knownFlat(in *Folder) error {
	for name := range w.known {
		if name == inbox {
			continue
		}
		if _, err := w.knownChild(name, in); err != nil {
			return err
		}
	}
	return nil
}

// isFlat reports whether an entry of a flat root may be a folder.
func (w *walk) isFlat(dir string) bool {
	if w.s.naming.layout == MaildirPP {
		return len(dir) >= 2 && dir[0] == '.' && !reservedPP(dir)
	}
	return dir[0] != '.' && !strings.HasPrefix(dir, buildPrefix) && dir != "cur" && dir != "new" && dir != "tmp"
}

func (w *walk) flatName(dir string) (string, error) {
	if w.s.naming.layout == Nested {
		return w.childName("", dir)
	}
	folder, err := w.s.naming.decode(dir)
	if err != nil {
		return "", err
	}
	return w.compose(folder, dir)
}
