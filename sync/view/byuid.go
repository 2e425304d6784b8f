package view

import "satchel/sync/mail"

// ByUID holds things by where a message is on the server: its mailbox and its UID there.
type ByUID[T any] map[string]map[mail.UID]T

// Put notes a thing about one message.
func (b ByUID[T]) Put(mailbox string, uid mail.UID, x T) {
	if b[mailbox] == nil {
		b[mailbox] = map[mail.UID]T{}
	}
	b[mailbox][uid] = x
}
