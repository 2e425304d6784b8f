//go:build linux

package bench

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// connection is just enough IMAP to fill an account, change it and read it
// again: an opinion of its own, independent of the program under test.
type connection struct {
	c   net.Conn
	r   *bufio.Reader
	w   *bufio.Writer
	tag int
}

func login(addr, user, password string) (*connection, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	m := &connection{c: c, r: bufio.NewReaderSize(c, 1<<18), w: bufio.NewWriterSize(c, 1<<18)}
	if err := c.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if _, err = m.r.ReadString('\n'); err == nil {
		_, err = m.do("LOGIN %s %s", user, password)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return m, nil
}

func (m *connection) close() {
	_, _ = m.do("LOGOUT")
	_ = m.c.Close()
}

// send queues a command; answer reads what the server says to it.
func (m *connection) send(format string, args ...any) {
	m.tag++
	_, _ = fmt.Fprintf(m.w, "a%d "+format+"\r\n", append([]any{m.tag}, args...)...) // an error stays in w until Flush
}

// answer returns the untagged lines up to the answer with this tag.
func (m *connection) answer(tag int) ([]string, error) {
	if err := m.w.Flush(); err != nil {
		return nil, err
	}
	var lines []string
	done := fmt.Sprintf("a%d ", tag)
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, done); ok {
			if !strings.HasPrefix(rest, "OK") {
				return lines, fmt.Errorf("the server answered %q", rest)
			}
			return lines, nil
		}
		lines = append(lines, line)
	}
}

func (m *connection) do(format string, args ...any) ([]string, error) {
	m.send(format, args...)
	return m.answer(m.tag)
}

// batch is how many messages enter with one APPEND (RFC 3502): one
// transaction for the server, and no more than some megabytes at once.
const batch = 1000

// fill adds messages to a mailbox.
func (m *connection) fill(mailbox string, messages []message) error {
	for part := range slices.Chunk(messages, batch) {
		m.tag++
		_, _ = fmt.Fprintf(m.w, "a%d APPEND %s", m.tag, mailbox)
		for _, msg := range part {
			_, _ = fmt.Fprintf(m.w, " (%s) \"%s\" {%d+}\r\n", imapFlags(msg.flags), msg.date.Format("02-Jan-2006 15:04:05 -0700"), len(msg.data))
			_, _ = m.w.Write(msg.data)
		}
		_, _ = m.w.WriteString("\r\n")
		if _, err := m.answer(m.tag); err != nil {
			return fmt.Errorf("append to %s: %w", mailbox, err)
		}
	}
	return nil
}

// statuses says whether anything happened in any mailbox.
func (m *connection) statuses() ([]string, error) {
	lines, err := m.do(`LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))`)
	slices.Sort(lines)
	return lines, err
}

// mailboxes lists those that can hold messages.
func (m *connection) mailboxes() ([]string, error) {
	lines, err := m.do(`LIST "" "*"`)
	var names []string
	for _, l := range lines {
		if f := strings.Fields(l); len(f) > 4 && f[1] == "LIST" && !strings.Contains(strings.ToLower(l), `\noselect`) {
			names = append(names, strings.Trim(f[len(f)-1], `"`)) // no name here has a space
		}
	}
	return names, err
}

// stored is a message on the server.
type stored struct {
	uid   uint32
	flags string
}

var (
	uidPattern   = regexp.MustCompile(`\bUID (\d+)`)
	flagsPattern = regexp.MustCompile(`\bFLAGS \(([^)]*)\)`)
)

// read fetches all of a mailbox. Bodies that differ only in the header line
// that mbsync adds are the same when it was mbsync that wrote them.
func (m *connection) read(mailbox string, byMbsync bool) (map[digest]stored, error) {
	if _, err := m.do("EXAMINE %s", mailbox); err != nil {
		return nil, err
	}
	m.send("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")
	if err := m.w.Flush(); err != nil {
		return nil, err
	}
	all := map[digest]stored{}
	done := fmt.Sprintf("a%d ", m.tag)
	var body []byte
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, done) {
			if !strings.HasPrefix(line, done+"OK") {
				return nil, fmt.Errorf("the server answered %q", line)
			}
			return all, nil
		}
		open := strings.LastIndexByte(line, '{')
		if open < 0 || !strings.HasSuffix(line, "}") {
			continue
		}
		n, err := strconv.Atoi(line[open+1 : len(line)-1])
		if err != nil {
			return nil, err
		}
		body = slices.Grow(body[:0], n)[:n]
		if _, err := io.ReadFull(m.r, body); err != nil {
			return nil, err
		}
		uid, flags := uidPattern.FindStringSubmatch(line), flagsPattern.FindStringSubmatch(line)
		if uid == nil || flags == nil {
			return nil, fmt.Errorf("not understood: %q", line)
		}
		u, err := strconv.ParseUint(uid[1], 10, 32)
		if err != nil {
			return nil, err
		}
		d := digestOf(body, byMbsync)
		if _, double := all[d]; double {
			return nil, fmt.Errorf("%s holds a message twice, again as UID %d", mailbox, u)
		}
		all[d] = stored{uint32(u), letters(flags[1])}
	}
}

// flagLetters are the flags that both programs carry, in Maildir's order.
var flagLetters = []struct{ letter, flag string }{
	{"D", `\Draft`}, {"F", `\Flagged`}, {"R", `\Answered`}, {"S", `\Seen`}, {"T", `\Deleted`},
}

func imapFlags(letters string) string {
	var out []string
	for _, f := range flagLetters {
		if strings.Contains(letters, f.letter) {
			out = append(out, f.flag)
		}
	}
	return strings.Join(out, " ")
}

// letters turns IMAP flags into Maildir's; \Recent is not one of them.
func letters(flags string) string {
	have := strings.Fields(flags)
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
