package imaptest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const (
	maxLine      = 8000      // bytes of a command without its literals; somewhat less than the 8192 of RFC 7162 §4
	maxLineRead  = 1 << 20   // a client that sends more in one line is cut off
	maxLiteral   = 256 << 20 // bytes
	literalMinus = 4096      // bytes of a non-synchronising literal under LITERAL-, RFC 7888 §5
)

// command is one command as it was received. text holds its lines with the CRLFs between them that follow the announcement
// of a literal; the literals themselves stand in lits.
type command struct {
	tag, verb string
	text      []byte
	args      int // offset in text after the verb
	lits      [][]byte
	refuse    string // tagged reply, when the command cannot even be parsed
}

// line is the command for hooks and the transcript.
func (c command) line() string { return strings.ReplaceAll(string(c.text), "\r\n", "") }

// readLine reads up to CRLF and returns the line without it. A line that ends in LF alone is reported as such.
func (c *Conn) readLine() (line []byte, bare bool, err error) {
	for {
		part, err := c.in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLineRead {
			return nil, false, errLineTooLong
		}
		if err == nil {
			break
		}
		if !isBufferFull(err) {
			return nil, false, err
		}
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1], false, nil
	}
	return line, true, nil
}

// readCommand reads one command with its literals. It asks for synchronising literals as it meets them.
func (c *Conn) readCommand() (command, error) {
	var cmd command
	size := 0
	for {
		line, bare, err := c.readLine()
		if err != nil {
			return cmd, err
		}
		size += len(line)
		cmd.text = append(cmd.text, line...)
		if len(cmd.lits) == 0 {
			cmd.split()
		}
		switch {
		case bare && cmd.refuse == "":
			cmd.refuse = "BAD Line does not end in CRLF"
		case size > maxLine && cmd.refuse == "":
			cmd.refuse = fmt.Sprintf("BAD Command line is longer than %d bytes", maxLine)
		case bytes.IndexByte(line, 0) >= 0 && cmd.refuse == "":
			cmd.refuse = "BAD NUL byte in command"
		}
		n, sync, ok := literalAtEnd(line)
		if !ok {
			return cmd, nil
		}
		if sync {
			if n > maxLiteral && cmd.refuse == "" {
				cmd.refuse = "NO [TOOBIG] Literal is too big"
			}
			if cmd.refuse != "" {
				return cmd, nil // the client waits for leave to send the literal, so the line ends here
			}
			c.say("+ OK")
		} else if !c.allowsNonSync(n) && cmd.refuse == "" {
			cmd.refuse = "BAD Non-synchronising literal not supported here"
		}
		if n > maxLiteral {
			return cmd, errLineTooLong
		}
		lit := make([]byte, n)
		if _, err := io.ReadFull(c.in, lit); err != nil {
			return cmd, err
		}
		cmd.lits = append(cmd.lits, lit)
		cmd.text = append(cmd.text, '\r', '\n')
	}
}

func (c *Conn) allowsNonSync(n int64) bool {
	caps := c.srv.opts.Caps
	return caps.Has(CapLiteralPlus) || caps.Has(CapLiteralMinus) && n <= literalMinus
}

// literalAtEnd recognises {n} and {n+} at the end of a line. What only looks like it is left to the parser.
func literalAtEnd(line []byte) (n int64, sync, ok bool) {
	if len(line) == 0 || line[len(line)-1] != '}' {
		return 0, false, false
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return 0, false, false
	}
	digits := line[open+1 : len(line)-1]
	sync = true
	if d, found := bytes.CutSuffix(digits, []byte("+")); found {
		digits, sync = d, false
	}
	if len(digits) == 0 || len(digits) > 12 {
		return 0, false, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, sync, true
}

// split finds tag and verb in the first line.
func (c *command) split() {
	tag, rest, _ := bytes.Cut(c.text, []byte(" "))
	for _, b := range tag {
		if !isAtomChar(b) && b != ']' || b == '+' {
			tag = nil
			break
		}
	}
	if len(tag) == 0 {
		c.tag, c.refuse = "*", "BAD Invalid tag"
		return
	}
	c.tag = string(tag)
	verb, _, _ := bytes.Cut(rest, []byte(" "))
	end := len(tag) + 1 + len(verb)
	c.verb = strings.ToUpper(string(verb))
	if c.verb == "UID" && end < len(c.text) {
		second, _, _ := bytes.Cut(c.text[end+1:], []byte(" "))
		end += 1 + len(second)
		c.verb += " " + strings.ToUpper(string(second))
	}
	c.args = min(end, len(c.text))
	if c.verb == "" {
		c.refuse = "BAD Command is missing"
	}
}

// errLineTooLong ends a connection whose input is out of all proportion.
const errLineTooLong = inputError("line too long")

type inputError string

func (e inputError) Error() string { return string(e) }
