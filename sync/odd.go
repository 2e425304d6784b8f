package sync

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/sync/mail"
)

// oddEntry is an entry of cur or new that is not read: no regular file, a link,
// or a file of another user. It is no message, and holds nothing back.
type oddEntry struct {
	file maildir.File
	err  error
}

func isOdd(err error) bool {
	return errors.Is(err, maildir.ErrNotRegular) || errors.Is(err, maildir.ErrLink) || errors.Is(err, maildir.ErrForeign)
}

// reportOdd says what was left out: once, that something is no file at all; in
// each run, what somebody may take for mail that is synced. Of many entries of a
// folder the first is named and the others are counted.
func (s *session) reportOdd() {
	slices.SortFunc(s.odd, func(a, b oddEntry) int { return cmp.Compare(a.file.String(), b.file.String()) })
	for _, kind := range []error{maildir.ErrNotRegular, maildir.ErrLink, maildir.ErrForeign} {
		first, count := map[string]oddEntry{}, map[string]int{}
		var folders []string
		for _, o := range s.odd {
			if !errors.Is(o.err, kind) {
				continue
			}
			folder := o.file.Folder
			if count[folder]++; count[folder] == 1 {
				first[folder] = o
				folders = append(folders, folder)
			}
		}
		for _, name := range folders {
			s.sayOdd(kind, first[name], count[name]-1)
		}
	}
}

func (s *session) sayOdd(kind error, o oddEntry, more int) {
	others := ""
	if more > 0 {
		others = fmt.Sprintf(", and so are %d more there", more)
	}
	if errors.Is(kind, maildir.ErrNotRegular) {
		s.rep.notice("%s is no regular file and is left alone%s", o.file, others)
		return
	}
	s.hold(false, o.file.Folder) // said again by the next run
	err := o.err
	if more > 0 {
		err = &mail.Error{Op: fmt.Sprintf("read %s and %d more like it in", o.file, more), Mailbox: o.file.Folder,
			Kind: mail.KindMessage, Hint: mail.HintOf(err), Err: kind}
	}
	s.rep.problem(o.file.Folder, o.file.Name, err)
}
