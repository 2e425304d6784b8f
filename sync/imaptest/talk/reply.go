package talk

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/sync/imaptest"
)

// Reply is one response; its literals are taken out of the text.
type Reply struct {
	Text     string
	Literals [][]byte
}

// Name writes the name of a mailbox for a command.
func Name(mailbox string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(imaptest.EncodeName(mailbox)) + `"`
}

// Listed returns the mailbox of a response to LIST or LSUB, unless LIST says that
// it cannot be selected.
func (r Reply) Listed() (mailbox string, ok bool) {
	attrs, rest, ok := strings.Cut(r.Text, ") ")
	low := strings.ToLower(attrs)
	unselectable := strings.Contains(low, `\noselect`) || strings.Contains(low, `\nonexistent`)
	if !ok || !strings.HasPrefix(attrs, "* LSUB (") && (!strings.HasPrefix(attrs, "* LIST (") || unselectable) {
		return "", false
	}
	_, name, _ := strings.Cut(rest, " ") // behind the delimiter
	switch {
	case len(r.Literals) > 0:
		name = string(r.Literals[0])
	case strings.HasPrefix(name, `"`):
		name = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(name[1 : len(name)-1])
	}
	mailbox, err := imaptest.DecodeName(name)
	if err != nil {
		return "invalid: " + name, true
	}
	return mailbox, true
}

var (
	uidItem   = regexp.MustCompile(`\bUID (\d+)`)
	flagsItem = regexp.MustCompile(`\bFLAGS \(([^)]*)\)`)
	dateItem  = regexp.MustCompile(`INTERNALDATE "([^"]+)"`)
)

// Whole are the items of FETCH from which [Reply.Message] reads.
const Whole = "(UID FLAGS INTERNALDATE BODY.PEEK[])"

// Message returns the message of a response to FETCH with the items of [Whole]; its
// flags are sorted and without \Recent.
func (r Reply) Message() (m imaptest.Message, ok bool) {
	uid, flags, date := uidItem.FindStringSubmatch(r.Text), flagsItem.FindStringSubmatch(r.Text), dateItem.FindStringSubmatch(r.Text)
	if uid == nil || flags == nil || date == nil || len(r.Literals) == 0 {
		return m, false // flags that another client changed
	}
	n, err := strconv.ParseUint(uid[1], 10, 32)
	if err != nil {
		return m, false
	}
	m.UID, m.Content = uint32(n), r.Literals[0]
	m.Date, _ = time.Parse("_2-Jan-2006 15:04:05 -0700", date[1])
	m.Flags = slices.DeleteFunc(strings.Fields(flags[1]), func(f string) bool { return f == `\Recent` })
	slices.Sort(m.Flags)
	return m, true
}
