package mail

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
)

const (
	// gram is the longest part of a secret that may be shown, plus one.
	gram = 8
	// shortest is the shortest text that is looked for within words.
	shortest = 4
	// maxSecrets bounds how many are remembered; the oldest go first.
	maxSecrets = 64
)

// Secrets knows what must not be shown, and takes it out of what others say:
// a server may send back the password, the line of the login or a token. It is
// safe for concurrent use; the zero value knows nothing.
type Secrets struct {
	mu    sync.Mutex
	plain []string // as they were added
	forms []string // of all of them, folded; each is looked for
}

// Add makes s a secret, with the forms that it has in base64 (on its own, and
// within a longer text) and in hexadecimal digits.
func (s *Secrets) Add(secret string) {
	if secret == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.plain, secret) {
		return
	}
	s.plain = append(s.plain, secret)
	s.plain = s.plain[max(0, len(s.plain)-maxSecrets):]
	s.forms = nil
}

// allForms are the forms of all secrets; they are made when something is shown
// for the first time, which most runs never do.
func (s *Secrets) allForms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forms == nil {
		for _, p := range s.plain {
			s.forms = append(s.forms, formsOf(p)...)
		}
	}
	return s.forms
}

func formsOf(secret string) []string {
	forms := []string{fold([]byte(secret)), fold([]byte(hex.EncodeToString([]byte(secret))))}
	for _, other := range []string{strings.ToUpper(secret), strings.ToLower(secret)} { // of letters that fold leaves alone
		if f := fold([]byte(other)); f != forms[0] {
			forms = append(forms, f)
		}
	}
	// Three bytes become four characters, so where a secret begins within a text
	// decides how it looks; the characters at both ends belong to others as well.
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), secret...))
		from := (before*8 + 5) / 6
		to := (before + len(secret)) * 8 / 6
		if to-from >= shortest {
			forms = append(forms, fold([]byte(text[from:to])))
		}
	}
	return forms
}

// fold makes alike what differs in case only, or in the alphabet of base64.
func fold(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		}
		out[i] = c
	}
	return string(out)
}

// Hide replaces secrets in text, and parts of them, by three dots. It finds
// them whatever their case, and behind the escapes of URLs, quoted strings,
// JSON and quoted-printable.
func (s *Secrets) Hide(text string) string {
	if s == nil {
		return text
	}
	forms := s.allForms()
	if len(forms) == 0 || text == "" {
		return text
	}
	hidden := make([]bool, len(text))
	found := false
	for _, v := range views(text) {
		for _, form := range forms {
			found = v.mark(form, hidden) || found
		}
	}
	if !found {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			out.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			out.WriteString("...")
		}
	}
	return strings.ToValidUTF8(out.String(), "\ufffd")
}

// view is a text behind one kind of escapes, and where each byte of it is in
// the text.
type view struct {
	text string
	at   []int // one more than bytes: the end
}

// views are the ways to read a text: as it is, and behind the escapes that it
// may have.
func views(text string) []view {
	plain := view{text: fold([]byte(text)), at: make([]int, len(text)+1)}
	for i := range plain.at {
		plain.at[i] = i
	}
	all := []view{plain}
	for _, escape := range []byte{'%', '=', '\\'} {
		if strings.IndexByte(text, escape) >= 0 {
			all = append(all, unescaped(text, escape))
		}
	}
	return all
}

func unescaped(text string, escape byte) view {
	var b []byte
	var v view
	for i := 0; i < len(text); {
		c, width := text[i], 1
		switch {
		case c == '+' && escape == '%': // of a form
			c = ' '
		case c != escape:
		case escape == '\\' && strings.HasPrefix(text[i+1:], "u00") && isHex(text[i+4:]):
			c, width = byteOf(text[i+4:]), 6
		case escape == '\\' && i+1 < len(text):
			c, width = text[i+1], 2
		case isHex(text[i+1:]):
			c, width = byteOf(text[i+1:]), 3
		}
		b, v.at = append(b, c), append(v.at, i)
		i += width
	}
	v.text, v.at = fold(b), append(v.at, len(text))
	return v
}

func isHex(s string) bool {
	if len(s) < 2 {
		return false
	}
	_, err := hex.DecodeString(s[:2])
	return err == nil
}

func byteOf(s string) byte {
	b, _ := hex.DecodeString(s[:2]) // isHex was asked
	return b[0]
}

// mark notes where a form of a secret, or a part of it as long as a gram, is in
// the text.
func (v view) mark(form string, hidden []bool) (found bool) {
	n := min(gram, len(form))
	if len(v.text) < n {
		return false
	}
	// The parts of the text are looked for in the secret: a text is short, and a
	// token may be long.
	places := make(map[string][]int, len(v.text))
	for i := 0; i+n <= len(v.text); i++ {
		places[v.text[i:i+n]] = append(places[v.text[i:i+n]], i)
	}
	for i := 0; i+n <= len(form); i++ {
		for _, at := range places[form[i:i+n]] {
			if n < shortest && !v.word(at, at+n) {
				continue
			}
			found = true
			for k := v.at[at]; k < v.at[at+n]; k++ {
				hidden[k] = true
			}
		}
	}
	return found
}

// word reports whether what is between two places stands for itself: a secret
// of two letters is not looked for within words.
func (v view) word(from, to int) bool {
	part := func(i int) bool {
		if i < 0 || i >= len(v.text) {
			return false
		}
		c := v.text[i]
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80
	}
	return !part(from-1) && !part(to)
}
