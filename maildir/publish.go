package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"satchel/sync/mail"
)

// Publication is one message to be delivered.
type Publication struct {
	*Spooled
	Flags  mail.Flags // as in Target's name; for the caller's books
	Target File       // from Keywords.Name
	Err    error      // why this message was not delivered; set by Publish
}

// Publish gives spooled messages their names, never that of another file, and
// syncs each directory once. What fails stands in the item's Err, and the
// message stays spooled. An error is returned when a directory could not be
// synced; the items concerned carry it too, although their files may be there.
func (s *Store) Publish(ctx context.Context, items []Publication) error {
	byDir := map[string][]int{}
	var dirs []string
	for i := range items {
		p := &items[i]
		p.Err = ctx.Err()
		var dir string
		if p.Err == nil {
			dir, p.Err = s.publish(p)
		}
		if p.Err != nil {
			continue
		}
		if byDir[dir] == nil {
			dirs = append(dirs, dir)
		}
		byDir[dir] = append(byDir[dir], i)
	}
	// What has a name now is synced even when the caller gave up meanwhile.
	errs := s.syncDirs(context.WithoutCancel(ctx), dirs)
	for d, err := range errs {
		if err == nil {
			continue
		}
		first := items[byDir[dirs[d]][0]].Target.Folder
		errs[d] = failed("sync delivered messages in", first, mail.KindMailbox, err)
		for _, i := range byDir[dirs[d]] {
			items[i].Err = errs[d]
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

func (s *Store) publish(p *Publication) (dir string, err error) {
	if p.Spooled == nil || p.path == "" {
		return "", errors.New("deliver a message: none is spooled")
	}
	if !p.durable {
		return "", fmt.Errorf("deliver %s: its content is not on the disk yet", p.Target)
	}
	path, err := s.path(p.Target)
	if err != nil {
		return "", err
	}
	err = s.fs.RenameNoReplace(p.path, path)
	if errors.Is(err, fs.ErrExist) {
		// A network file system that repeats a rename finds its own result.
		if i, lerr := s.fs.Lstat(path); lerr == nil && i.Inode == p.Inode && i.Device == p.device {
			err = ignoreMissing(s.fs.Remove(p.path))
		} else {
			return "", fmt.Errorf("deliver %s: %w", p.Target, mail.ErrExists)
		}
	}
	if err != nil {
		return "", failedChange("deliver a message to", p.Target.Folder, mail.KindMessage, err)
	}
	p.path = "" // Abort finds nothing to remove
	return filepath.Dir(path), nil
}
