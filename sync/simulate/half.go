package simulate

import (
	"bytes"
	"slices"
)

// What was copied from a file while it was half written stays the half that it was,
// and so does what was sent of one whose folder somebody removed then.

// halved notes that a half of a message is a message of its own by now.
func (w *World) halved(content []byte) {
	if t := w.model.tokens[w.tree.token(content)]; t != nil {
		t.halved = true
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
