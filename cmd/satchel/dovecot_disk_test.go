package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// onDiskNow is another program in the Maildir: it knows a message by the
// unique part of its name, and looks again when a rename finds nothing, as
// mail programs do.
type onDiskNow struct {
	mail string
	ids  map[string]string // subject -> unique part of the file name
	// flagsMoved: also change flags of what the server moves.
	flagsMoved bool
}

// find looks a message up in a folder.
func (d *onDiskNow) find(mailbox, id string) (path, flags string) {
	for _, sub := range []string{"cur", "new"} {
		dir := filepath.Join(d.mail, mailbox, sub)
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if name, flags, _ := strings.Cut(e.Name(), ":2,"); name == id {
				return filepath.Join(dir, e.Name()), flags
			}
		}
	}
	return "", ""
}

// flag changes one flag of a message, wherever it is by now.
func (d *onDiskNow) flag(id string, letter byte, on bool) error {
	for range 1000 {
		for _, box := range besideBoxes() {
			path, flags := d.find(box, id)
			if path == "" {
				continue
			}
			err := os.Rename(path, filepath.Join(d.mail, box, "cur", id+":2,"+toggled(flags, letter, on)))
			if !os.IsNotExist(err) {
				return err
			}
		}
	}
	return fmt.Errorf("%s is nowhere", id)
}

// move renames a message into another folder, with its flags.
func (d *onDiskNow) move(from, to, id, newID string) error {
	for range 1000 {
		path, flags := d.find(from, id)
		if path == "" {
			continue
		}
		err := os.Rename(path, filepath.Join(d.mail, to, "cur", newID+":2,"+flags))
		if !os.IsNotExist(err) {
			return err
		}
	}
	return fmt.Errorf("%s is not in %s", id, from)
}

// toggled adds or removes a letter; letters are in order.
func toggled(flags string, letter byte, on bool) string {
	b := []byte(strings.ReplaceAll(flags, string(letter), ""))
	if on {
		b = append(b, letter)
		slices.Sort(b)
	}
	return string(b)
}

// remove removes a message, whatever its name is by then; false when it is not there.
func (d *onDiskNow) remove(mailbox, id string) (removed bool, err error) {
	for range 1000 {
		path, _ := d.find(mailbox, id)
		if path == "" {
			continue
		}
		if err := os.Remove(path); err == nil {
			return true, nil
		} else if !os.IsNotExist(err) {
			return false, err
		}
	}
	return false, nil
}

// copyFile copies a message with its time and its flags, as programs do.
func (d *onDiskNow) copyFile(from, to, id, newID string) error {
	path, flags := d.find(from, id)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp := filepath.Join(d.mail, to, "tmp", newID)
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	if err := os.Chtimes(tmp, info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(d.mail, to, "cur", newID+":2,"+flags))
}
