package maildir

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Maildir that another program made may follow another layout than the one
// that is configured. Its folders are then no mailboxes, or others than those
// of the server, and all mail would come down once more beside them.

// Deepest is how many levels are looked for folders, Widest how many directories.
const (
	Deepest = 16
	Widest  = 50_000
)

// WithMail returns the directories of the root that hold messages as a folder
// does, whatever their names, relative to the root and sorted; "" is the root.
// It follows no links. cut: there are more directories than it looks at. Those
// that cannot be read are left out: the survey names them, and nothing comes into
// a mailbox of which nothing is known.
func (s *Store) WithMail(ctx context.Context) (dirs []string, cut bool, err error) {
	seen := 0
	var look func(dir string, depth int) error
	look = func(dir string, depth int) error {
		if seen++; depth > Deepest || seen > Widest {
			cut = true
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := s.fs.ReadDirNames(filepath.Join(s.root, dir))
		if err != nil {
			return nil //nolint:nilerr // the survey says what cannot be read
		}
		if slices.Contains(names, "cur") && slices.Contains(names, "new") && (s.holdsFiles(dir, "cur") || s.holdsFiles(dir, "new")) {
			dirs = append(dirs, dir)
		}
		for _, n := range names {
			switch {
			case n == "cur" || n == "new" || n == "tmp" || n == undoName || n == notmuchName || n == ".git" || strings.HasPrefix(n, buildPrefix):
				continue
			}
			sub := path.Join(dir, n)
			if i, err := s.fs.Lstat(filepath.Join(s.root, sub)); err != nil || !i.Mode.IsDir() {
				continue
			}
			if err := look(sub, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	err = look("", 0)
	slices.Sort(dirs)
	return dirs, cut, err
}

// holdsFiles reports whether a directory of a folder has something that may be
// a message.
func (s *Store) holdsFiles(dir, sub string) bool {
	names, err := s.fs.ReadDirNames(filepath.Join(s.root, dir, sub))
	return err == nil && slices.ContainsFunc(names, func(n string) bool { return n[0] != '.' })
}

// Read returns the mailbox of a directory however its name is written: with
// decomposed letters, or INBOX in lower case.
func (n Naming) Read(dir string) (string, error) {
	first, rest, deep := strings.Cut(dir, "/")
	if n.layout == Nested && strings.EqualFold(first, inbox) {
		if dir = inbox; deep {
			dir += "/" + rest
		}
	}
	dir, err := n.composed(dir)
	if err != nil {
		return "", err
	}
	return n.Mailbox(dir)
}

// Misfit says that directories with messages are not read as the mailboxes
// that they seem to be.
type Misfit struct {
	Dirs []string // relative to the root
	// Better are the choices that fit, nil where there are none.
	Better *Naming
	Names  []string // with Better, the mailboxes that Dirs are
}

// Recognise looks whether another naming fits directories better than the one
// that is configured: it makes mailboxes of the server of more of them, or
// mailboxes at all. Directories of which ignored says so do not count.
func (n Naming) Recognise(dirs []string, onServer func(mailbox string) bool, ignored func(dir, mailbox string) bool) *Misfit {
	dirs = slices.DeleteFunc(slices.Clone(dirs), func(d string) bool {
		mailbox, err := n.Read(d)
		return ignored(d, mailbox) || err == nil && ignored(mailbox, mailbox)
	})
	type fit struct {
		naming       Naming
		there, named int
	}
	measure := func(by Naming) fit {
		f := fit{naming: by}
		for _, d := range dirs {
			if mailbox, err := by.Read(d); err == nil {
				f.named++
				if onServer(mailbox) {
					f.there++
				}
			}
		}
		return f
	}
	best, other := measure(n), false
	for _, by := range n.others() {
		f := measure(by)
		if cmp.Or(cmp.Compare(f.there, best.there), cmp.Compare(f.named, best.named)) > 0 {
			best, other = f, true
		}
	}
	m := &Misfit{}
	for _, d := range dirs {
		as, err := n.Read(d)
		if !other {
			if err != nil {
				m.Dirs = append(m.Dirs, d)
			}
			continue
		}
		better, berr := best.naming.Read(d)
		if berr == nil && (err != nil || better != as) {
			m.Dirs, m.Names = append(m.Dirs, d), append(m.Names, better)
		}
	}
	if len(m.Dirs) == 0 {
		return nil
	}
	if other {
		m.Better = &best.naming
	}
	return m
}

// others are the namings that other programs are known to use, the usual first.
func (n Naming) others() (list []Naming) {
	for _, utf7 := range []bool{n.utf7, !n.utf7} {
		for _, by := range []Naming{{layout: n.layout, separator: n.separator}, {layout: Nested}, {layout: MaildirPP, separator: '.'}, {layout: Nested, separator: '.'}} {
			by.utf7, by.folders = utf7, n.folders
			list = append(list, by)
		}
	}
	return list
}

// Settings are the choices as they are written in a configuration.
func (n Naming) Settings() string {
	text := `layout = "` + n.layout.String() + `"`
	if n.layout == Nested && n.separator != 0 {
		text += `, separator = "` + string(rune(n.separator)) + `"`
	}
	names := "utf-8"
	if n.utf7 {
		names = "utf-7"
	}
	return text + `, folder_names = "` + names + `"`
}
