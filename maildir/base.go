package maildir

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// maxHost bounds the host part of a name, so that flags always fit.
	maxHost = 64
	// buildPrefix begins the names of unfinished things in the root. No
	// mailbox has such a name: in Nested two digits would follow the sign, in
	// Maildir++ it would begin with a dot.
	buildPrefix = "satchel%tmp."
)

// NewBase returns a base name that no other message has, made in the way of
// the Maildir convention: time, microseconds, process, delivery counter,
// random bytes, host. It says nothing about the server's UID.
func (s *Store) NewBase() string {
	now := s.now()
	var r [8]byte
	_, _ = rand.Read(r[:]) // never fails
	return fmt.Sprintf("%d.M%06dP%dQ%dR%s.%s", now.Unix(), now.Nanosecond()/1000, s.pid,
		s.counter.Add(1), hex.EncodeToString(r[:]), s.host)
}

// escapeHost writes a host name as the Maildir convention asks: '/' and ':'
// in octal, and so everything else that could confuse somebody.
func escapeHost(host string) string {
	var b strings.Builder
	for i := 0; i < len(host) && b.Len() < maxHost; i++ {
		c := host[i]
		if isLetter(c) || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}

// madeAt returns when NewBase made a name; ok is false for names that it did
// not make. The file's own time is that of the message, years ago perhaps.
func madeAt(base string) (t time.Time, ok bool) {
	sec, rest, ok := strings.Cut(base, ".M")
	if !ok {
		return time.Time{}, false
	}
	unix, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || unix < 0 {
		return time.Time{}, false
	}
	for _, part := range []struct {
		mark string
		want func(byte) bool
		size int // 0 for any
	}{{"P", isDigit, 6}, {"Q", isDigit, 0}, {"R", isDigit, 0}, {".", isHex, 16}} {
		field, after, found := strings.Cut(rest, part.mark)
		if !found || field == "" || part.size != 0 && len(field) != part.size {
			return time.Time{}, false
		}
		for i := 0; i < len(field); i++ {
			if !part.want(field[i]) {
				return time.Time{}, false
			}
		}
		rest = after
	}
	return time.Unix(unix, 0), rest != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' }
