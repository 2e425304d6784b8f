package maildir

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"satchel/sync/mail"
)

const (
	inbox = "INBOX"
	// undoName is the undo folder inside the root, keywordsFile Dovecot's
	// table of keyword letters, idFile the mark of a root.
	undoName     = ".satchel-undo"
	keywordsFile = "dovecot-keywords"
	idFile       = ".satchel.json"
	notmuchName  = ".notmuch"
)

// Canonical returns the mailbox name with a first level INBOX, in any case,
// in upper case (RFC 3501 §5.1).
func Canonical(name string) string {
	first, _, _ := strings.Cut(name, "/")
	if len(first) == len(inbox) && strings.EqualFold(first, inbox) {
		return inbox + name[len(inbox):]
	}
	return name
}

// reservedPP reports whether a directory name in a Maildir++ root belongs to
// something other than a mailbox.
func reservedPP(name string) bool {
	switch strings.ToLower(name) {
	case undoName, idFile, notmuchName:
		return true
	}
	return false
}

// Dir returns the directory of a mailbox, whether or not it exists. Whatever
// the name, the directory lies within the root.
func (s *Store) Dir(folder string) (string, error) {
	rel, err := s.rel(s.real(Canonical(folder)))
	if err != nil {
		return "", failed("find the folder of", folder, mail.KindMailbox, err)
	}
	if rel == "" {
		return s.root, nil
	}
	return s.root + string(filepath.Separator) + rel, nil
}

// rel returns the directory of a canonical name relative to the root; "" is
// the root itself.
func (s *Store) rel(name string) (string, error) {
	if name == "" {
		return "", errors.New("a mailbox without a name has no folder")
	}
	levels := strings.Split(name, "/")
	if s.layout == Nested {
		for i, l := range levels {
			levels[i] = EncodeLevel(l, Nested)
		}
		if levels[0] == inbox {
			levels[0] = s.inboxName()
		}
		return strings.Join(levels, "/"), nil
	}
	if name == inbox {
		return "", nil
	}
	for i, l := range levels {
		levels[i] = EncodeLevel(l, MaildirPP)
	}
	dir := "." + strings.Join(levels, ".")
	if reservedPP(dir) {
		dir = fmt.Sprintf(".%%%02X%s", dir[1], dir[2:])
	}
	if len(dir) > maxName {
		return "", fmt.Errorf("the directory name would be %d bytes long, and %d is the limit; use layout = \"nested\" or exclude the mailbox", len(dir), maxName)
	}
	return dir, nil
}

// nameOfPP returns the mailbox that a directory in a Maildir++ root holds.
func (s *Store) nameOfPP(dir string) (string, error) {
	levels := strings.Split(dir[1:], ".")
	for i, l := range levels {
		level, err := decodeLevel(l)
		if err != nil {
			return "", err
		}
		levels[i] = level
	}
	name := Canonical(strings.Join(levels, "/"))
	// A level may hold an encoded '/', which is another mailbox than the one
	// with two levels; both have the same name here, so only the directory
	// that the name leads to counts.
	if back, err := s.rel(name); err != nil || back != dir {
		return "", errForeign
	}
	return name, nil
}

// inboxName returns the directory of INBOX in the Nested layout. Maildirs made
// by other tools call it Inbox or inbox.
func (s *Store) inboxName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbox
}

// findInbox settles inboxName: INBOX when it exists or nothing like it does.
func (s *Store) findInbox(names []string) {
	found := inbox
	for _, n := range names {
		if n == inbox {
			found = inbox
			break
		}
		// Of several the first in byte order, so that every run agrees.
		if len(n) == len(inbox) && strings.EqualFold(n, inbox) && (found == inbox || n < found) {
			if i, err := s.fs.Stat(filepath.Join(s.root, n)); err == nil && i.Mode.IsDir() {
				found = n
			}
		}
	}
	s.mu.Lock()
	s.inbox = found
	s.mu.Unlock()
}

// Pretend makes the folder of the mailbox from, and those below it, answer to
// the name to. So a plan can go on as if the rename that it begins with had
// been carried out.
func (s *Store) Pretend(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pretended = append(s.pretended, [2]string{Canonical(from), Canonical(to)})
}

// real returns the name that a mailbox has on disk.
func (s *Store) real(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Backward(s.pretended) {
		name, _ = mail.Renamed(name, p[1], p[0])
	}
	return name
}
