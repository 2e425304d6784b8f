package simulate

import (
	"bytes"
	"slices"
	"time"
)

// What was copied from a file while it was half written stays the half that it was,
// and so does what was sent of one whose folder somebody removed then.

// halved notes that a half of a message is a message of its own by now.
func (w *World) halved(content []byte) {
	if t := w.model.tokens[w.tree.token(content)]; t != nil {
		t.halved = true
	}
}

// abandoned is for how long nobody has written into a file that counts as whole: the
// Maildir convention gives one in tmp as long. SPEC §5 has a run look again only at files
// that were fresh when they went up.
const abandoned = 36 * time.Hour

// abandon ends the writers of halves that a run, which begins now, may send as they are:
// who has not written for so long does not go on. The half is the message then.
func (w *World) abandon() {
	for path, content := range w.half {
		if t := w.model.tokens[w.tree.token(content)]; t != nil && time.Since(t.halfAt) >= abandoned {
			t.content, t.half = t.content[:t.half], 0
			delete(w.half, path)
		}
	}
}

// forms are the contents that the message may have.
func (t *token) forms() [][]byte {
	if (t.halved || t.most > 1) && t.half > 0 {
		return [][]byte{t.content, t.content[:t.half]}
	}
	return [][]byte{t.content}
}

// holds reports whether a content is that of the message.
func (t *token) holds(content []byte) bool {
	have := plain(content)
	return slices.ContainsFunc(t.forms(), func(form []byte) bool { return bytes.Equal(have, plain(form)) })
}
