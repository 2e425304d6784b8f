package maildir

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"satchel/sync/mail"
)

// infoMark begins the flags in a file name. Other text after a colon, the
// experimental ":1," included, is part of the base and carries no flags.
const infoMark = ":2,"

// File is one message file, exactly as it was seen.
type File struct {
	Folder string // mailbox name
	New    bool   // in new/, otherwise in cur/
	// Unnamed: how the file is called is not known, and Name is its base alone. A
	// [Store] refuses such a file, for another one may have that name.
	Unnamed bool
	Name    string
}

// Base returns the part of the name that stays the same when flags change.
func (f File) Base() string {
	if f.Unnamed {
		return f.Name
	}
	return f.Name[:baseLen(f.Name)]
}

// String returns the path below the root as people write it.
func (f File) String() string { return f.Folder + "/" + f.sub() + "/" + f.Name }

func (f File) sub() string {
	if f.New {
		return "new"
	}
	return "cur"
}

// baseLen returns the length of the base: up to the last info mark. A mark at
// the very beginning is none, since nothing would be left to tell files apart.
func baseLen(name string) int {
	if i := strings.LastIndex(name, infoMark); i > 0 {
		return i
	}
	return len(name)
}

// info is what follows the info mark.
type info struct {
	has     bool   // whether there is a mark at all
	letters string // ASCII letters, as they stand
	tail    string // whatever follows the letters; kept and not understood
}

func parseInfo(name string) (base string, in info) {
	n := baseLen(name)
	if n == len(name) {
		return name, info{}
	}
	rest := name[n+len(infoMark):]
	i := 0
	for i < len(rest) && isLetter(rest[i]) {
		i++
	}
	return name[:n], info{has: true, letters: rest[:i], tail: rest[i:]}
}

func isLetter(c byte) bool { return isLower(c) || 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }

// sortLetters returns the letters in ASCII order, each once.
func sortLetters(letters []byte) string {
	var set [128]bool
	for _, c := range letters {
		set[c&0x7f] = true
	}
	out := make([]byte, 0, len(letters))
	for c, ok := range set {
		if ok {
			out = append(out, byte(c))
		}
	}
	return string(out)
}

// errBadName: a message name that could lead elsewhere than into its folder.
var errBadName = errors.New("is not the name of a message file")

// path returns where f is, after making sure that it is a plain name.
func (s *Store) path(f File) (string, error) {
	dir, err := s.Dir(f.Folder)
	if err != nil {
		return "", err
	}
	if f.Unnamed || f.Name == "" || f.Name[0] == '.' || strings.ContainsAny(f.Name, "/\x00") {
		return "", &mail.Error{Op: fmt.Sprintf("find %q in", f.Name), Mailbox: f.Folder, Kind: mail.KindMessage, Err: errBadName}
	}
	return filepath.Join(dir, f.sub(), f.Name), nil
}
