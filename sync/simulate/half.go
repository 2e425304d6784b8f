package simulate

import "bytes"

// What was copied from a file while it was half written stays the half that it was,
// and so does what was sent of one whose folder somebody removed then.

// halved notes that a half of a message is a message of its own by now.
func (w *World) halved(content []byte) {
	if t := w.model.tokens[w.tree.token(content)]; t != nil {
		t.halved = true
	}
}

// holds reports whether a content is that of the message.
func (t *token) holds(content []byte) bool {
	have, want := plain(content), plain(t.content)
	return bytes.Equal(have, want) || (t.halved || t.most > 1) && t.half > 0 && bytes.Equal(have, plain(t.content[:t.half]))
}
