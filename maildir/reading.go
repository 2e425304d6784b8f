package maildir

import (
	"strings"

	"satchel/sync/mail"
)

// What the letters of a known file say is read against what the base says of
// that file. A letter is evidence only together with a table, and the table
// may have been lost or be another folder's, so there are three answers: the
// keyword is set, it is not set, and nothing is said. Nothing is said by a
// letter that has no meaning; then the base stands.
//
// In its folder, a file of which the base knows the letters:
//
//	the letter is     and                                        the keyword
//	in both           it had a meaning before                    is as in the base
//	in both           it had none and has one now                is set
//	added             it means something, now or else before     is set
//	added             it means nothing                           nothing is said, nor by those that went
//	gone              it means the same now as before            is cleared
//	gone              its meaning was lost or is another         is as in the base
//	any               the name lost its flags altogether (":2,") is as in the base
//
// In another folder, moved or copied there:
//
//	the letters       and                                        are read
//	are those of      -                                          not at all: a program that knows of no
//	the base                                                     keywords moved it, and the base stands;
//	                                                             but what meant nothing there and means
//	                                                             something here is set, as in its folder
//	differ            all mean something here                    by the table here; a keyword of the base
//	                                                             whose old letter is in the name is not cleared
//	differ            all mean something in the old folder       as if it had been edited there, then moved
//	differ            both                                       in the way that changes less; in doubt here
//	differ            neither                                    added ones by the table here; none is cleared

// Was is what the base says of a file.
type Was struct {
	Letters string // the keyword letters in its name, sorted
	Flags   mail.Flags
}

// Reading is what the name of a file says.
type Reading struct {
	Flags mail.Flags
	// Explained are the keyword letters in the name that mean something, in
	// this folder or where the file was. Others stay in the name.
	Explained string
	// Open: the letters changed, and what that means is not known yet.
	Open bool
}

// Letters returns the keyword letters in f's name in the order of the
// alphabet, each once.
func (f File) Letters() string {
	_, in := parseInfo(f.Name)
	var letters []byte
	for i := 0; i < len(in.letters); i++ {
		if isLower(in.letters[i]) {
			letters = append(letters, in.letters[i])
		}
	}
	if letters == nil {
		return ""
	}
	return sortLetters(letters)
}

// Without returns f without some letters in its name.
func (f File) Without(letters string) File {
	base, in := parseInfo(f.Name)
	if !in.has || letters == "" {
		return f
	}
	rest := strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return -1
		}
		return r
	}, in.letters)
	f.Name = base + infoMark + rest + in.tail
	return f
}

// Was returns what the base says of a file with these flags. The letters of an
// unnamed file are those that its keywords had.
func (t Table) Was(f File, flags mail.Flags) Was {
	if !f.Unnamed {
		return Was{Letters: f.Letters(), Flags: flags}
	}
	var letters []byte
	for _, kw := range flags.Keywords() {
		if c, ok := t.Before.Letter(kw); ok {
			letters = append(letters, c)
		}
	}
	return Was{Letters: sortLetters(letters), Flags: flags}
}

// Fresh reads a file of which nothing is known.
func (t Table) Fresh(f File) Reading {
	return Reading{Flags: t.Meanings().Flags(f), Explained: t.explained(f.Letters())}
}

// Written reads a file that satchel itself gave its name.
func (t Table) Written(f File, was Was) Reading {
	r := t.Fresh(f)
	for _, kw := range was.Flags.Keywords() {
		if _, ok := t.Meanings().Letter(kw); !ok {
			r.Flags = r.Flags.Union(mail.NewFlags(kw)) // it had no letter to be written with
		}
	}
	return r
}

// Edited reads a file that is in its folder still; see the table above.
func (t Table) Edited(f File, was Was) Reading {
	now := f.Letters()
	r := f.reading(was.Flags.OnlyKeywords(), t.explained(now))
	switch {
	case t.Unread:
		r.Open = now != was.Letters
	case f.hasInfo():
		r.Flags = f.reading(t.edited(now, was), "").Flags
	}
	return r
}

// Moved reads a file that the base knows from another folder, with the table
// old.
func (t Table) Moved(f File, was Was, old Table) Reading {
	now, base := f.Letters(), was.Flags.OnlyKeywords()
	explained := sortLetters([]byte(t.explained(now) + old.explained(now)))
	if t.Unread || !f.hasInfo() {
		return f.reading(base, explained)
	}
	if now == was.Letters {
		for _, c := range []byte(less(now, old.explained(now))) {
			kw, _ := t.meaning(c)
			base = base.Union(kw)
		}
		return f.reading(base, explained)
	}
	here, isHere := t.readHere(now, was, old)
	there, isThere := old.edited(now, was), old.knows(now, was.Letters)
	switch {
	case isHere && (!isThere || apart(here, base) <= apart(there, base)):
		return f.reading(here, explained)
	case isThere:
		return f.reading(there, explained)
	}
	for _, c := range []byte(less(now, was.Letters)) {
		if kw, ok := t.meaning(c); ok {
			base = base.Union(kw)
		}
	}
	return f.reading(base, explained)
}

func (f File) reading(keywords mail.Flags, explained string) Reading {
	return Reading{Flags: keywords.Union(mail.Flags{System: Keywords{}.Flags(f).System}), Explained: explained}
}

func (f File) hasInfo() bool { return baseLen(f.Name) < len(f.Name) }

// edited returns the keywords of a file in its folder, by its letters now.
func (t Table) edited(now string, was Was) mail.Flags {
	kws, doubt := was.Flags.OnlyKeywords(), false
	for _, c := range []byte(now) {
		kw, ok := t.meaning(c)
		if strings.IndexByte(was.Letters, c) >= 0 {
			if _, had := t.Before.known(c); had {
				continue
			}
		} else {
			doubt = doubt || !ok
		}
		kws = kws.Union(kw)
	}
	if doubt {
		return kws
	}
	for _, c := range []byte(less(was.Letters, now)) {
		before, ok := t.Before.known(c)
		if is, same := t.Now.known(c); ok && same && is.Equal(before) && !t.shows(now, before) {
			kws = kws.Minus(before)
		}
	}
	return kws
}

// readHere returns what the letters say by the table of the folder where the
// file is now, and whether it knows all of them.
func (t Table) readHere(now string, was Was, old Table) (kws mail.Flags, all bool) {
	for _, c := range []byte(now) {
		kw, ok := t.meaning(c)
		if !ok {
			return mail.Flags{}, false
		}
		kws = kws.Union(kw)
	}
	stays := was.Flags.OnlyKeywords()
	for _, c := range []byte(less(was.Letters, now)) {
		if kw, ok := old.Before.known(c); ok {
			stays = stays.Minus(kw)
		}
	}
	return kws.Union(stays), true
}

// knows reports whether each letter means something, or was there already.
func (t Table) knows(letters, had string) bool {
	return less(less(letters, t.explained(letters)), had) == ""
}

// shows reports whether one of the letters stands for a keyword.
func (t Table) shows(letters string, kw mail.Flags) bool {
	for _, c := range []byte(letters) {
		if m, ok := t.meaning(c); ok && m.Equal(kw) {
			return true
		}
	}
	return false
}

// meaning returns what a letter stands for: now, or else before.
func (t Table) meaning(c byte) (mail.Flags, bool) {
	if kw, ok := t.Now.known(c); ok {
		return kw, true
	}
	return t.Before.known(c)
}

// explained returns those of the letters that mean something.
func (t Table) explained(letters string) string {
	var out []byte
	for _, c := range []byte(letters) {
		if _, ok := t.meaning(c); ok {
			out = append(out, c)
		}
	}
	return string(out)
}

// less returns the letters that others has not.
func less(letters, others string) string {
	var out []byte
	for _, c := range []byte(letters) {
		if strings.IndexByte(others, c) < 0 {
			out = append(out, c)
		}
	}
	return string(out)
}

// apart returns how many keywords only one of the sets has.
func apart(a, b mail.Flags) int {
	return len(a.Minus(b).Keywords()) + len(b.Minus(a).Keywords())
}

// Misread reports whether the name of a file in its folder, which the base knows
// just so, shows other keywords than the base has: a move brought it there
// with letters of another folder, or a letter has a meaning only now. keywords
// are those of the base, separated by spaces.
func (t Table) Misread(f File, keywords string) bool {
	letters := f.Letters()
	if t.Unread || letters == "" && keywords == "" {
		return false
	}
	for _, c := range []byte(letters) {
		_, is := t.Now.known(c)
		if _, had := t.Before.known(c); is && !had {
			return true
		}
	}
	shown := t.Use.Flags(f).OnlyKeywords()
	return shown.String() != keywords && !shown.Equal(mail.NewFlags(strings.Fields(keywords)...))
}

// Shows reports whether the name of a file shows its keywords, as far as they
// have letters.
func (t Table) Shows(f File, flags mail.Flags) bool {
	return t.Use.Flags(f).OnlyKeywords().Equal(flags.OnlyKeywords())
}
