package survey

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/mail"
)

// Where the configuration names folders in another way than whoever made the
// Maildir, mail is not seen, comes down once more beside it, and what is
// written there never goes up. That is looked for before the first transfer,
// and when the configuration has changed since.

// checkLayout stops a run whose configuration does not fit the Maildir.
func (s *Survey) checkLayout(ctx context.Context, f *finding) error {
	if s.Alone || s.Rep.Cycles != 1 {
		return nil
	}
	now := s.Store.Naming().String()
	was, err := s.DB.Meta(ctx, state.MetaNaming)
	if err != nil || was == now {
		return err
	}
	empty, err := s.DB.Empty(ctx)
	switch {
	case err != nil:
		return err
	case empty:
		err = s.recognise(ctx, f)
	case was != "":
		err = s.movedFolders(f, was, now)
	}
	s.Resolve(func(tx *state.Tx) error { return tx.SetMeta(state.MetaNaming, now) })
	return err
}

// recognise is the brake before a first sync.
func (s *Survey) recognise(ctx context.Context, f *finding) error {
	dirs, cut, err := s.Store.WithMail(ctx)
	if err != nil {
		return err
	}
	if cut {
		s.Rep.Notice("%s has directories deeper than %d levels, or more than %d of them; whether those beyond are named as the configuration says was not looked at",
			s.Store.Root(), maildir.Deepest, maildir.Widest)
	}
	if len(dirs) == 0 {
		return nil
	}
	m := s.Store.Naming().Recognise(dirs,
		func(mailbox string) bool { b := f.boxes[mailbox]; return b != nil && b.Selectable },
		func(dir, mailbox string) bool {
			return mailbox != "" && !s.Wanted(mailbox) || mailbox == "" && s.excludes(maildir.Canonical(dir))
		})
	if m == nil {
		return nil
	}
	brake := &mail.Error{Op: "safety brake", Kind: mail.KindBrake}
	what := fmt.Sprintf("%d of the %d folders with mail in %s, such as %s,", len(m.Dirs), len(dirs), s.Store.Root(), s.someDirs(m.Dirs, nil))
	leave := "to leave these folders alone: name them under exclude"
	if m.Better == nil {
		brake.Err = fmt.Errorf("%s have names that no layout of satchel reads; nothing was transferred", what)
		brake.Hint = "give them names that satchel reads, as Work/Archive for .Work.directory/Archive, or move them out of the Maildir; " + leave
		return brake
	}
	brake.Err = fmt.Errorf("%s are not named as the configuration says, and would be other mailboxes: %s; nothing was transferred",
		what, s.someDirs(m.Dirs, m.Names))
	brake.Hint = fmt.Sprintf("set %s for account %s; %s", m.Better.Settings(), s.Account.Name, leave)
	return brake
}

// someDirs names a few directories, and the mailboxes that they are.
func (s *Survey) someDirs(dirs, mailboxes []string) string {
	const few = 3
	var list []string
	for i, d := range dirs {
		if i == few {
			list = append(list, "...")
			break
		}
		if d == "" {
			d = filepath.Base(s.Store.Root()) + " itself"
		}
		if mailboxes != nil {
			d += " is " + mailboxes[i]
		}
		list = append(list, d)
	}
	return strings.Join(list, ", ")
}

// excludes reports whether exclude names something that is no mailbox.
func (s *Survey) excludes(name string) bool {
	return slices.ContainsFunc(s.Account.Exclude, func(p string) bool { return account.MatchPattern(p, name) })
}

// movedFolders is the brake on a configuration that names folders in another
// way than before, while the Maildir is as it was: all would look removed, or
// renamed.
func (s *Survey) movedFolders(f *finding, was, now string) error {
	for _, r := range f.rows {
		if !s.Wanted(r.Name) || f.here[r.Name] == r.Name || r.CurMTime == 0 && r.NewMTime == 0 && r.Inode == 0 {
			continue
		}
		dir, err := s.Store.Dir(r.Name)
		if err != nil {
			dir = "(none)"
		}
		path := s.DB.Path()
		return &mail.Error{Op: "safety brake", Mailbox: r.Name, Kind: mail.KindBrake,
			Err: fmt.Errorf("folders were named by %s, and the configuration now says %s, by which the folder of %s would be %s, and is not; nothing was done",
				was, now, r.Name, dir),
			Hint: fmt.Sprintf("set layout, folder_names, separator and folders as they were, or give the folders their new names; "+
				"to start afresh with what is there, which removes nothing: mv %s %s && satchel sync %s",
				mail.ShellWord(path), mail.ShellWord(path+".old"), mail.ShellWord(s.Account.Name))}
	}
	return nil
}
