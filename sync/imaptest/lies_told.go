package imaptest

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// phrases find what a lie is about in a response.
type phrases struct {
	code, status, fetch, size, exists, appendUID, copyUID, all, copy *regexp.Regexp
	part, body, messageID                                            *regexp.Regexp // see partPhrases
}

func newPhrases() phrases {
	p := phrases{
		code:      regexp.MustCompile(`^\* OK \[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)\]`),
		status:    regexp.MustCompile(`(MESSAGES|UIDNEXT|UIDVALIDITY|HIGHESTMODSEQ) (\d+)`),
		fetch:     regexp.MustCompile(`^\* (\d+) FETCH \(UID (\d+) `),
		size:      regexp.MustCompile(`RFC822\.SIZE (\d+)`),
		exists:    regexp.MustCompile(`^\* (\d+) EXISTS$`),
		appendUID: regexp.MustCompile(`\[APPENDUID (\d+) (\d+)(\S*)\] `),
		copyUID:   regexp.MustCompile(`\[COPYUID (\d+) (\S+) (\S+)\] `),
		all:       regexp.MustCompile(` ALL (\S+)`),
		copy:      regexp.MustCompile(`UID COPY (\S+) "(.*)"$`),
	}
	partPhrases(&p)
	return p
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// mangle tells the lies that are a matter of words.
func (l *Liar) mangle(c *Conn, line string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lies == 0 {
		delete(l.opened, c)
		return line
	}
	switch {
	case strings.HasPrefix(line, "* ENABLED"):
		if l.says(LieEnabled) {
			return ""
		}
	case l.re.code.MatchString(line):
		return l.code(c, line)
	case strings.HasPrefix(line, "* VANISHED (EARLIER)"):
		if l.says(LieVanishedLess) {
			return ""
		}
	case l.re.exists.MatchString(line):
		if len(l.opened[c]) > 0 && l.says(LieExists) {
			n := number(l.re.exists.FindStringSubmatch(line)[1])
			if l.rng.IntN(2) == 0 && n > 0 {
				return fmt.Sprintf("* %d EXISTS", n-1)
			}
			return fmt.Sprintf("* %d EXISTS", n+1)
		}
	case strings.HasPrefix(line, "* STATUS"):
		return l.status(line)
	case l.re.fetch.MatchString(line):
		return l.fetch(c, line)
	case strings.HasPrefix(line, "* SEARCH "), strings.HasPrefix(line, "* ESEARCH"):
		return l.search(line)
	case strings.Contains(line, "[APPENDUID "):
		return l.appendUID(line)
	case strings.Contains(line, "[COPYUID "):
		return l.copyUID(line)
	}
	l.ended(c, line)
	return line
}

// ended forgets the command that line is the answer to.
func (l *Liar) ended(c *Conn, line string) {
	if strings.HasSuffix(line, "] Selected") && len(l.opened[c]) > 0 {
		l.opened[c] = l.opened[c][1:]
	}
	if len(l.stars[c]) > 0 && strings.HasPrefix(line, l.stars[c][0]+" ") {
		l.stars[c] = l.stars[c][1:]
	}
}

// code lies about what SELECT says of a mailbox.
func (l *Liar) code(c *Conn, line string) string {
	m := l.re.code.FindStringSubmatch(line)
	n := number(m[2])
	var now opening
	if len(l.opened[c]) > 0 {
		now = l.opened[c][0]
	}
	switch m[1] {
	case "UIDVALIDITY":
		if l.says(LieUIDValidity) {
			return "* OK [UIDVALIDITY 0] UIDs valid"
		}
	case "UIDNEXT":
		switch {
		case n > 1 && l.says(LieUIDNextBack):
			return fmt.Sprintf("* OK [UIDNEXT %d] Predicted", 1+l.rng.Uint64N(n-1))
		case l.says(LieUIDNextNone):
			return ""
		}
	case "HIGHESTMODSEQ":
		switch {
		case n > 1 && l.says(LieModSeqBack):
			line = fmt.Sprintf("* OK [HIGHESTMODSEQ %d] Highest", 1+l.rng.Uint64N(n-1))
		case l.says(LieModSeqNone):
			line = ""
		case l.says(LieModSeqZero):
			line = "* OK [HIGHESTMODSEQ 0] Highest"
		}
		if now.resync && now.uidNext > 2 {
			line = l.vanished(now, line)
		}
	}
	return line
}

// vanished adds expunges that did not happen.
func (l *Liar) vanished(now opening, line string) string {
	set := ""
	switch {
	case l.says(LieVanishedMost):
		set = fmt.Sprintf("1:%d", now.uidNext-2)
	case l.says(LieVanishedOpen):
		set = "2:*"
	case l.says(LieVanishedHuge):
		set = "1:4294967295"
	case l.says(LieVanishedOne):
		set = strconv.FormatUint(1+l.rng.Uint64N(uint64(now.uidNext-1)), 10)
	default:
		return line
	}
	if line != "" {
		line += "\r\n"
	}
	return line + "* VANISHED (EARLIER) " + set
}

func (l *Liar) status(line string) string {
	if l.lies&(LieStatus|LieModSeqBack|LieModSeqZero|LieUIDNextBack) == 0 {
		return line
	}
	return l.re.status.ReplaceAllStringFunc(line, func(item string) string {
		name, value, _ := strings.Cut(item, " ")
		n := number(value)
		switch {
		case name == "UIDVALIDITY" && l.lies&LieUIDValidity != 0 && l.says(LieUIDValidity):
			n = 0
		case name != "UIDVALIDITY" && l.says(LieStatus):
			n += l.rng.Uint64N(5)
		case name == "HIGHESTMODSEQ" && n > 1 && l.says(LieModSeqBack):
			n = 1 + l.rng.Uint64N(n-1)
		case name == "HIGHESTMODSEQ" && l.says(LieModSeqZero):
			n = 0
		case name == "UIDNEXT" && n > 1 && l.says(LieUIDNextBack):
			n = 1 + l.rng.Uint64N(n-1)
		}
		return name + " " + strconv.FormatUint(n, 10)
	})
}

func (l *Liar) fetch(c *Conn, line string) string {
	uid := number(l.re.fetch.FindStringSubmatch(line)[2])
	if len(l.stars[c]) > 0 && uint32(uid)+1 == c.srv.uidNextOf(c.Mailbox()) && l.says(LieStar) {
		return ""
	}
	changes := strings.Contains(line, "MODSEQ (") && !strings.Contains(line, "RFC822.SIZE ") && !strings.Contains(line, "BODY[")
	if !changes && l.says(LieFetch) {
		return ""
	}
	if m := l.re.size.FindStringSubmatch(line); m != nil && l.says(LieSize) {
		return strings.Replace(line, m[0], fmt.Sprintf("RFC822.SIZE %d", number(m[1])+1+l.rng.Uint64N(9)), 1)
	}
	return l.parts(line)
}

// search leaves one message out.
func (l *Liar) search(line string) string {
	if m := l.re.all.FindStringSubmatch(line); m != nil {
		if !l.says(LieSearch) {
			return line
		}
		if set := without(m[1], l.rng); set != "" {
			return strings.Replace(line, m[0], " ALL "+set, 1)
		}
		return strings.Replace(line, m[0], "", 1)
	}
	w := strings.Fields(line)
	if w[1] == "SEARCH" && len(w) > 2 && l.says(LieSearch) {
		i := 2 + l.rng.IntN(len(w)-2)
		return strings.Join(append(w[:i:i], w[i+1:]...), " ")
	}
	return line
}

// without removes one number at an end of a range from a set.
func without(set string, rng *rand.Rand) string {
	parts := strings.Split(set, ",")
	i := rng.IntN(len(parts))
	from, to, ranged := strings.Cut(parts[i], ":")
	if !ranged {
		return strings.Join(append(parts[:i:i], parts[i+1:]...), ",")
	}
	parts[i] = fmt.Sprintf("%d:%s", number(from)+1, to)
	return strings.Join(parts, ",")
}

func (l *Liar) appendUID(line string) string {
	m := l.re.appendUID.FindStringSubmatch(line)
	switch {
	case l.says(LieAppendUIDNone):
		return strings.Replace(line, m[0], "", 1)
	case l.says(LieAppendUIDZero):
		return strings.Replace(line, m[0], "[APPENDUID "+m[1]+" 0] ", 1)
	case l.says(LieAppendUIDWrong):
		wrong := fmt.Sprint(l.near(m[2]))
		if _, last, is := strings.Cut(m[3], ":"); is && !strings.Contains(m[3], ",") { // a group's: all of them are off
			wrong += fmt.Sprintf(":%d", number(last)+number(wrong)-number(m[2]))
		}
		return strings.Replace(line, m[0], "[APPENDUID "+m[1]+" "+wrong+"] ", 1)
	}
	return line
}
