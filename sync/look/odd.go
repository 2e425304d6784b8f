package look

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/sync/mail"
	"satchel/sync/view"
)

func isOdd(err error) bool {
	return errors.Is(err, maildir.ErrNotRegular) || errors.Is(err, maildir.ErrLink) || errors.Is(err, maildir.ErrForeign)
}

// reportOdd says what was left out: once, that something is no file at all; in
// each run, what somebody may take for mail that is synced. Of many entries of a
// folder the first is named and the others are counted.
func (s *Look) reportOdd() {
	slices.SortFunc(s.odd, func(a, b view.OddEntry) int { return cmp.Compare(a.File.String(), b.File.String()) })
	for _, kind := range []error{maildir.ErrNotRegular, maildir.ErrLink, maildir.ErrForeign} {
		first, count := map[string]view.OddEntry{}, map[string]int{}
		var folders []string
		for _, o := range s.odd {
			if !errors.Is(o.Err, kind) {
				continue
			}
			folder := o.File.Folder
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

func (s *Look) sayOdd(kind error, o view.OddEntry, more int) {
	others := ""
	if more > 0 {
		others = fmt.Sprintf(", and so are %d more there", more)
	}
	if errors.Is(kind, maildir.ErrNotRegular) {
		s.Rep.Notice("%s is no regular file and is left alone%s", o.File, others)
		return
	}
	s.HoldStamp(o.File.Folder) // said again by the next run
	err := o.Err
	if more > 0 {
		err = &mail.Error{Op: fmt.Sprintf("read %s and %d more like it in", o.File, more), Mailbox: o.File.Folder,
			Kind: mail.KindMessage, Hint: mail.HintOf(err), Err: kind}
	}
	s.Rep.Problem(o.File.Folder, o.File.Name, err)
}
