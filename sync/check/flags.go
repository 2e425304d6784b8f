package check

import (
	"cmp"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/keyword"
	"satchel/sync/mail"
	"satchel/sync/quirk"
	"satchel/sync/view"
)

// folderCheck is one folder while a check reads it.
type folderCheck struct {
	mb      *state.Mailbox
	listing *maildir.Listing
	table   maildir.Table
	still   bool // its stamp is that of the base, so no sync would look at it
	// riddles are, by letter, how many file names show it although it stands
	// for nothing.
	riddles map[byte]int
}

func newFolderCheck(mb *state.Mailbox, l *maildir.Listing) *folderCheck {
	now := l.Stamp
	f := &folderCheck{mb: mb, listing: l, riddles: map[byte]int{}}
	f.table = maildir.NewTable(l, keyword.LettersBefore((&view.Mailbox{Row: mb}), l.Keywords))
	f.still = now.Unchanged(view.StampOf(mb))
	return f
}

// read counts the letters of a name that mean nothing.
func (f *folderCheck) read(file maildir.File) {
	letters := file.Letters()
	if letters == "" || f.table.Unread {
		return
	}
	explained := f.table.Fresh(file).Explained
	for _, c := range []byte(letters) {
		if !slices.Contains([]byte(explained), c) {
			f.riddles[c]++
		}
	}
}

// letters reports what the names of a folder say without a meaning.
func (c *Checker) letters(f *folderCheck) {
	if f.table.Unread {
		c.found(FoundLetters, f.mb, nil, "dovecot-keywords cannot be read, so the keywords of its files were not compared: %v", f.listing.KeywordsErr)
		return
	}
	var list []byte
	for letter := range f.riddles {
		list = append(list, letter)
	}
	slices.SortFunc(list, func(a, b byte) int { return cmp.Compare(a, b) })
	for _, letter := range list {
		c.found(FoundLetters, f.mb, nil, "the letter %q in %d file names stands for no keyword: dovecot-keywords has no line for it, and none is remembered",
			string(letter), f.riddles[letter])
	}
}

// shown compares the flags that a file shows with those of its row, whose name
// is that of the file. What a sync would notice waits; the rest is damage.
func (c *Checker) shown(f *folderCheck, row *state.Message, file maildir.File) {
	shows, says := f.table.Fresh(file).Flags, row.LocalFlags
	if f.table.Unread || row.Pending || shows.Equal(says) {
		return
	}
	system := func(fl mail.Flags) mail.Flags { return mail.Flags{System: fl.System} }
	if !system(shows).Equal(system(says)) || f.still {
		c.broken(FoundFlags, f.mb, row, "the file shows the flags %q, the state says %q", shows, says)
		return
	}
	c.rep.Waiting++
}

// together compares what a row says of the two sides. A flag that only one of
// them has stays so only where the other cannot hold it: nothing would ever
// bring it there.
func (c *Checker) together(f *folderCheck, row *state.Message) {
	if row.Pending || !row.NamesFile() || row.LocalFlags.Equal(row.RemoteFlags) {
		return
	}
	mb := f.mb
	here, there := row.LocalFlags.Minus(row.RemoteFlags), row.RemoteFlags.Minus(row.LocalFlags)
	here = here.Minus(mb.Refused)
	if !mb.PermanentAny {
		here = here.Intersect(mb.Permanent)
	} else {
		here = here.Intersect(mb.Permanent.Union(quirk.Keywords(here))) // \* is about keywords
	}
	if mb.ReadOnly {
		here = mail.Flags{}
	}
	for _, name := range there.Keywords() {
		if _, ok := f.table.Use.Letter(name); !ok {
			there = there.Minus(mail.NewFlags(name))
		}
	}
	if here.IsEmpty() && there.IsEmpty() {
		return
	}
	c.broken(FoundFlags, mb, row, "the state says %q of the file and %q of the server's message, and both sides can hold them", row.LocalFlags, row.RemoteFlags)
}
