//go:build linux

package bench

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/imaptest/talk"
)

// connection fills an account, changes it and reads it again.
type connection struct{ *talk.Conn }

func login(addr, user, password string) (*connection, error) {
	c, err := talk.Dial(addr, user, password, time.Hour)
	return &connection{c}, err
}

func (m *connection) close() { _ = m.Close() }

func (m *connection) do(format string, args ...any) ([]talk.Reply, error) {
	all, _, err := m.Do(format, args...)
	return all, err
}

// batch is how many messages enter with one APPEND (RFC 3502): one
// transaction for the server, and no more than some megabytes at once.
const batch = 1000

// fill adds messages to a mailbox.
func (m *connection) fill(mailbox string, messages []message) error {
	for part := range slices.Chunk(messages, batch) {
		all := make([]imaptest.Message, len(part))
		for i, msg := range part {
			all[i] = imaptest.Message{Flags: imapFlags(msg.flags), Date: msg.date, Content: msg.data}
		}
		if _, err := m.Append(mailbox, all...); err != nil {
			return fmt.Errorf("append to %s: %w", mailbox, err)
		}
	}
	return nil
}

// statuses says whether anything happened in any mailbox.
func (m *connection) statuses() (lines []string, err error) {
	all, err := m.do(`LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))`)
	for _, r := range all {
		lines = append(lines, r.Text)
	}
	slices.Sort(lines)
	return lines, err
}

// mailboxes lists those that can hold messages.
func (m *connection) mailboxes() (names []string, err error) {
	all, err := m.do(`LIST "" "*"`)
	for _, r := range all {
		if name, ok := r.Listed(); ok {
			names = append(names, name)
		}
	}
	return names, err
}

// stored is a message on the server.
type stored struct {
	uid   uint32
	flags string
}

// read fetches all of a mailbox. Bodies that differ only in the header line
// that mbsync adds are the same when it was mbsync that wrote them.
func (m *connection) read(mailbox string, byMbsync bool) (map[digest]stored, error) {
	if _, err := m.do("EXAMINE %s", talk.Name(mailbox)); err != nil {
		return nil, err
	}
	all := map[digest]stored{}
	_, err := m.Each(func(r talk.Reply) error {
		if len(r.Literals) == 0 {
			return nil
		}
		msg, ok := r.Message()
		if !ok {
			return fmt.Errorf("not understood: %q", r.Text)
		}
		d := digestOf(msg.Content, byMbsync)
		if _, double := all[d]; double {
			return fmt.Errorf("%s holds a message twice, again as UID %d", mailbox, msg.UID)
		}
		all[d] = stored{msg.UID, letters(msg.Flags)}
		return nil
	}, "UID FETCH 1:* "+talk.Whole)
	return all, err
}

// flagLetters are the flags that both programs carry, in Maildir's order.
var flagLetters = []struct{ letter, flag string }{
	{"D", `\Draft`}, {"F", `\Flagged`}, {"R", `\Answered`}, {"S", `\Seen`}, {"T", `\Deleted`},
}

func imapFlags(letters string) (out []string) {
	for _, f := range flagLetters {
		if strings.Contains(letters, f.letter) {
			out = append(out, f.flag)
		}
	}
	return out
}

// letters turns IMAP flags into Maildir's.
func letters(have []string) string {
	var b strings.Builder
	for _, f := range flagLetters {
		if slices.Contains(have, f.flag) {
			b.WriteString(f.letter)
		}
	}
	return b.String()
}

// set writes UIDs as a sequence set.
func set(uids []uint32) string {
	slices.Sort(uids)
	var b strings.Builder
	for i := 0; i < len(uids); {
		j := i
		for j+1 < len(uids) && uids[j+1] == uids[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d", uids[i])
		if j > i {
			fmt.Fprintf(&b, ":%d", uids[j])
		}
		i = j + 1
	}
	return b.String()
}

// digest identifies the content of a message, with CRLF.
type digest [16]byte

func digestOf(crlf []byte, byMbsync bool) digest {
	if byMbsync {
		crlf = withoutTUID(crlf)
	}
	sum := sha256.Sum256(crlf)
	return digest(sum[:16])
}
