package imaptest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parser reads the arguments of a command. Its methods do nothing after the first error, so that a command is parsed
// in one go and the error looked at once, in end.
type parser struct {
	srv  *Server
	buf  []byte
	pos  int
	lits [][]byte
	err  error  // BAD
	no   string // a reply for what is well-formed but not accepted
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// end reports whether all arguments were read without an error.
func (p *parser) end() bool {
	if p.err == nil && p.pos != len(p.buf) {
		p.fail("Unexpected text at %q", clip(p.buf[p.pos:]))
	}
	return p.err == nil && p.no == ""
}

func clip(b []byte) []byte { return b[:min(len(b), 40)] }

func (p *parser) peek() byte {
	if p.err != nil || p.pos >= len(p.buf) {
		return 0
	}
	return p.buf[p.pos]
}

// take consumes b if it is next.
func (p *parser) take(b byte) bool {
	if p.peek() != b || b == 0 {
		return false
	}
	p.pos++
	return true
}

func (p *parser) expect(b byte) {
	if p.err == nil && !p.take(b) {
		p.fail("Expected %q at %q", string(b), clip(p.buf[p.pos:]))
	}
}

func (p *parser) sp() { p.expect(' ') }

func isAtomChar(b byte) bool {
	return b > ' ' && b < 0x7f && !strings.ContainsRune(`(){%*"\]`, rune(b))
}

func (p *parser) while(ok func(byte) bool) string {
	start := p.pos
	for p.err == nil && p.pos < len(p.buf) && ok(p.buf[p.pos]) {
		p.pos++
	}
	return string(p.buf[start:p.pos])
}

func (p *parser) word(what string, ok func(byte) bool) string {
	w := p.while(ok)
	if w == "" {
		p.fail("Expected %s at %q", what, clip(p.buf[min(p.pos, len(p.buf)):]))
	}
	return w
}

func (p *parser) atom() string { return p.word("an atom", isAtomChar) }

// keyword is an atom in capitals.
func (p *parser) keyword() string { return strings.ToUpper(p.atom()) }

func isAStringChar(b byte) bool { return isAtomChar(b) || b == ']' }

func (p *parser) astring() string {
	switch p.peek() {
	case '"', '{':
		return p.str()
	}
	return p.word("a string", isAStringChar)
}

// str is a quoted string or a literal, RFC 3501 §4.3.
func (p *parser) str() string {
	if p.peek() == '{' {
		return string(p.literal())
	}
	p.expect('"')
	var s []byte
	for p.err == nil {
		if p.pos >= len(p.buf) {
			p.fail("Quoted string without end")
			break
		}
		b := p.buf[p.pos]
		p.pos++
		switch {
		case b == '"':
			return string(s)
		case b == '\\':
			if b = p.peek(); b != '"' && b != '\\' {
				p.fail("Invalid escape in quoted string")
				break
			}
			p.pos++
		case b == '\r' || b == '\n' || b >= 0x80 && !p.eightBit():
			p.fail("Byte %#x in quoted string", b)
		}
		s = append(s, b)
	}
	return ""
}

// literal returns the octets of the literal that is announced here.
func (p *parser) literal() []byte {
	rest := p.buf[p.pos:]
	line, _, found := bytes.Cut(rest, []byte("\r\n"))
	if p.err != nil || !found || len(p.lits) == 0 {
		p.fail("Expected a literal at %q", clip(rest))
		return nil
	}
	if n, _, ok := literalAtEnd(line); !ok || bytes.IndexByte(line[1:], '{') >= 0 || n != int64(len(p.lits[0])) {
		p.fail("Invalid literal at %q", clip(line))
		return nil
	}
	p.pos += len(line) + 2
	lit := p.lits[0]
	p.lits = p.lits[1:]
	return lit
}

func (p *parser) digits() string { return p.word("a number", isDigit) }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func (p *parser) number() uint32 { return uint32(p.uint(32)) }

// modSeq is a mod-sequence-valzer, RFC 7162 §7: 63 bits.
func (p *parser) modSeq() uint64 { return p.uint(63) }

func (p *parser) uint(bits int) uint64 {
	s := p.digits()
	if p.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		p.fail("Number %s is out of range", s)
	}
	return n
}

// list calls item for each element of a parenthesised list, which may be empty if allowed.
func (p *parser) list(mayBeEmpty bool, item func()) {
	p.expect('(')
	if mayBeEmpty && p.take(')') {
		return
	}
	for p.err == nil {
		item()
		if p.take(')') {
			return
		}
		p.sp()
	}
}

// mailbox is a mailbox name, decoded. INBOX is INBOX in any case, RFC 3501 §5.1.
func (p *parser) mailbox() string {
	raw := p.astring()
	if p.err != nil {
		return ""
	}
	name, err := p.decode(raw)
	if err != nil {
		p.no = "NO [CANNOT] Mailbox name is not valid modified UTF-7"
	}
	return p.srv.canonical(name)
}

// flag is a flag that a client may set.
func (p *parser) flag() string {
	if !p.take('\\') {
		return p.atom()
	}
	name := `\` + p.atom()
	for _, sys := range systemFlags() {
		if strings.EqualFold(sys, name) {
			return sys
		}
	}
	p.fail("Flag %s cannot be set", name)
	return ""
}

func (p *parser) flagList() []string {
	var flags []string
	p.list(true, func() { flags = append(flags, p.flag()) })
	return flags
}

// dateTime is the date-time of RFC 3501 §9, such as "17-Jul-1996 02:44:25 -0700".
func (p *parser) dateTime() time.Time {
	s := p.str()
	if p.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(dateTimeLayout, s)
	if err != nil || len(s) != len(dateTimeLayout) {
		p.fail("Invalid date-time %q", s)
	}
	return t
}

const dateTimeLayout = "_2-Jan-2006 15:04:05 -0700"

// quote writes a string for a response; those with controls or eight bits have no quoted form and become literals.
func quote(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return fmt.Sprintf("{%d}\r\n%s", len(s), s)
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
