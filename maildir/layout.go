package maildir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/text/unicode/norm"

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
	rel, err := s.naming.Dir(s.real(Canonical(folder)))
	dir := ""
	if err == nil {
		dir, err = s.at(rel)
	}
	if err != nil {
		return "", failed("find the folder of", folder, mail.KindMailbox, err)
	}
	return dir, nil
}

// dirOfFolder is Dir for a folder, whatever mailbox it is of.
func (s *Store) dirOfFolder(folder string) (string, error) {
	rel, err := s.naming.encode(folder)
	if err != nil {
		return "", err
	}
	return s.at(rel)
}

// at returns the path of a directory as it is written on disk. An error says
// that this cannot be found out now.
func (s *Store) at(rel string) (string, error) {
	switch {
	case rel == "":
		return s.root, nil
	case s.naming.layout == Nested:
		if first, rest, _ := strings.Cut(rel, "/"); first == inbox {
			if used := s.inboxName(); rest == "" {
				rel = used
			} else {
				rel = used + "/" + rest
			}
		}
	}
	if s.naming.varies(rel) {
		var err error
		if rel, err = s.spelled(rel); err != nil {
			return "", err
		}
	}
	return s.root + string(filepath.Separator) + rel, nil
}

// spelled returns a directory as the disk has it: another program may have
// written its name with decomposed letters, which is the same name (SPEC §5).
// Where both are there, the composed one counts.
func (s *Store) spelled(rel string) (string, error) {
	s.mu.Lock()
	known, ok := s.spellings[rel]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	have := ""
	for level := range strings.SplitSeq(rel, "/") {
		used, err := s.spelledIn(have, level)
		if err != nil {
			return "", err
		}
		have = filepath.Join(have, used)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spellings[rel] = have
	return have, nil
}

func (s *Store) spelledIn(parent, level string) (string, error) {
	_, err := s.fs.Lstat(filepath.Join(s.root, parent, level))
	if err == nil || !isMissing(err) {
		return level, err
	}
	names, err := s.fs.ReadDirNames(filepath.Join(s.root, parent))
	if err != nil && !isMissing(err) {
		return "", err
	}
	slices.Sort(names)
	want := s.comparable(level)
	for _, n := range names {
		if s.comparable(n) == want {
			return n, nil
		}
	}
	return level, nil
}

// isMissing reports whether an error says that nothing has a name.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// comparable is what names have in common that differ in composition alone.
func (s *Store) comparable(name string) string {
	if s.naming.utf7 {
		if text, ok := mail.DecodeUTF7(name); ok {
			name = text
		}
	}
	return norm.NFC.String(name)
}

// forgetSpellings makes the next use look again how directories are written.
func (s *Store) forgetSpellings() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.spellings)
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

// pretends returns the name that a mailbox on disk answers to.
func (s *Store) pretends(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pretended {
		name, _ = mail.Renamed(name, p[0], p[1])
	}
	return name
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
