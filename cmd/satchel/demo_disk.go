package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// diskMessage is a file of a Maildir as a mail program sees it. The demo
// reads the folders itself, so that what it verifies does not rest on the
// code that it verifies.
type diskMessage struct {
	mailbox string
	path    string
	subject string
	flags   mail.Flags
	content []byte // with the line endings of a server
}

// readMaildir reads all messages below root.
func readMaildir(root string) (mailboxes []string, messages []diskMessage, err error) {
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || e.Name() != "cur" {
			return err
		}
		folder := filepath.Dir(path)
		mailbox, err := filepath.Rel(root, folder)
		if err != nil {
			return err
		}
		mailbox = filepath.ToSlash(mailbox)
		mailboxes = append(mailboxes, mailbox)
		keywords, err := readKeywords(folder)
		if err != nil {
			return err
		}
		for _, sub := range []string{"new", "cur"} {
			files, err := os.ReadDir(filepath.Join(folder, sub))
			if err != nil {
				return err
			}
			for _, f := range files {
				m, err := readMessage(filepath.Join(folder, sub, f.Name()), keywords)
				if err != nil {
					return err
				}
				m.mailbox = mailbox
				messages = append(messages, m)
			}
		}
		return fs.SkipDir
	})
	slices.Sort(mailboxes)
	return mailboxes, messages, err
}

func readMessage(path string, keywords map[byte]string) (diskMessage, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return diskMessage{}, err
	}
	m := diskMessage{path: path, subject: subjectOf(data), content: data}
	if !bytes.Contains(data, []byte("\r\n")) {
		m.content = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	_, letters, _ := strings.Cut(filepath.Base(path), ":2,")
	var names []string
	for i := range len(letters) {
		if bit, ok := mail.FromLetter(letters[i]); ok {
			m.flags.System |= bit
		} else if name := keywords[letters[i]]; name != "" {
			names = append(names, name)
		}
	}
	m.flags = m.flags.Union(mail.NewFlags(names...))
	return m, nil
}

// readKeywords reads the letters of a folder, lines such as "0 $Label1".
func readKeywords(folder string) (map[byte]string, error) {
	data, err := os.ReadFile(filepath.Join(folder, "dovecot-keywords"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	letters := make(map[byte]string)
	for line := range strings.Lines(string(data)) {
		var n int
		var name string
		if _, err := fmt.Sscanf(line, "%d %s", &n, &name); err == nil && n >= 0 && n < 26 {
			letters[byte('a'+n)] = name
		}
	}
	return letters, nil
}

func subjectOf(data []byte) string {
	for line := range bytes.Lines(data) {
		if value, ok := bytes.CutPrefix(line, []byte("Subject: ")); ok {
			text, err := new(mime.WordDecoder).DecodeHeader(strings.TrimSpace(string(value)))
			if err != nil {
				return string(value)
			}
			return text
		}
	}
	return ""
}

// withFlag is the name of a file in cur with one more flag letter.
func withFlag(path, letter string) string {
	dir, base := filepath.Dir(filepath.Dir(path)), filepath.Base(path)
	unique, old, _ := strings.Cut(base, ":2,")
	letters := strings.Split(old+letter, "")
	slices.Sort(letters)
	return filepath.Join(dir, "cur", unique+":2,"+strings.Join(slices.Compact(letters), ""))
}
