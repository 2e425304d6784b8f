package imaptest

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
)

func upper(s string) string { return strings.ToUpper(s) }

// section is what stands behind BODY, RFC 3501 §6.4.5. Messages are not parsed as MIME: part 1 is the whole text, and there is no other.
type section struct {
	part    string // "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT, or a number
	fields  []string
	partial bool
	offset  uint32
	length  uint32
}

func (p *parser) section() *section {
	s := &section{}
	p.expect('[')
	s.part = upper(p.while(func(b byte) bool { return isAtomChar(b) && b != ']' && b != '[' }))
	switch s.part {
	case "", "HEADER", "TEXT":
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		p.sp()
		p.list(false, func() { s.fields = append(s.fields, p.astring()) })
	default:
		if strings.Trim(s.part, "0123456789.") != "" || strings.HasPrefix(s.part, ".") {
			p.fail("Unknown section %s", s.part)
		}
	}
	p.expect(']')
	if p.take('<') {
		s.partial = true
		s.offset = p.number()
		p.expect('.')
		if s.length = p.number(); s.length == 0 {
			p.fail("Partial of no length")
		}
		p.expect('>')
	}
	return s
}

// label names the section in a response, where a partial keeps its offset alone.
func (s *section) label() string {
	var b strings.Builder
	b.WriteString("BODY[" + s.part)
	if s.fields != nil {
		quoted := make([]string, len(s.fields))
		for i, f := range s.fields {
			quoted[i] = upper(f)
			if strings.ContainsFunc(f, func(r rune) bool { return r > 0x7e || !isAStringChar(byte(r)) }) {
				quoted[i] = quote(f)
			}
		}
		b.WriteString(" (" + strings.Join(quoted, " ") + ")")
	}
	b.WriteString("]")
	if s.partial {
		fmt.Fprintf(&b, "<%d>", s.offset)
	}
	return b.String()
}

// of cuts the section out of a message; ok is false for parts that do not exist.
func (s *section) of(data []byte) (cut []byte, ok bool) {
	header, text := splitHeader(data)
	switch s.part {
	case "":
		cut = data
	case "HEADER":
		cut = header
	case "TEXT", "1":
		cut = text
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		want := s.part == "HEADER.FIELDS"
		for _, f := range fields(header) {
			if slices.ContainsFunc(s.fields, func(n string) bool { return strings.EqualFold(n, f.name) }) == want {
				cut = append(cut, f.raw...)
			}
		}
		cut = append(cut, '\r', '\n')
	default:
		return nil, false
	}
	if s.partial {
		cut = cut[min(uint64(s.offset), uint64(len(cut))):]
		cut = cut[:min(uint64(s.length), uint64(len(cut)))]
	}
	return cut, true
}

// splitHeader divides a message after the empty line that ends its header, which belongs to the header.
func splitHeader(data []byte) (header, text []byte) {
	for rest := data; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		line := rest[:i]
		rest = rest[i+1:]
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return data[:len(data)-len(rest)], rest
		}
	}
	return data, nil
}

type field struct {
	name string
	raw  []byte // with continuation lines and line ends
}

func (f field) value() string {
	_, v, _ := strings.Cut(string(f.raw), ":")
	return strings.TrimSpace(strings.NewReplacer("\r\n", "", "\n", "").Replace(v))
}

func fields(header []byte) []field {
	var all []field
	for line := range bytes.Lines(header) {
		switch {
		case len(bytes.TrimRight(line, "\r\n")) == 0:
			return all
		case line[0] == ' ' || line[0] == '\t':
			if n := len(all); n > 0 {
				all[n-1].raw = append(slices.Clip(all[n-1].raw), line...)
			}
		default:
			name, _, _ := strings.Cut(string(line), ":")
			all = append(all, field{strings.TrimSpace(name), line})
		}
	}
	return all
}

func headerValue(data []byte, name string) (string, bool) {
	header, _ := splitHeader(data)
	for _, f := range fields(header) {
		if strings.EqualFold(f.name, name) {
			return f.value(), true
		}
	}
	return "", false
}

// envelope is the ENVELOPE of RFC 3501 §7.4.2.
func envelope(data []byte) string {
	str := func(name string) string {
		if v, ok := headerValue(data, name); ok {
			return quote(v)
		}
		return "NIL"
	}
	addresses := func(names ...string) string {
		for _, name := range names {
			v, _ := headerValue(data, name)
			if list, err := mail.ParseAddressList(v); err == nil {
				return addressList(list)
			}
		}
		return "NIL"
	}
	return "(" + strings.Join([]string{
		str("Date"), str("Subject"), addresses("From"), addresses("Sender", "From"), addresses("Reply-To", "From"),
		addresses("To"), addresses("Cc"), addresses("Bcc"), str("In-Reply-To"), str("Message-ID"),
	}, " ") + ")"
}

func addressList(list []*mail.Address) string {
	var b strings.Builder
	for _, a := range list {
		name := "NIL"
		if a.Name != "" {
			name = quote(a.Name)
		}
		local, host, _ := strings.Cut(a.Address, "@")
		b.WriteString("(" + name + " NIL " + quote(local) + " " + quote(host) + ")")
	}
	return "(" + b.String() + ")"
}

// bodyStructure calls everything plain text.
func bodyStructure(data []byte) string {
	_, text := splitHeader(data)
	return fmt.Sprintf(`("TEXT" "PLAIN" ("CHARSET" "UTF-8") NIL NIL "8BIT" %d %d)`, len(text), bytes.Count(text, []byte("\n")))
}
