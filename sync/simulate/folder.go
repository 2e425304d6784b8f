package simulate

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maildirTree reads and changes a Maildir as mail programs do. It is the
// oracle's own, so it knows nothing of package maildir.
type maildirTree struct {
	root     string
	plusPlus bool
	mark     *regexp.Regexp // finds the token in a content
	// named is called before a letter gets a meaning in a folder; nil: nobody asks.
	named func(folder string, letter byte)
}

func newTree(root string, plusPlus bool) *maildirTree {
	return &maildirTree{root: root, plusPlus: plusPlus, mark: regexp.MustCompile(`(?m)^X-Sim: (\d+)\r?$`)}
}

// file is one message file.
type file struct {
	folder, sub, name string
	token             int // 0: not a message of the simulator's
}

func (f file) base() string {
	base, _, _ := strings.Cut(f.name, ":2,")
	return base
}

func (f file) letters() string {
	_, letters, _ := strings.Cut(f.name, ":2,")
	return letters
}

// unfinished begins the names of folders that satchel was making when it died. It
// removes them when they are old; nobody takes them for mailboxes.
const unfinished = "satchel%tmp."

// dir is the directory of a folder.
func (d *maildirTree) dir(folder string) string {
	switch {
	case !d.plusPlus:
		return filepath.Join(d.root, filepath.FromSlash(folder))
	case folder == "INBOX":
		return d.root
	}
	return filepath.Join(d.root, "."+strings.ReplaceAll(folder, "/", "."))
}

func (d *maildirTree) path(f file) string { return filepath.Join(d.dir(f.folder), f.sub, f.name) }

// folders lists the folders that have both cur and new, sorted.
func (d *maildirTree) folders() (names []string) {
	if d.plusPlus {
		entries, _ := os.ReadDir(d.root)
		if d.complete("INBOX") {
			names = append(names, "INBOX")
		}
		for _, e := range entries {
			name := strings.ReplaceAll(strings.TrimPrefix(e.Name(), "."), ".", "/")
			if e.IsDir() && strings.HasPrefix(e.Name(), ".") && d.complete(name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	_ = filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || path == d.root {
			return nil
		}
		if slices.Contains([]string{"cur", "new", "tmp"}, e.Name()) || strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), unfinished) {
			return fs.SkipDir
		}
		rel, rerr := filepath.Rel(d.root, path)
		if rerr == nil && d.complete(filepath.ToSlash(rel)) {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	slices.Sort(names)
	return names
}

func (d *maildirTree) complete(folder string) bool {
	for _, sub := range []string{"cur", "new"} {
		if i, err := os.Lstat(filepath.Join(d.dir(folder), sub)); err != nil || !i.IsDir() {
			return false
		}
	}
	return true
}

// files lists the regular files of a folder by token, then name.
func (d *maildirTree) files(folder string) (list []file) {
	for _, sub := range []string{"cur", "new"} {
		entries, _ := os.ReadDir(filepath.Join(d.dir(folder), sub))
		for _, e := range entries {
			f := file{folder: folder, sub: sub, name: e.Name()}
			if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			f.token = d.tokenIn(d.path(f))
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b file) int {
		if a.token != b.token {
			return a.token - b.token
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

func (d *maildirTree) tokenIn(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return d.token(b)
}

func (d *maildirTree) token(content []byte) int {
	m := d.mark.FindSubmatch(content)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// all lists the files of all folders.
func (d *maildirTree) all() (list []file) {
	for _, folder := range d.folders() {
		list = append(list, d.files(folder)...)
	}
	return list
}

// keywords reads what the letters of a folder mean.
func (d *maildirTree) keywords(folder string) map[byte]string {
	table := map[byte]string{}
	b, _ := os.ReadFile(filepath.Join(d.dir(folder), "dovecot-keywords"))
	for line := range strings.Lines(string(b)) {
		number, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if n, err := strconv.Atoi(number); ok && err == nil && n >= 0 && n < 26 && table[byte('a'+n)] == "" {
			table[byte('a'+n)] = name
		}
	}
	return table
}

func systemFlags() map[byte]string {
	return map[byte]string{'D': `\Draft`, 'F': `\Flagged`, 'P': "$Forwarded", 'R': `\Answered`, 'S': `\Seen`, 'T': `\Deleted`}
}

// flags reads the flags of a file, sorted.
func (d *maildirTree) flags(f file) (names []string) {
	table := d.keywords(f.folder)
	for i := range len(f.letters()) {
		c := f.letters()[i]
		if name := systemFlags()[c]; name != "" {
			names = append(names, name)
		} else if name := table[c]; name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// letter finds the letter of a flag in a folder, and takes a new one where
// there is none, as Dovecot does.
func (d *maildirTree) letter(folder, flag string) byte {
	for c, name := range systemFlags() {
		if name == flag {
			return c
		}
	}
	table := d.keywords(folder)
	for c, name := range table {
		if name == flag {
			return c
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		if table[c] != "" {
			continue
		}
		if d.named != nil {
			d.named(folder, c)
		}
		path := filepath.Join(d.dir(folder), "dovecot-keywords")
		old, _ := os.ReadFile(path)
		_ = os.WriteFile(path+".new", append(old, []byte(strconv.Itoa(int(c-'a'))+" "+flag+"\n")...), 0o600)
		_ = os.Rename(path+".new", path)
		return c
	}
	return 0
}

// snapshot is what the Maildir holds.
func (d *maildirTree) snapshot() snapshot {
	s := snapshot{}
	for _, folder := range d.folders() {
		s[folder] = []seen{}
		for _, f := range d.files(folder) {
			s[folder] = append(s[folder], seen{f.token, d.flags(f)})
		}
	}
	return s
}
