package imaptest

import (
	"fmt"
	"slices"
	"strings"
)

// copy tells the lies for which COPY must not be executed as it stands.
func (l *Liar) copy(c *Conn, line string) Action {
	m := l.re.copy.FindStringSubmatch(line)
	if m == nil {
		return Action{}
	}
	uids, box := numbers(m[1]), c.Mailbox()
	v, next, _ := c.srv.UIDState(m[2])
	switch {
	case v == 0:
		return Action{} // no such mailbox
	case l.says(LieCopy):
	case len(uids) > 1 && l.says(LieCopySome):
		c.srv.Copy(box, uids[0], m[2])
	default:
		return Action{}
	}
	code := ""
	if c.srv.opts.Caps.Has(CapUIDPlus) {
		copies := make([]uint32, len(uids))
		for i := range copies {
			copies[i] = next + uint32(i)
		}
		code = fmt.Sprintf("[COPYUID %d %s %s] ", v, inOrder(uids), inOrder(copies))
	}
	return Action{Reply: "OK " + code + "Copy completed"}
}

// numbers lists what is in a set without "*".
func numbers(set string) (all []uint32) {
	for _, part := range strings.Split(set, ",") {
		first, last, ranged := strings.Cut(part, ":")
		if !ranged {
			last = first
		}
		for n := number(first); n <= number(last); n++ {
			all = append(all, uint32(n))
		}
	}
	return all
}

func (l *Liar) copyUID(line string) string {
	m := l.re.copyUID.FindStringSubmatch(line)
	from, to := numbers(m[2]), numbers(m[3])
	say := func(from, to []uint32) string {
		return strings.Replace(line, m[0], fmt.Sprintf("[COPYUID %s %s %s] ", m[1], inOrder(from), inOrder(to)), 1)
	}
	switch {
	case len(to) > 1 && l.says(LieCopyUIDSwapped):
		slices.Reverse(to)
		line = say(from, to)
	case len(to) > 1 && len(from) == len(to) && l.says(LieCopyUIDShort):
		line = say(from[:len(from)-1], to[:len(to)-1])
	case l.says(LieCopyUIDZero):
		line = strings.Replace(line, m[0], fmt.Sprintf("[COPYUID %s %s 0] ", m[1], m[2]), 1)
	case l.says(LieCopyUIDNone):
		line = strings.Replace(line, m[0], "", 1)
	case l.says(LieCopyUIDUneven):
		line = strings.Replace(line, m[0], fmt.Sprintf("[COPYUID %s %s %s,999999] ", m[1], m[2], m[3]), 1)
	case l.says(LieCopyUIDWrong):
		if first, _, _ := strings.Cut(m[3], ":"); !strings.ContainsAny(m[3], ",:") {
			line = strings.Replace(line, m[0], fmt.Sprintf("[COPYUID %s %s %d] ", m[1], m[2], l.near(first)), 1)
		}
	}
	return line
}

// near returns another UID, below or above.
func (l *Liar) near(uid string) uint64 {
	n := number(uid)
	if off := 1 + l.rng.Uint64N(3); l.rng.IntN(2) == 0 && n > off {
		return n - off
	}
	return n + 1 + l.rng.Uint64N(3)
}
