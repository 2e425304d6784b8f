package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What people and programs do to either side of a [saga]; side 0 is the disk,
// side 1 the server.

// boxes returns the mailboxes of a side, sorted.
func (s *saga) boxes(side int) (names []string) {
	s.Helper()
	if side == 1 {
		return s.imap.list("LIST")
	}
	s.must(filepath.WalkDir(s.mail, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "cur" {
			rel, _ := filepath.Rel(s.mail, filepath.Dir(path))
			names = append(names, decodePercent(rel))
		}
		return err
	}))
	slices.Sort(names)
	return names
}

// list returns the messages in a mailbox of a side, by subject.
func (s *saga) list(side int, box string) (list []letter) {
	s.Helper()
	if side == 1 {
		list = s.imap.messages(box)
	} else {
		for _, sub := range []string{"cur", "new"} {
			entries, err := os.ReadDir(filepath.Join(s.mail, box, sub))
			s.must(err)
			for _, e := range entries {
				l := letter{name: filepath.Join(s.mail, box, sub, e.Name())}
				l.content, err = os.ReadFile(l.name)
				s.must(err)
				_, info, _ := strings.Cut(e.Name(), ":2,")
				for _, f := range flagLetters() {
					if strings.Contains(info, f[1]) {
						l.flags = append(l.flags, f[0])
					}
				}
				list = append(list, l)
			}
		}
	}
	slices.SortFunc(list, func(a, b letter) int { return strings.Compare(a.subject()+" "+a.name, b.subject()+" "+b.name) })
	return list
}

func flagLetters() [][2]string {
	return [][2]string{{`\Flagged`, "F"}, {"$Forwarded", "P"}, {`\Answered`, "R"}, {`\Seen`, "S"}}
}

func (s *saga) add(side int, box, subject string, content []byte) {
	s.Helper()
	date := 1_700_000_000 + int64(s.n)*61
	if side == 1 {
		s.imap.append(box, []string{"", `\Seen`}[s.n%2], date, withCRLF(content))
		return
	}
	s.put(filepath.Join(box, "cur", fmt.Sprintf("%d.%d_%s.elsewhere:2,S", time.Now().Unix(), s.n, subject)), date, content)
}

// park leaves the client in a mailbox that nobody renames: Dovecot ends a
// session whose mailbox is gone.
func (s *saga) park() {
	s.Helper()
	s.imap.selected = ""
	s.imap.cmd(`SELECT "INBOX"`)
}

// onServer selects a mailbox anew, so that the client sees it as it is.
func (s *saga) onServer(box string) *imapClient {
	s.imap.selected = ""
	s.imap.sel(box)
	return s.imap
}

func (s *saga) flag(side int, box string, l letter, flag string, on bool) {
	s.Helper()
	if side == 1 {
		s.onServer(box).cmd("UID STORE %s %sFLAGS (%s)", l.name, map[bool]string{true: "+", false: "-"}[on], flag)
		return
	}
	_, info, _ := strings.Cut(filepath.Base(l.name), ":2,")
	letters := strings.Split(info, "")
	for _, f := range flagLetters() {
		if f[0] == flag {
			letters = slices.DeleteFunc(letters, func(x string) bool { return x == f[1] })
			if on {
				letters = append(letters, f[1])
			}
		}
	}
	slices.Sort(letters)
	s.rename(l.name, filepath.Join(box, "cur", base(l.name)+":2,"+strings.Join(letters, "")))
}

func (s *saga) moveLetter(side int, box string, l letter, to string) {
	s.Helper()
	if side == 1 {
		s.onServer(box).cmd("UID MOVE %s %s", l.name, s.imap.name(to))
		return
	}
	s.rename(l.name, filepath.Join(to, "cur", s.fresh(l)))
}

func (s *saga) copyLetter(side int, box string, l letter, to string) {
	s.Helper()
	if side == 1 {
		s.onServer(box).cmd("UID COPY %s %s", l.name, s.imap.name(to))
		return
	}
	info, err := os.Stat(l.name)
	s.must(err)
	s.put(filepath.Join(to, "cur", s.fresh(l)), info.ModTime().Unix(), l.content)
}

// fresh is a name that no file has, with the flags of l.
func (s *saga) fresh(l letter) string {
	s.n++
	_, info, _ := strings.Cut(filepath.Base(l.name), ":2,")
	return fmt.Sprintf("%d.%d_again.elsewhere:2,%s", time.Now().Unix(), s.n, info)
}

func (s *saga) remove(side int, box string, l letter) {
	s.Helper()
	if side == 1 {
		c := s.onServer(box)
		c.cmd(`UID STORE %s +FLAGS (\Deleted)`, l.name)
		c.cmd("UID EXPUNGE %s", l.name)
		return
	}
	s.must(os.Remove(l.name))
}

// move renames a mailbox.
func (s *saga) move(side int, from, to string) {
	s.Helper()
	if side == 1 {
		s.park()
		s.imap.cmd("RENAME %s %s", s.imap.name(from), s.imap.name(to))
		return
	}
	s.must(os.MkdirAll(filepath.Dir(filepath.Join(s.mail, to)), 0o700))
	s.must(os.Rename(filepath.Join(s.mail, from), filepath.Join(s.mail, to)))
}
