package imaptest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Lie is a set of ways in which a server says what is not so. Each was met in the field, at one server or another.
type Lie uint64

// The lies.
const (
	LieEnabled        Lie = 1 << iota // ENABLE answers OK without ENABLED
	LieVanishedMost                   // VANISHED (EARLIER) names all but the last message
	LieVanishedOpen                   // the same as an open range, 2:*
	LieVanishedHuge                   // the same as 1:4294967295
	LieVanishedOne                    // VANISHED (EARLIER) names one message that is there
	LieVanishedLess                   // VANISHED (EARLIER) is left out
	LieModSeqBack                     // HIGHESTMODSEQ is lower than before
	LieModSeqNone                     // SELECT leaves HIGHESTMODSEQ out
	LieModSeqZero                     // HIGHESTMODSEQ is 0
	LieUIDNextBack                    // UIDNEXT is lower than before
	LieUIDNextNone                    // SELECT leaves UIDNEXT out
	LieUIDValidity                    // UIDVALIDITY is 0
	LieAppendUIDNone                  // APPENDUID is left out
	LieAppendUIDZero                  // APPENDUID is 0
	LieAppendUIDWrong                 // APPENDUID names another message, or none
	LieCopyUIDNone                    // COPYUID is left out
	LieCopyUIDUneven                  // the sets of COPYUID are of different size
	LieCopyUIDWrong                   // COPYUID names other messages, or none
	LieMove                           // MOVE answers OK and moves nothing
	LieStore                          // STORE answers OK and changes nothing
	LieExpunge                        // EXPUNGE answers OK and removes nothing
	LieFetch                          // FETCH leaves a message out, but for changes of flags, which nobody could miss
	LieSize                           // RFC822.SIZE is wrong
	LieStar                           // a range that ends in * hides the message with the highest UID
	LieExists                         // EXISTS of SELECT is one off
	LieSearch                         // SEARCH and ESEARCH leave a message out
	LieStatus                         // STATUS disagrees with SELECT
	LiePartLabel                      // a part of a message is labelled BODY[]<0.337> for BODY[]<0>
	LiePartOther                      // it is labelled as another part than was asked for
	LiePartShort                      // less of it comes than was asked for, or nothing
	LieBody                           // a part of a message comes as the whole of it, or nothing
	LieMessageID                      // HEADER.FIELDS (MESSAGE-ID) shows none
	LieCopy                           // COPY answers OK and copies nothing
	LieCopySome                       // COPY answers OK and copies the first message only
	LieCopyUIDSwapped                 // COPYUID names the copies in the reverse order
	LieCopyUIDShort                   // COPYUID leaves the last message out
	LieCopyUIDZero                    // COPYUID says 0
	lieEnd
)

// AllLies is every lie at once.
const AllLies = lieEnd - 1

// Lies lists the lies one by one, by name.
func Lies() map[string]Lie {
	return map[string]Lie{
		"enabled": LieEnabled, "vanished-most": LieVanishedMost, "vanished-open": LieVanishedOpen,
		"vanished-huge": LieVanishedHuge, "vanished-one": LieVanishedOne, "vanished-less": LieVanishedLess,
		"modseq-back": LieModSeqBack, "modseq-none": LieModSeqNone, "modseq-zero": LieModSeqZero,
		"uidnext-back": LieUIDNextBack, "uidnext-none": LieUIDNextNone, "uidvalidity": LieUIDValidity,
		"appenduid-none": LieAppendUIDNone, "appenduid-zero": LieAppendUIDZero, "appenduid-wrong": LieAppendUIDWrong,
		"copyuid-none": LieCopyUIDNone, "copyuid-uneven": LieCopyUIDUneven, "copyuid-wrong": LieCopyUIDWrong,
		"move": LieMove, "store": LieStore, "expunge": LieExpunge, "fetch": LieFetch, "size": LieSize, "star": LieStar,
		"exists": LieExists, "search": LieSearch, "status": LieStatus, "part-label": LiePartLabel, "part-other": LiePartOther,
		"part-short": LiePartShort, "body": LieBody, "message-id": LieMessageID,
		"copy": LieCopy, "copy-some": LieCopySome, "copyuid-swapped": LieCopyUIDSwapped, "copyuid-short": LieCopyUIDShort, "copyuid-zero": LieCopyUIDZero,
	}
}

// Liar makes a server lie. Its methods may be called from any goroutine.
type Liar struct {
	re phrases

	mu     sync.Mutex
	rng    *rand.Rand
	chance float64 // of each lie where it can be told; 1 is always
	lies   Lie
	told   map[Lie]int
	opened map[*Conn][]opening // SELECTs that were not answered yet, the oldest first
	stars  map[*Conn][]string  // tags of commands whose range ends in *
}

// opening is a SELECT on its way.
type opening struct {
	uidNext uint32
	resync  bool // it asked for VANISHED
}

// NewLiar makes a liar that says each of lies with a chance, 1 for always, where it can be told. The same seed lies alike as long
// as the commands come in the same order.
func NewLiar(seed uint64, chance float64, lies Lie) *Liar {
	return &Liar{re: newPhrases(), rng: rand.New(rand.NewPCG(seed, 77)), chance: chance, lies: lies, told: map[Lie]int{},
		opened: map[*Conn][]opening{}, stars: map[*Conn][]string{}}
}

// Install returns the options of a server that lies, ahead of the hooks that o has.
func (l *Liar) Install(o Options) Options {
	hook, mangle := o.Hook, o.Mangle
	o.Hook = func(c *Conn, tag, verb, line string) Action {
		if act := l.hook(c, tag, verb, line); act != (Action{}) {
			return act
		}
		if hook == nil {
			return Action{}
		}
		return hook(c, tag, verb, line)
	}
	o.Mangle = func(c *Conn, line string) string {
		if line = l.mangle(c, line); mangle != nil && line != "" {
			line = mangle(c, line)
		}
		return line
	}
	return o
}

// Tell replaces the lies; 0 makes the server honest.
func (l *Liar) Tell(lies Lie) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lies = lies
}

// Told counts the lies so far. One that was never told tests nothing.
func (l *Liar) Told() map[Lie]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.told)
}

// says decides whether a lie is told now. l.mu is held.
func (l *Liar) says(lie Lie) bool {
	if l.lies&lie == 0 || l.chance < 1 && l.rng.Float64() >= l.chance {
		return false
	}
	l.told[lie]++
	return true
}

// hook tells the lies for which a command must not be executed.
func (l *Liar) hook(c *Conn, tag, verb, line string) Action {
	next := uint32(0)
	if verb == "SELECT" || verb == "EXAMINE" {
		next = c.srv.uidNextOf(selectName(line))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch verb {
	case "UID COPY":
		return l.copy(c, line)
	case "SELECT", "EXAMINE":
		l.opened[c] = append(l.opened[c], opening{uidNext: next, resync: strings.Contains(line, "QRESYNC (")})
	case "UID FETCH":
		if strings.Contains(line, ":* ") {
			l.stars[c] = append(l.stars[c], tag)
		}
	case "UID MOVE":
		if l.says(LieMove) {
			return Action{Reply: "OK Move completed"}
		}
	case "UID STORE":
		// \Deleted is left alone: LieExpunge is about that.
		if !strings.Contains(line, `\Deleted`) && l.says(LieStore) {
			return Action{Reply: "OK Store completed"}
		}
	case "UID EXPUNGE", "EXPUNGE":
		if l.says(LieExpunge) {
			return Action{Reply: "OK Expunge completed"}
		}
	}
	return Action{}
}

// selectName reads the name in a SELECT.
func selectName(line string) string {
	if i := strings.IndexByte(line, '"'); i >= 0 {
		if name, _, ok := strings.Cut(line[i+1:], `"`); ok {
			return name
		}
	}
	if w := strings.Fields(line); len(w) > 2 {
		return w[2]
	}
	return ""
}

func (s *Server) uidNextOf(name string) uint32 {
	_, next, _ := s.UIDState(name)
	return next
}

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
