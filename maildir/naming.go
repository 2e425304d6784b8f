package maildir

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"satchel/sync/mail"
)

// Naming says which directory of a Maildir a mailbox has, and which mailbox a
// directory. Both ways are pure, and each is the inverse of the other: what
// the way back does not lead to has no mailbox, or no directory.
//
// There are two steps. A mailbox has the folder of its own name, unless the
// user gave it, and what is below it, another one. A folder has the directory
// that the layout gives it. See [Options] for the choices; the zero value
// has none of them made.
type Naming struct {
	layout    Layout
	utf7      bool
	separator byte        // between levels in one directory; 0: a directory for each level
	folders   [][2]string // mailbox and folder, the longest names first
}

// NewNaming checks the choices. folders are the folders of some mailboxes by
// their names; separator is "" or "/" where each level has its own directory.
func NewNaming(layout Layout, utf7 bool, separator string, folders map[string]string) (Naming, error) {
	n := Naming{layout: layout, utf7: utf7}
	switch {
	case layout == MaildirPP:
		n.separator = '.'
		if separator != "" && separator != "/" && separator != "." {
			return n, errors.New(`separator is for layout = "nested"; the levels of maildir++ are separated by dots`)
		}
	case separator != "" && separator != "/":
		if len(separator) != 1 || !strings.Contains(".-~#!=@^:;", separator) || utf7 && separator == "-" {
			return n, fmt.Errorf(`separator must be "/" or one of . - ~ # ! = @ ^ : ; (and not - with folder_names = "utf-7"), not %q`, separator)
		}
		n.separator = separator[0]
	}
	if len(folders) == 0 {
		return n, nil
	}
	taken := map[string]string{}
	for _, mailbox := range slices.Sorted(maps.Keys(folders)) {
		pair := [2]string{Canonical(mailbox), Canonical(folders[mailbox])}
		if err := plainName(pair[0]); err != nil {
			return n, fmt.Errorf("folders: mailbox %q: %w", mailbox, err)
		}
		if err := plainName(pair[1]); err != nil {
			return n, fmt.Errorf("folders: folder %q: %w", folders[mailbox], err)
		}
		// A disk may not tell upper from lower case.
		if other, ok := taken[strings.ToLower(pair[1])]; ok {
			return n, fmt.Errorf("folders: %q and %q have the same folder %q", other, mailbox, folders[mailbox])
		}
		if slices.ContainsFunc(n.folders, func(p [2]string) bool { return p[0] == pair[0] }) {
			return n, fmt.Errorf("folders: %q is there twice", mailbox)
		}
		taken[strings.ToLower(pair[1])] = mailbox
		n.folders = append(n.folders, pair)
	}
	slices.SortStableFunc(n.folders, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	return n, nil
}

// plainName returns why a name cannot be one of [Options.Folders].
func plainName(name string) error {
	switch {
	case name == inbox:
		return errors.New("INBOX keeps its name")
	case slices.Contains(strings.Split(name, "/"), ""):
		return errors.New("a level of the name is empty")
	}
	return nil
}

// Canonical returns the mailbox name as satchel writes it: a first level INBOX
// in upper case (RFC 3501 §5.1), and letters composed (Unicode NFC).
func Canonical(name string) string {
	name = norm.NFC.String(name)
	first, _, _ := strings.Cut(name, "/")
	if len(first) == len(inbox) && strings.EqualFold(first, inbox) {
		return inbox + name[len(inbox):]
	}
	return name
}

// String names the choices, so that a state can tell whether they changed.
func (n Naming) String() string {
	s := n.layout.String()
	if n.utf7 {
		s += " utf-7"
	}
	if n.separator != 0 && n.layout == Nested {
		s += " separator " + string(rune(n.separator))
	}
	sorted := slices.Clone(n.folders)
	slices.SortFunc(sorted, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, p := range sorted {
		s += fmt.Sprintf(" %q=%q", p[0], p[1])
	}
	return s
}

// flat reports whether all folders are in one directory, the root.
func (n Naming) flat() bool { return n.separator != 0 }

// Dir returns the directory of a mailbox relative to the root, with '/'
// between directories; "" is the root itself.
func (n Naming) Dir(mailbox string) (string, error) {
	folder, err := n.folderOf(mailbox)
	if err != nil {
		return "", err
	}
	return n.encode(folder)
}

// Mailbox returns the mailbox that a directory is of.
func (n Naming) Mailbox(dir string) (string, error) {
	folder, err := n.decode(dir)
	if err != nil {
		return "", err
	}
	return n.mailboxOf(folder)
}

// folderOf returns the folder of a mailbox.
func (n Naming) folderOf(mailbox string) (string, error) {
	for _, p := range n.folders {
		if folder, ok := mail.Renamed(mailbox, p[0], p[1]); ok {
			return folder, n.notBelow(folder, p[1], mailbox)
		}
	}
	return mailbox, n.notBelow(mailbox, "", mailbox)
}

// notBelow refuses a folder that a choice of the user gives to another mailbox
// than the one that it was found by.
func (n Naming) notBelow(folder, by, mailbox string) error {
	for _, p := range n.folders {
		if p[1] != by && len(p[1]) > len(by) && mail.Within(folder, p[1]) {
			return fmt.Errorf("the folder %s is that of the mailbox %s; give %s another one under folders, or exclude it", folder, p[0], mailbox)
		}
	}
	return nil
}

// mailboxOf returns the mailbox of a folder.
func (n Naming) mailboxOf(folder string) (string, error) {
	mailbox, by := folder, ""
	for _, p := range n.folders {
		if len(p[1]) > len(by) && mail.Within(folder, p[1]) {
			mailbox, _ = mail.Renamed(folder, p[1], p[0])
			by = p[1]
		}
	}
	if back, err := n.folderOf(mailbox); err != nil || back != folder {
		return "", fmt.Errorf("the mailbox %s has another folder, %s", mailbox, back)
	}
	return mailbox, nil
}

// encode returns the directory of a folder.
func (n Naming) encode(folder string) (string, error) {
	if folder == "" {
		return "", errors.New("a mailbox without a name has no folder")
	}
	if n.layout == MaildirPP && folder == inbox {
		return "", nil
	}
	if len(folder) > maxRel {
		return "", tooDeep(len(folder))
	}
	levels := strings.Split(folder, "/")
	for i, l := range levels {
		levels[i] = n.level(l)
		if !n.flat() && n.utf7 && len(levels[i]) > maxName {
			return "", tooLong(levels[i], `set folder_names = "utf-8"`)
		}
	}
	if !n.flat() {
		rel := strings.Join(levels, "/")
		if len(rel) > maxRel {
			return "", tooDeep(len(rel))
		}
		return rel, nil
	}
	dir := strings.Join(levels, string(rune(n.separator)))
	if n.layout == Nested {
		dir = protect(dir)
	} else if dir = "." + dir; reservedPP(dir) {
		dir = fmt.Sprintf(".%%%02X%s", dir[1], dir[2:])
	}
	if len(dir) > maxName {
		return "", tooLong(dir, `use layout = "nested" without separator`)
	}
	return dir, nil
}

// maxRel bounds the path of a folder below the root, in bytes: most systems take
// 4096 for all of a path (PATH_MAX), and 1024 are left for the root and a file.
const maxRel = 3 << 10

func tooDeep(n int) error {
	return fmt.Errorf("its path would be %d bytes long, and %d is the limit; rename or exclude the mailbox", n, maxRel)
}

func tooLong(dir, instead string) error {
	return fmt.Errorf("the directory name would be %d bytes long, and %d is the limit; %s, or exclude the mailbox", len(dir), maxName, instead)
}

// level returns what stands for one level of a folder's name.
func (n Naming) level(l string) string {
	switch {
	case l == "":
		return emptyLevel
	case n.utf7:
		// What stands for an unreadable character in UTF-16 is refused on the way back.
		enc := mail.EncodeUTF7(strings.ReplaceAll(escape(l, n.separator), "\uFFFD", "%EF%BF%BD"))
		if !n.flat() {
			enc = protect(enc)
		}
		return enc
	case n.flat():
		return escape(l, n.separator)
	}
	return EncodeLevel(l, Nested)
}

// decode returns the folder of a directory. Two directories never have one
// folder.
func (n Naming) decode(dir string) (string, error) {
	if dir == "" && n.layout == MaildirPP {
		return inbox, nil
	}
	var levels []string
	switch {
	case n.layout == MaildirPP:
		if dir[0] != '.' {
			return "", errForeign
		}
		levels = strings.Split(dir[1:], ".")
	case n.flat():
		levels = strings.Split(dir, string(rune(n.separator)))
	default:
		levels = strings.Split(strings.ReplaceAll(dir, more+"/", more), "/")
	}
	for i, l := range levels {
		level, err := n.decodeLevel(l)
		if err != nil {
			return "", err
		}
		levels[i] = level
	}
	// A level may hold an encoded '/', which is another folder than the one
	// with two levels; both have the same name here, so only the directory
	// that the name leads to counts.
	folder := strings.Join(levels, "/")
	if back, err := n.encode(folder); err != nil || back != dir {
		return "", errForeign
	}
	return folder, nil
}

func (n Naming) decodeLevel(l string) (string, error) {
	l = strings.ReplaceAll(l, more, "")
	if n.utf7 {
		text, ok := mail.DecodeUTF7(l)
		if !ok {
			return "", errForeign
		}
		l = text
	}
	return decodeLevel(l)
}

// composed returns the directory, one level or many, as Dir would give it where
// it is written with other letters for the same name: decomposed ones, or in
// the first level INBOX in lower case.
func (n Naming) composed(dir string) (string, error) {
	folder, err := n.decode(dir)
	if err != nil {
		return "", err
	}
	return n.encode(Canonical(folder))
}

// varies reports whether a directory may be on disk with decomposed letters.
func (n Naming) varies(dir string) bool {
	if n.utf7 {
		folder, err := n.decode(dir)
		return err == nil && !norm.NFD.IsNormalString(folder)
	}
	return !norm.NFD.IsNormalString(dir)
}

// isolated reports whether the folders of a mailbox and of those below it are
// those of its own name, so that a rename of one directory takes all along,
// and no other.
func (n Naming) isolated(mailbox, folder string) bool {
	return !slices.ContainsFunc(n.folders, func(p [2]string) bool {
		return p[0] != mailbox && mail.Within(p[0], mailbox) || p[1] != folder && mail.Within(p[1], folder)
	})
}

// parentOf returns the folder one level above, "" for none.
func parentOf(folder string) string {
	if p := path.Dir(folder); p != "." {
		return p
	}
	return ""
}
