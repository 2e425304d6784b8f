package imaptest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// parts lies about the content of a message: which part of it comes, and how much.
func (l *Liar) parts(line string) string {
	if !strings.Contains(line, "BODY[") {
		return line
	}
	if m := l.re.part.FindStringSubmatchIndex(line); m != nil {
		switch {
		case l.says(LiePartLabel):
			line = line[:m[2]] + fmt.Sprintf("%s.%d", line[m[2]:m[3]], number(line[m[4]:m[5]])+77) + line[m[3]:]
		case l.says(LiePartOther):
			line = line[:m[2]] + strconv.FormatUint(number(line[m[2]:m[3]])+7, 10) + line[m[3]:]
		case l.says(LiePartShort):
			line = l.cut(line, m[4], m[5], m[1])
		}
	}
	if m := l.re.body.FindStringSubmatchIndex(line); m != nil && l.says(LieBody) {
		line = l.cut(line, m[2], m[3], m[1])
	}
	if m := l.re.messageID.FindStringSubmatchIndex(line); m != nil && l.says(LieMessageID) {
		end := m[1] + int(number(line[m[2]:m[3]]))
		line = line[:m[2]] + "2}\r\n\r\n" + line[end:]
	}
	return line
}

// cut shortens the literal whose size is written from size to sizeEnd and whose data begin at data: to nothing, or to a part.
func (l *Liar) cut(line string, size, sizeEnd, data int) string {
	n := int(number(line[size:sizeEnd]))
	keep := 0
	if n > 1 && l.rng.IntN(3) > 0 {
		keep = 1 + l.rng.IntN(n-1)
	}
	return line[:size] + strconv.Itoa(keep) + "}\r\n" + line[data:data+keep] + line[data+n:]
}

func partPhrases(p *phrases) {
	p.part = regexp.MustCompile(`BODY\[\]<(\d+)> \{(\d+)\}\r\n`)
	p.body = regexp.MustCompile(`BODY\[\] \{(\d+)\}\r\n`)
	p.messageID = regexp.MustCompile(`BODY\[HEADER\.FIELDS \(MESSAGE-ID\)\] \{(\d+)\}\r\n`)
}
