package maildir

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// Table says what the keyword letters of a folder mean: by its file of
// keywords, and by what the base remembers of that file. Other programs, and
// people, delete, replace and restore the file; a letter does not lose its
// meaning by that.
type Table struct {
	// Now is what the file says.
	Now Keywords
	// Before is what the letters meant when the folder was last read.
	Before Keywords
	// Use is what the file is to say: Now, but each letter in use that meant
	// something Before means it still.
	Use Keywords
	// Unread: the file is there and cannot be read, so Now is not known.
	Unread bool
}

// NewTable compares a listing with what the letters meant before.
func NewTable(l *Listing, before Keywords) Table {
	t := Table{Now: l.Keywords, Before: before, Unread: l.KeywordsErr != nil}
	if t.Unread {
		t.Use = before
		return t
	}
	var present [maxKeywords]bool
	for _, f := range l.Files {
		markLetters(&present, f.Name)
	}
	t.Now = t.Now.uncut(before)
	t.Use = t.Now.restored(before, present)
	return t
}

// Forgotten reports whether the file has to be written to say what it is to
// say.
func (t Table) Forgotten() bool { return !t.Unread && !t.Now.Holds(t.Use) }

// Meanings returns the letters by which a file is read that nothing is known
// of: what the file of keywords says, and else what they meant before.
func (t Table) Meanings() Keywords {
	return t.Before.with(t.Now)
}

// ParseKeywords is the inverse of [Keywords.Encode].
func ParseKeywords(s string) Keywords { return parseKeywords([]byte(s)) }

// Encode writes the letters as dovecot-keywords has them.
func (k Keywords) Encode() string {
	var b strings.Builder
	if k.t != nil {
		for i, n := range k.t.names {
			if n != "" {
				fmt.Fprintf(&b, "%d %s\n", i, n)
			}
		}
	}
	return b.String()
}

// name returns what a letter stands for, "" for nothing. i is 0 for a.
func (k Keywords) name(i int) string {
	if k.t == nil {
		return ""
	}
	return k.t.names[i]
}

// change returns k with other names.
func (k Keywords) change(f func(names *[maxKeywords]string)) Keywords {
	var t keywordTable
	if k.t != nil {
		t.names = k.t.names
	}
	f(&t.names)
	for i, n := range t.names {
		if n != "" {
			t.flags[i] = mail.NewFlags(n)
		}
	}
	return Keywords{&t}
}

// with returns k with the meanings of over, where that has some.
func (k Keywords) with(over Keywords) Keywords {
	return k.change(func(names *[maxKeywords]string) {
		for i := range names {
			if n := over.name(i); n != "" {
				names[i] = n
			}
		}
	})
}

// Gained returns k and what later says of those letters that keywords in names
// have there and that mean nothing in k.
func (k Keywords) Gained(later Keywords, names []string) Keywords {
	for _, name := range names {
		c, ok := later.Letter(name)
		if ok && k.name(int(c-'a')) == "" {
			k = k.change(func(names *[maxKeywords]string) { names[c-'a'] = later.name(int(c - 'a')) })
		}
	}
	return k
}

// Holds reports whether each letter of other means the same in k.
func (k Keywords) Holds(other Keywords) bool {
	for i := range maxKeywords {
		if n := other.name(i); n != "" && !strings.EqualFold(k.name(i), n) {
			return false
		}
	}
	return true
}

// changed reports whether a letter that meant something before means another thing
// now, and did not when the folder was looked at.
func (k Keywords) changed(before, seen Keywords) bool {
	return slices.ContainsFunc(indices(), func(i int) bool {
		is, was := k.name(i), before.name(i)
		return is != "" && was != "" && !strings.EqualFold(is, was) && !strings.EqualFold(is, seen.name(i))
	})
}

// uncut returns k without its last line when that is the beginning of what its
// letter meant before: then it was not written to its end.
func (k Keywords) uncut(before Keywords) Keywords {
	if k.t == nil || k.t.cut == 0 {
		return k
	}
	i := k.t.cut - 1
	if was := before.name(i); len(was) > len(k.name(i)) && strings.EqualFold(was[:len(k.name(i))], k.name(i)) {
		return k.change(func(names *[maxKeywords]string) { names[i] = "" })
	}
	return k
}

// restored returns k with the former meaning of each letter in use. Another
// letter that stands for the same keyword now loses it: of two letters for one
// keyword programs know only one.
func (k Keywords) restored(before Keywords, used [maxKeywords]bool) Keywords {
	mine := func(i int) bool { return used[i] && before.name(i) != "" }
	if !slices.ContainsFunc(indices(), func(i int) bool { return mine(i) && !strings.EqualFold(before.name(i), k.name(i)) }) {
		return k
	}
	return k.change(func(names *[maxKeywords]string) {
		for i := range names {
			if !mine(i) && slices.ContainsFunc(indices(), func(j int) bool { return mine(j) && strings.EqualFold(before.name(j), names[i]) }) {
				names[i] = ""
			}
		}
		for i := range names {
			if mine(i) {
				names[i] = before.name(i)
			}
		}
	})
}

func indices() []int {
	all := make([]int, maxKeywords)
	for i := range all {
		all[i] = i
	}
	return all
}

// restoreKeywords is restored for the content of a keyword file. Lines that
// mean nothing to us stay.
func restoreKeywords(data []byte, before Keywords, used [maxKeywords]bool) []byte {
	now := parseKeywords(data).uncut(before)
	use := now.restored(before, used)
	if parseKeywords(data).Holds(use) && use.Holds(parseKeywords(data)) {
		return data
	}
	var out []byte
	var written [maxKeywords]bool
	for line := range bytes.Lines(data) {
		n, name, ok := parseKeywordLine(string(line))
		switch {
		case !ok:
			out = append(bytes.TrimSuffix(append(out, line...), []byte("\n")), '\n')
		case !written[n] && use.name(n) != "" && strings.EqualFold(name, use.name(n)):
			out = fmt.Appendf(out, "%d %s\n", n, name)
			written[n] = true
		}
	}
	for n := range maxKeywords {
		if name := use.name(n); name != "" && !written[n] {
			out = fmt.Appendf(out, "%d %s\n", n, name)
		}
	}
	return out
}

// markLetters notes which keyword letters stand in a file's name.
func markLetters(used *[maxKeywords]bool, name string) {
	_, in := parseInfo(name)
	for i := 0; i < len(in.letters); i++ {
		if c := in.letters[i]; isLower(c) {
			used[c-'a'] = true
		}
	}
}
