package refusal

import (
	"strings"
	"unicode"

	"satchel/sync/remote/names"
)

// The text of an answer is for people, and may quote what the client sent: the
// name of a mailbox can be "Throttled" or "Too many connections". Before words
// of it are taken for what the server says of itself, what may be quoted is
// taken out.

// ownWords returns the text of an answer in lower case, without what it quotes
// and without the names in the commands that it may be about.
func ownWords(text, asked string) string {
	words := unquoted(strings.ToLower(text))
	for _, name := range namesIn(asked) {
		words = withoutName(words, name)
	}
	return words
}

// unquoted removes what stands in quotes, as far as both ends can be told: an
// apostrophe within a word is none.
func unquoted(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if end := quoteEnd(text, i); end > i {
			b.WriteByte(' ')
			i = end
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// quoteEnd returns where the quotation ends that begins at i, or i.
func quoteEnd(text string, i int) int {
	closing := text[i]
	switch text[i] {
	case '"', '`':
	case '<':
		closing = '>'
	case '\'':
		if i > 0 && isWord(rune(text[i-1])) {
			return i
		}
	default:
		return i
	}
	for k := i + 1; k < len(text); k++ {
		switch {
		case text[k] == '\\':
			k++
		case text[k] == closing && (closing != '\'' || k+1 == len(text) || !isWord(rune(text[k+1]))):
			return k
		}
	}
	return i
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// namesIn lists the arguments of commands that can be the names of mailboxes,
// as they were sent and as a person reads them, and their levels, in lower case.
func namesIn(asked string) (list []string) {
	for asked != "" {
		var arg string
		if asked[0] == '"' {
			end := quoteEnd(asked, 0)
			arg, asked = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(asked[1:max(end, 1)]), asked[end+1:]
		} else {
			arg, asked, _ = strings.Cut(asked, " ")
		}
		for _, name := range []string{arg, names.DecodeName(arg)} {
			name = strings.ToLower(name)
			list = append(list, name)
			list = append(list, strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(`/.\`, r) })...)
		}
	}
	return list
}

// withoutName removes a name wherever it stands between what is no letter.
func withoutName(words, name string) string {
	if name = strings.TrimSpace(name); name == "" {
		return words
	}
	var b strings.Builder
	from := 0 // what is before was looked at
	for at := 0; ; at++ {
		next := strings.Index(words[at:], name)
		if next < 0 {
			return b.String() + words[from:]
		}
		at += next
		end := at + len(name)
		if (at == 0 || !isWord(rune(words[at-1]))) && (end == len(words) || !isWord(rune(words[end]))) {
			b.WriteString(words[from:at] + " ")
			from, at = end, end-1
		}
	}
}
