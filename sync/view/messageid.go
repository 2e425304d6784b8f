package view

import (
	"strings"
)

// OtherID reports whether two Message-IDs show that the messages differ. A
// server and we may read an odd field differently, or one of us not at all, so
// only two that are plain say so; the content settles everything else.
func OtherID(a, b string) bool { return a != b && plainID(a) && plainID(b) }

// plainID reports whether a Message-ID can be read in one way only: no comment,
// no encoded word, nothing around the angle brackets.
func plainID(id string) bool {
	return len(id) > 2 && id[0] == '<' && strings.IndexByte(id, '>') == len(id)-1 && strings.LastIndexByte(id, '<') == 0 &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
