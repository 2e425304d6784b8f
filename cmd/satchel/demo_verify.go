package main

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// verify compares every byte and flag of both sides, and returns what
// differs.
func verify(srv *imaptest.Server, root string) (messages, mailboxes int, differences []string, err error) {
	names, files, err := readMaildir(root)
	if err != nil {
		return 0, 0, nil, err
	}
	// What is on the server counts up, what is on disk counts down: a key
	// that does not end at zero is on one side only.
	balance := make(map[string]int)
	remote := srv.Mailboxes()
	for _, name := range remote {
		for _, m := range srv.Messages(name) {
			balance[identity(name, m.Content, mail.NewFlags(m.Flags...))]++
			messages++
		}
	}
	for _, f := range files {
		balance[identity(f.mailbox, f.content, f.flags)]--
	}
	for key, n := range balance {
		switch {
		case n > 0:
			differences = append(differences, "only on the server: "+key)
		case n < 0:
			differences = append(differences, "only on disk: "+key)
		}
	}
	for _, name := range remote {
		if !slices.Contains(names, name) {
			differences = append(differences, "mailbox only on the server: "+name)
		}
	}
	for _, name := range names {
		if !slices.Contains(remote, name) {
			differences = append(differences, "mailbox only on disk: "+name)
		}
	}
	slices.Sort(differences)
	return messages, len(remote), differences, nil
}

// identity is place, subject, flags and content in one line.
func identity(mailbox string, content []byte, flags mail.Flags) string {
	return fmt.Sprintf("%s %q [%s] %x", mailbox, subjectOf(content), flags, sha256.Sum256(content))
}
