package maildir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"satchel/sync/mail"
)

// ReadKeywords returns the keyword letters of a folder.
func (s *Store) ReadKeywords(folder string) (Keywords, error) {
	dir, err := s.Dir(folder)
	if err != nil {
		return Keywords{}, err
	}
	data, _, err := s.readKeywordFile(dir)
	if err != nil {
		return Keywords{}, failed("read the keywords of", folder, mail.KindMailbox, err)
	}
	return parseKeywords(data), nil
}

// readKeywordFile reads the file. Where there is none, its inode is 0.
func (s *Store) readKeywordFile(dir string) ([]byte, Info, error) {
	name := filepath.Join(dir, keywordsFile)
	i, err := s.fs.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Info{Mode: filePerm}, nil
	}
	if err != nil {
		return nil, Info{}, err
	}
	data, err := s.readSmall(name)
	return data, i, err
}

// AddKeywords is [Store.GiveLetters] for who remembers nothing of the folder.
func (s *Store) AddKeywords(folder string, names []string) (Keywords, error) {
	return s.GiveLetters(folder, names, Keywords{}, Keywords{})
}

// GiveLetters durably gives letters to those names that have none yet and
// returns the folder's letters. Names for which no letter is left are not in
// the result; see [Keywords.Name]. A letter that stands in some file's name
// without a meaning is not given away, since that message would gain a
// keyword that nobody set. One that has another meaning than before, or none
// any more, gets it back; see [NewTable]. One that is free and meant another
// keyword before is given away last. seen is what the letters meant when the caller
// looked at the folder: one that another program gave a new meaning since may be in
// names that the caller has not seen. Then nothing is done, and the error is
// [mail.ErrChanged].
func (s *Store) GiveLetters(folder string, names []string, before, seen Keywords) (Keywords, error) {
	const op = "give letters to new keywords in"
	s.keywordsMu.Lock()
	defer s.keywordsMu.Unlock()
	dir, err := s.Dir(folder)
	if err != nil {
		return Keywords{}, err
	}
	var taken *[maxKeywords]bool
	for {
		data, info, err := s.readKeywordFile(dir)
		if err != nil {
			return Keywords{}, failed(op, folder, mail.KindMailbox, err)
		}
		k := parseKeywords(data)
		if k.Holds(before) && bytes.Equal(appendKeywords(data, names, [maxKeywords]bool{}), data) {
			return k, nil // the usual case, without a look at the folder
		}
		if k.uncut(before).changed(before, seen) {
			return Keywords{}, failed(op, folder, mail.KindMailbox, mail.ErrChanged)
		}
		if taken == nil {
			if taken, err = s.lettersInUse(dir); err != nil {
				return Keywords{}, failed(op, folder, mail.KindMailbox, err)
			}
		}
		data2 := giveLetters(data, names, before, *taken)
		if bytes.Equal(data2, data) {
			return parseKeywords(data), nil
		}
		err = s.ensureTmp(dir)
		if err == nil {
			err = s.checkTmp(filepath.Join(dir, "tmp"))
		}
		if err == nil {
			tmp := filepath.Join(dir, "tmp", s.NewBase())
			err = s.writeFile(filepath.Join(dir, keywordsFile), tmp, info.Mode.Perm(), data2, s.putOver(dir, data, info))
		}
		if errors.Is(err, errOvertaken) {
			continue
		}
		if err != nil {
			return Keywords{}, failedChange(op, folder, mail.KindMailbox, err)
		}
		return parseKeywords(data2), nil
	}
}

// errOvertaken is a keyword file that another program wrote meanwhile.
var errOvertaken = errors.New("another program gave letters meanwhile")

// putOver returns what gives a keyword file its name, over one that holds data. Other
// programs give letters, too: where there is no file yet, one that they make in between
// is not replaced, and else it is read again just before, which leaves them the time of
// two system calls to overtake it in.
func (s *Store) putOver(dir string, data []byte, info Info) func(tmp, name string) error {
	return func(tmp, name string) error {
		if info.Inode == 0 {
			err := s.fs.RenameNoReplace(tmp, name)
			if errors.Is(err, fs.ErrExist) {
				return errOvertaken
			}
			return err
		}
		again, _, err := s.readKeywordFile(dir)
		if err == nil && !bytes.Equal(again, data) {
			err = errOvertaken
		}
		if err != nil {
			return err
		}
		return s.fs.Rename(tmp, name)
	}
}

// giveLetters is what the file is to say. A keyword gets the letter that it had
// before, if that is free, and no other one gets it while letters are left: it would
// be taken for what it meant.
func giveLetters(data []byte, names []string, before Keywords, taken [maxKeywords]bool) []byte {
	now, back, others := parseKeywords(data), taken, taken
	for _, name := range names {
		c, had := before.Letter(name)
		if _, has := now.Letter(name); had && !has && now.name(int(c-'a')) == "" {
			back[c-'a'] = true
		}
	}
	for i := range others {
		others[i] = others[i] || before.name(i) != ""
	}
	return appendKeywords(appendKeywords(restoreKeywords(data, before, back), names, others), names, taken)
}

// lettersInUse returns the keyword letters that stand in file names.
func (s *Store) lettersInUse(dir string) (*[maxKeywords]bool, error) {
	var used [maxKeywords]bool
	for _, sub := range []string{"new", "cur"} {
		names, err := s.fs.ReadDirNames(filepath.Join(dir, sub))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			markLetters(&used, n)
		}
	}
	return &used, nil
}

// checkTmp makes sure that a directory in which a file is to be written is no
// link that leads elsewhere.
func (s *Store) checkTmp(tmp string) error {
	s.mu.Lock()
	_, ok := s.tmpChecked[tmp]
	s.mu.Unlock()
	if ok {
		return nil
	}
	i, err := s.fs.Lstat(tmp)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // whoever makes it makes a directory
	case err != nil:
		return err
	case !i.Mode.IsDir():
		return notDirectory(tmp, i)
	}
	s.mu.Lock()
	s.tmpChecked[tmp] = struct{}{}
	s.mu.Unlock()
	return nil
}

// notDirectory says what stands where a directory should be.
func notDirectory(path string, i Info) error {
	if err := irregular(i.Mode); errors.Is(err, ErrLink) {
		return fmt.Errorf("%s %w and has to be a directory", path, err)
	}
	return fmt.Errorf("%s is not a directory", path)
}

// ensureTmp makes a folder's tmp, which programs that copy Maildirs like to
// leave out when it is empty. It never makes the folder itself.
func (s *Store) ensureTmp(dir string) error {
	if err := s.fs.Mkdir(filepath.Join(dir, "tmp"), dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
