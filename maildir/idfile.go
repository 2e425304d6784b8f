package maildir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"satchel/sync/mail"
)

// maxSmallFile bounds what is read of files that are a few lines long.
const maxSmallFile = 1 << 20

// ID returns the id in the root's .satchel.json, and "" when there is no such
// file. A file that cannot be understood is a brake: guessing here would turn
// another Maildir into this one.
func (s *Store) ID() (string, error) {
	fields, err := s.readIDFile()
	if err != nil {
		return "", err
	}
	var id string
	if raw, ok := fields["id"]; ok {
		if err := json.Unmarshal(raw, &id); err != nil {
			return "", s.badIDFile(err)
		}
	}
	return id, nil
}

// Generation returns how often a sync has changed this Maildir and noted it
// here; 0 when it never did. A copy that is brought back has an older one.
func (s *Store) Generation() (int64, error) {
	fields, err := s.readIDFile()
	if err != nil {
		return 0, err
	}
	var n int64
	if raw, ok := fields["generation"]; ok {
		if err := json.Unmarshal(raw, &n); err != nil {
			return 0, s.badIDFile(err)
		}
	}
	return n, nil
}

// Identity is ID and Generation in one look.
func (s *Store) Identity() (id string, generation int64, err error) {
	fields, err := s.readIDFile()
	if err != nil {
		return "", 0, err
	}
	for key, v := range map[string]any{"id": &id, "generation": &generation} {
		if raw, ok := fields[key]; ok {
			if err := json.Unmarshal(raw, v); err != nil {
				return "", 0, s.badIDFile(err)
			}
		}
	}
	return id, generation, nil
}

// SetGeneration durably notes a generation.
func (s *Store) SetGeneration(n int64) error { return s.setField("generation", n) }

// SetID durably gives the root an id. Other fields in the file are kept.
func (s *Store) SetID(id string) error { return s.setField("id", id) }

func (s *Store) setField(name string, value any) error {
	fields, err := s.readIDFile()
	if err != nil {
		return err
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields[name], err = json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the id of %s: %w", s.root, err)
	}
	if _, ok := fields["about"]; !ok {
		fields["about"] = json.RawMessage(`"satchel knows this Maildir by its id; do not copy this file to another one"`)
	}
	data, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the id of %s: %w", s.root, err)
	}
	path := filepath.Join(s.root, idFile)
	// No mailbox, in either layout, has a name that begins like this one.
	tmp := filepath.Join(s.root, buildPrefix+s.NewBase())
	if err := s.writeFile(path, tmp, filePerm, append(data, '\n'), s.fs.Rename); err != nil {
		return failedChange("write "+path, "", mail.KindAccount, err)
	}
	return nil
}

func (s *Store) readIDFile() (map[string]json.RawMessage, error) {
	data, err := s.readSmall(filepath.Join(s.root, idFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("read the id of the maildir", "", mail.KindAccount, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, s.badIDFile(err)
	}
	return fields, nil
}

func (s *Store) badIDFile(err error) error {
	name := filepath.Join(s.root, idFile)
	return &mail.Error{Op: "read " + name, Kind: mail.KindBrake, Err: err,
		Hint: "restore the file from a backup, or remove it if this is the Maildir you mean"}
}

// readSmall reads a file that is known to be small. What is no regular file is an
// error; see [FS.Open].
func (s *Store) readSmall(name string) (data []byte, err error) {
	h, err := s.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	data, err = io.ReadAll(io.LimitReader(h, maxSmallFile+1))
	if err == nil && len(data) > maxSmallFile {
		err = fmt.Errorf("%s is larger than the %d bytes that such a file may have", name, maxSmallFile)
	}
	return data, err
}
