package maildir

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gomaildir "github.com/emersion/go-maildir"

	"satchel/sync/mail"
)

// systemLetters are the flags that every Maildir program knows, in ASCII
// order.
const systemLetters = string(gomaildir.FlagDraft) + string(gomaildir.FlagFlagged) + string(gomaildir.FlagPassed) +
	string(gomaildir.FlagReplied) + string(gomaildir.FlagSeen) + string(gomaildir.FlagTrashed)

// maxKeywords is how many letters there are.
const maxKeywords = 26

// Keywords says which keyword each letter a-z stands for in one folder. The
// zero value knows none. It does not change once made, so copies are cheap.
type Keywords struct{ t *keywordTable }

type keywordTable struct {
	names [maxKeywords]string     // "" is a free letter
	flags [maxKeywords]mail.Flags // empty where the name is no possible keyword
	// cut is one more than the letter of the last line when that has no line
	// end, so that it may have lost its own; 0 when it has one.
	cut int
}

// parseKeywords reads a dovecot-keywords file: lines of a number and a name.
// Other programs write it too, so what cannot be understood is passed over;
// of two lines with one number the first counts, as in Dovecot.
func parseKeywords(data []byte) Keywords {
	var t keywordTable
	found := false
	for line := range bytes.Lines(data) {
		n, name, ok := parseKeywordLine(string(line))
		if !ok || t.names[n] != "" {
			continue
		}
		t.names[n], t.flags[n], found = name, mail.NewFlags(name), true
		if !bytes.HasSuffix(line, []byte("\n")) {
			t.cut = n + 1
		}
	}
	if !found {
		return Keywords{}
	}
	return Keywords{&t}
}

func parseKeywordLine(line string) (n int, name string, ok bool) {
	num, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	if !ok || name == "" {
		return 0, "", false
	}
	n, err := strconv.Atoi(num)
	if err != nil || n < 0 || n >= maxKeywords {
		return 0, "", false
	}
	return n, name, true
}

// Names returns the keywords in the order of their letters, without gaps.
func (k Keywords) Names() []string {
	var names []string
	if k.t != nil {
		for _, n := range k.t.names {
			if n != "" {
				names = append(names, n)
			}
		}
	}
	return names
}

// Letter returns the letter of a keyword; ok is false when it has none.
func (k Keywords) Letter(name string) (letter byte, ok bool) {
	if k.t == nil || name == "" {
		return 0, false
	}
	for i, n := range k.t.names {
		if strings.EqualFold(n, name) {
			return 'a' + byte(i), true
		}
	}
	return 0, false
}

// known returns the flags that a lower-case letter stands for.
func (k Keywords) known(c byte) (mail.Flags, bool) {
	if k.t == nil || !isLower(c) || k.t.flags[c-'a'].IsEmpty() {
		return mail.Flags{}, false
	}
	return k.t.flags[c-'a'], true
}

// Flags returns the flags in f's name. Letters that mean nothing here are
// left out; Name keeps them.
func (k Keywords) Flags(f File) mail.Flags {
	_, in := parseInfo(f.Name)
	var flags mail.Flags
	for i := 0; i < len(in.letters); i++ {
		c := in.letters[i]
		if bit, ok := mail.FromLetter(c); ok {
			flags.System |= bit
		} else if kw, ok := k.known(c); ok {
			flags = flags.Union(kw)
		}
	}
	return flags
}

// Name returns f as it would be called with these flags, and the keywords
// that have no letter in this folder and so cannot be part of the name. A
// message with flags belongs in cur/; one without stays in new/ if it is
// there. Letters that mean nothing here and text behind the letters are kept.
// When base is not empty it takes the place of f's own.
func (k Keywords) Name(f File, flags mail.Flags, base string) (File, mail.Flags) {
	own, in := parseInfo(f.Name)
	if base != "" {
		own = base
	}
	letters := []byte(flags.System.Letters())
	for i := 0; i < len(in.letters); i++ {
		c := in.letters[i]
		if strings.IndexByte(systemLetters, c) >= 0 {
			continue
		}
		if _, ok := k.known(c); !ok {
			letters = append(letters, c)
		}
	}
	var unheld []string
	for _, name := range flags.Keywords() {
		if c, ok := k.Letter(name); ok {
			letters = append(letters, c)
		} else {
			unheld = append(unheld, name)
		}
	}
	f.Name = own
	rest := sortLetters(letters) + in.tail
	// A keyword without a letter is a flag as well: mail that carries one
	// somewhere was seen by somebody, so it is not new.
	f.New = f.New && flags.IsEmpty()
	if !f.New || rest != "" || in.has {
		f.Name += infoMark + rest
	}
	return f, mail.NewFlags(unheld...)
}

// appendKeywords returns the content of a keyword file with lines added for
// names that have no letter yet, and never with a letter in taken. Every
// line that is there stays as it is.
func appendKeywords(data []byte, names []string, taken [maxKeywords]bool) []byte {
	k := parseKeywords(data)
	if k.t != nil {
		for i, n := range k.t.names {
			taken[i] = taken[i] || n != ""
		}
	}
	out := bytes.Clone(data)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	added := false
	for _, name := range names {
		if _, ok := k.Letter(name); ok || len(mail.NewFlags(name).Keywords()) != 1 {
			continue // has one, or is no keyword at all
		}
		next := slices.Index(taken[:], false)
		if next < 0 {
			break
		}
		taken[next], added = true, true
		out = fmt.Appendf(out, "%d %s\n", next, name)
		k = parseKeywords(out) // a name that is given twice gets one letter
	}
	if !added {
		return data
	}
	return out
}
