package imaptest

import (
	"maps"
	"math/rand/v2"
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
