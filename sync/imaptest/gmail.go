package imaptest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Gmail makes a server behave as Gmail documents itself to: mailboxes are labels of messages that exist once. The zero value
// has the settings that mail programs are told to choose: auto-expunge off, and a message stays in All Mail when its
// labels are expunged.
//
//   - "[Gmail]/All Mail" holds every message except those in Spam and Trash. One message has one X-GM-MSGID, and one UID in
//     each mailbox that it is in. Its flags are the same in all of them, but for \Deleted.
//   - EXPUNGE takes the label off; in Spam and Trash it deletes; in All Mail it does what OnLastExpunge says.
//   - COPY and APPEND give a label. A message that has it already stays as it is, and the answer names its UID.
//   - What comes into Trash or Spam loses all its labels; what is flagged is in "[Gmail]/Starred".
//   - There is CONDSTORE and no QRESYNC, an expunge gives no mod-sequence, and HIGHESTMODSEQ comes without a text.
type Gmail struct {
	// AutoExpunge expunges a message as soon as it is marked \Deleted.
	AutoExpunge bool
	// OnLastExpunge is what EXPUNGE does in All Mail.
	OnLastExpunge LastExpunge
}

// LastExpunge is a setting of Gmail: what happens to a message that is expunged from the last folder that shows it.
type LastExpunge int

// The settings.
const (
	Archive       LastExpunge = iota // nothing
	MoveToTrash                      // it goes to Trash, and loses its labels
	DeleteForever                    // it is gone
)

// GmailOptions describe a server in the manner of Gmail.
func GmailOptions(g Gmail) Options {
	return Options{
		Gmail:       &g,
		AppendLimit: 35651584,
		Caps: CapIMAP4rev1 | CapUnselect | CapIdle | CapNamespace | CapID | CapChildren | CapUIDPlus | CapCompress | CapEnable | CapMove |
			CapCondstore | CapESearch | CapListExtended | CapListStatus | CapLiteralMinus | CapSpecialUse | CapSASLIR | CapAuthPlain,
		PermanentFlags: []string{`\Answered`, `\Flagged`, `\Draft`, `\Deleted`, `\Seen`, "$Forwarded", "$MDNSent", "$NotPhishing", "$Phishing", `\*`},
	}
}

// gmailWords are capabilities that change nothing here, or have none of their own in [Caps].
const gmailWords = " QUOTA XLIST X-GM-EXT-1 UTF8=ACCEPT"

// The mailboxes that Gmail has from the start.
const (
	GmailAll     = "[Gmail]/All Mail"
	GmailTrash   = "[Gmail]/Trash"
	GmailSpam    = "[Gmail]/Spam"
	GmailStarred = "[Gmail]/Starred"
)

// gmail is the state of such a server. It is guarded by the lock of the server.
type gmail struct {
	set  Gmail
	st   *store
	mail map[string]*content // by bytes
	busy bool                // flags are being carried over
}

func (st *store) beGmail(set Gmail) {
	st.gmail = &gmail{set: set, st: st, mail: map[string]*content{}}
	for name, use := range map[string]string{
		GmailAll: `\All`, GmailTrash: `\Trash`, GmailSpam: `\Junk`, GmailStarred: `\Flagged`, "[Gmail]/Drafts": `\Drafts`, "[Gmail]/Sent Mail": `\Sent`,
	} {
		box, err := st.create(name)
		if err != nil {
			panic("imaptest: " + err.Error())
		}
		box.specialUse = use
	}
	st.boxes["INBOX"].gmail = st.gmail
}

// withoutLabels reports whether a message in the mailbox has no other place.
func withoutLabels(name string) bool { return name == GmailTrash || name == GmailSpam }

// in returns the message of a content in a mailbox.
func (g *gmail) in(box *mailbox, c *content) *message {
	i := slices.IndexFunc(box.msgs, func(m *message) bool { return m.content == c })
	if i < 0 {
		return nil
	}
	return box.msgs[i]
}

// places calls f for each mailbox that has the content.
func (g *gmail) places(c *content, f func(*mailbox, *message)) {
	for _, name := range g.st.names() {
		if box := g.st.boxes[name]; box != nil {
			if m := g.in(box, c); m != nil {
				f(box, m)
			}
		}
	}
}

// append gives a label to a message that is there already, or stores a new one.
func (g *gmail) append(box *mailbox, flags flagSet, date time.Time, data []byte) *message {
	c := g.mail[string(data)]
	known := false
	if c != nil {
		g.places(c, func(*mailbox, *message) { known = true })
	}
	if !known {
		g.st.lastMail++
		c = &content{data: data, id: fmt.Sprint(1278455344230334865 + g.st.lastMail)}
		g.mail[string(data)] = c
	}
	return g.label(box, box.names(flags), date, c)
}

// label puts a message into a mailbox, with what follows from that.
func (g *gmail) label(box *mailbox, flags []string, date time.Time, c *content) *message {
	if m := g.in(box, c); m != nil {
		return m
	}
	g.places(c, func(other *mailbox, m *message) {
		flags, date = other.names(m.flags&^flagDeleted), m.date
	})
	set, ok := box.set(flags)
	if !ok {
		set = 0
	}
	m := box.add(set, date, c)
	switch {
	case withoutLabels(box.name):
		g.places(c, func(other *mailbox, old *message) {
			if other != box {
				g.drop(other, old.uid)
			}
		})
		return m
	case box.name != GmailAll:
		g.label(g.st.boxes[GmailAll], flags, date, c)
	}
	for _, name := range []string{GmailTrash, GmailSpam} {
		if old := g.in(g.st.boxes[name], c); old != nil {
			g.drop(g.st.boxes[name], old.uid)
		}
	}
	if box.name == GmailStarred {
		box.setFlags([]*message{m}, func(f flagSet) flagSet { return f | flagFlagged }, nil)
	}
	g.star(c, m.flags&flagFlagged != 0)
	return m
}

// drop takes a message out of one mailbox. That alone gives no mod-sequence.
func (g *gmail) drop(box *mailbox, uid uint32) {
	before := box.modSeq
	box.remove([]uint32{uid})
	box.modSeq = before
}

// star keeps "Starred" as \Flagged has it.
func (g *gmail) star(c *content, on bool) {
	box := g.st.boxes[GmailStarred]
	m := g.in(box, c)
	trashed := g.in(g.st.boxes[GmailTrash], c) != nil || g.in(g.st.boxes[GmailSpam], c) != nil
	switch {
	case on && m == nil && !trashed:
		g.label(box, nil, time.Time{}, c)
	case !on && m != nil:
		g.drop(box, m.uid)
	}
}

// flagsChanged carries flags over to all places of the messages.
func (g *gmail) flagsChanged(box *mailbox, changed []*message) {
	if g.busy {
		return
	}
	g.busy = true
	for _, m := range changed {
		names := box.names(m.flags &^ flagDeleted)
		g.places(m.content, func(other *mailbox, om *message) {
			if set, ok := other.set(names); ok && other != box {
				other.setFlags([]*message{om}, func(f flagSet) flagSet { return set | f&flagDeleted }, nil)
			}
		})
		g.star(m.content, m.flags&flagFlagged != 0)
	}
	g.busy = false
	if g.set.AutoExpunge {
		for _, m := range changed {
			if m.flags&flagDeleted != 0 {
				g.expunge(box, []uint32{m.uid})
			}
		}
	}
}

// takeOut takes the label of the mailbox off, as a MOVE does with its source. All Mail is no label.
func (g *gmail) takeOut(box *mailbox, uids []uint32) (removed []uint32) {
	for _, uid := range slices.Clone(uids) {
		m := box.get(uid)
		if m == nil || box.name == GmailAll {
			continue
		}
		if box.name == GmailStarred {
			all := g.st.boxes[GmailAll]
			if am := g.in(all, m.content); am != nil {
				all.setFlags([]*message{am}, func(f flagSet) flagSet { return f &^ flagFlagged }, nil)
			}
		}
		if box.get(uid) != nil {
			g.drop(box, uid)
		}
		removed = append(removed, uid)
	}
	return removed
}

func (g *gmail) expunge(box *mailbox, uids []uint32) []uint32 {
	if box.name != GmailAll {
		return g.takeOut(box, uids)
	}
	var removed []uint32
	for _, uid := range slices.Clone(uids) {
		m := box.get(uid)
		if m == nil {
			continue
		}
		switch g.set.OnLastExpunge {
		case MoveToTrash:
			g.label(g.st.boxes[GmailTrash], nil, time.Time{}, m.content)
		case DeleteForever:
			g.places(m.content, func(b *mailbox, om *message) { g.drop(b, om.uid) })
		default:
			continue
		}
		removed = append(removed, uid)
	}
	return removed
}

// labels is the value of X-GM-LABELS.
func (g *gmail) labels(c *content) string {
	var list []string
	g.places(c, func(b *mailbox, _ *message) {
		if b.name != GmailAll {
			list = append(list, quote(EncodeName(b.name)))
		}
	})
	return "(" + strings.Join(list, " ") + ")"
}

// expunge removes messages for good, or in the manner of Gmail.
func (b *mailbox) expunge(uids []uint32) []uint32 {
	if b.gmail != nil {
		return b.gmail.expunge(b, uids)
	}
	return b.remove(uids)
}

// takeOut removes messages that were moved elsewhere.
func (b *mailbox) takeOut(uids []uint32) {
	if b.gmail != nil {
		b.gmail.takeOut(b, uids)
		return
	}
	b.remove(uids)
}

// inOrder writes UIDs of copies as they belong to their originals. Where a message had the label already, they do not ascend.
func inOrder(uids []uint32) string {
	words := make([]string, len(uids))
	ascending := true
	for i, uid := range uids {
		words[i] = itoa(int(uid))
		ascending = ascending && (i == 0 || uid > uids[i-1])
	}
	if ascending {
		return setOf(uids).String()
	}
	return strings.Join(words, ",")
}
