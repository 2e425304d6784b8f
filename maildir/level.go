package maildir

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxName is the longest name of a directory entry, in bytes, on every
	// file system in common use.
	maxName = 255
	// emptyLevel stands for a level without a name, and more ends a directory
	// whose level goes on in the next one. Neither can be the result of
	// percent-encoding, where two hexadecimal digits follow the sign.
	emptyLevel = "%_"
	more       = "%+"
)

// Layout is the way in which mailboxes become directories.
type Layout uint8

const (
	// Nested layout: INBOX is root/INBOX, Archive/2026 is root/Archive/2026.
	Nested Layout = iota
	// MaildirPP layout: the root itself is INBOX, Archive/2026 is root/.Archive.2026.
	MaildirPP
)

func (l Layout) String() string {
	if l == MaildirPP {
		return "maildir++"
	}
	return "nested"
}

// EncodeLevel returns the directory name for one level of a mailbox name:
// the level itself, with percent-encoding for what a file system or the
// layout cannot hold. In Nested a level whose name would be longer than 255
// bytes becomes several directories, separated by '/', all but the last
// ending in "%+". The result never leads out of its parent directory.
func EncodeLevel(level string, layout Layout) string {
	if level == "" {
		return emptyLevel
	}
	if layout == MaildirPP {
		return escape(level, '.')
	}
	enc, dirs := protect(escape(level, 0)), ""
	for len(enc) > maxName {
		n := cut(enc)
		dirs += enc[:n] + more + "/"
		enc = protect(enc[n:])
	}
	return dirs + enc
}

// escape percent-encodes what the name of no directory can hold, and the
// separator.
func escape(level string, separator byte) string {
	if plain(level, separator) {
		return level
	}
	var b strings.Builder
	for i := 0; i < len(level); {
		r, n := utf8.DecodeRuneInString(level[i:])
		bad := r == utf8.RuneError && n == 1
		if bad || unicode.IsControl(r) || r == '%' || r == '/' || separator != 0 && r == rune(separator) {
			for _, c := range []byte(level[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(level[i : i+n])
		}
		i += n
	}
	return b.String()
}

// plain reports whether a level is printable ASCII with nothing to be encoded, as
// nearly all are.
func plain(level string, separator byte) bool {
	for i := range len(level) {
		if c := level[i]; c < ' ' || c > '~' || c == '%' || c == '/' || separator != 0 && c == separator {
			return false
		}
	}
	return true
}

// protect encodes the first byte of a name that means something else in the
// Nested layout. Case does not matter: some disks do not see it.
func protect(name string) string {
	switch strings.ToLower(name) {
	case "cur", "new", "tmp", keywordsFile:
	default:
		if !strings.HasPrefix(name, ".") {
			return name
		}
	}
	return fmt.Sprintf("%%%02X", name[0]) + name[1:]
}

// cut returns where to end the first directory of a long level: as late as
// possible, and neither within a character nor within an escape.
func cut(enc string) int {
	n := maxName - len(more)
	for !utf8.RuneStart(enc[n]) {
		n--
	}
	switch {
	case enc[n-1] == '%':
		return n - 1
	case enc[n-2] == '%':
		return n - 2
	}
	return n
}

// errForeign: a directory name that EncodeLevel would never have produced.
// Decoding it all the same could give two directories one mailbox name.
var errForeign = errors.New("the name is not one that satchel would give to a mailbox")

// DecodeLevel is the inverse of [EncodeLevel]. It returns an error for a name
// that is not the encoding of any level.
func DecodeLevel(name string, layout Layout) (string, error) {
	level, err := decodeLevel(name)
	if err != nil {
		return "", fmt.Errorf("decode %q: %w", name, err)
	}
	if enc := EncodeLevel(level, layout); enc != name {
		return "", fmt.Errorf("decode %q: %w (it would be %q)", name, errForeign, enc)
	}
	return level, nil
}

// decodeLevel undoes the encoding without asking whether it was needed.
func decodeLevel(name string) (string, error) {
	if name == emptyLevel {
		return "", nil
	}
	name = strings.ReplaceAll(name, more+"/", "")
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", errForeign
		}
		hi, lo := unhex(name[i+1]), unhex(name[i+2])
		if hi < 0 || lo < 0 {
			return "", errForeign
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), nil
}

// unhex knows upper case only: each byte has one encoding.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
