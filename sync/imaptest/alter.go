package imaptest

import (
	"bytes"
	"fmt"
	"hash/crc32"
)

// Alterations are what servers, and gateways before them, make of messages that clients append, for [Options.Stores]. Each was met in
// the field. None alters what it made once more.
func Alterations() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		// Proton Bridge
		"housekeeping": func(m []byte) []byte { return onTop(m, "X-Pm-Gluon-Id", fmt.Sprintf("%08x", crc32.ChecksumIEEE(m))) },
		"field added":  func(m []byte) []byte { return onTop(m, "X-Gateway", "scanned by example.org, nothing found") },
		"Message-ID added": func(m []byte) []byte {
			return onTop(m, "Message-ID", fmt.Sprintf("<%08x@gateway.example.org>", crc32.ChecksumIEEE(m)))
		},
		"field rewritten": func(m []byte) []byte {
			return bytes.Replace(m, []byte("From: ann@example.org\r\n"), []byte("From: \"Ann\" <ann@example.org>\r\n"), 1)
		},
		"last line dropped": func(m []byte) []byte {
			for bytes.HasSuffix(m, []byte("\r\n\r\n")) {
				m = m[:len(m)-2]
			}
			return m
		},
		"last line ended":     endLast,
		"last line not ended": func(m []byte) []byte { return bytes.TrimSuffix(m, []byte("\r\n")) },
		// Courier
		"CR dropped": func(m []byte) []byte {
			m = bytes.ReplaceAll(m, []byte("\r"), nil)
			return endLast(bytes.ReplaceAll(m, []byte("\n"), []byte("\r\n")))
		},
		// Dovecot
		"last CR dropped": func(m []byte) []byte {
			for bytes.Contains(m, []byte("\r\r\n")) {
				m = bytes.ReplaceAll(m, []byte("\r\r\n"), []byte("\r\n"))
			}
			return bytes.TrimRight(m, "\r")
		},
	}
}

// onTop adds a field to a message that has none of the name.
func onTop(m []byte, name, value string) []byte {
	if bytes.Contains(m, []byte(name+": ")) {
		return m
	}
	return append([]byte(name+": "+value+"\r\n"), m...)
}

func endLast(m []byte) []byte {
	if bytes.HasSuffix(m, []byte("\n")) {
		return m
	}
	return append(bytes.Clone(m), "\r\n"...)
}

// Rewords is for [Options.Words]: each time a message is sent, a line of its header is another.
func Rewords(n int, m []byte) []byte {
	return append(fmt.Appendf(nil, "X-Worded: %d times\r\n", 1000+n), m...)
}
