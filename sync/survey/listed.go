package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/run"
)

// Names of mailboxes are believed after the round trip. A mailbox that a list
// leaves out is asked for by its own name before it counts as missing, for a
// proxy may lose rows; and one that was made has to be listed under exactly
// its name, for a server may keep it under another one, or have none of that
// name at all.

// secondLook asks for the mailboxes that the list does not have, though the
// base knows them, or the Maildir has a folder for them.
func (s *Survey) secondLook(ctx context.Context, f *finding) error {
	ask := s.missing(f)
	if len(ask) == 0 || s.Alone {
		return nil
	}
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	found, unknown, err := c.Lookup(ctx, ask)
	if err != nil {
		return err
	}
	f.unsure = unknown
	for _, name := range ask {
		if unknown[name] == nil && found[name] == nil {
			s.notThere[name] = true
		}
	}
	s.disownOthers(f, found)
	if len(found) == 0 {
		return nil
	}
	list, err := c.ListMailboxes(ctx)
	if err != nil {
		return err
	}
	if err := s.StrikeNonexistent(ctx, c, list); err != nil {
		return err
	}
	s.merge(f, list, found)
	s.disownOthers(f, found) // the second list has them again
	return s.identify(ctx, c, f)
}

// disownOthers takes a name from the mailbox that only came to it because the
// one that was synced under it is gone: a shared one that has the same name
// without the prefix. One that has the UIDVALIDITY of the base is the same
// mailbox, which the server writes in another way now, and so is one whose name only
// comes in another encoding; where no UIDVALIDITY is told, it is not known which it is.
func (s *Survey) disownOthers(f *finding, found map[string]*remote.Mailbox) {
	for _, r := range f.rows {
		b := f.boxes[r.Name]
		if b == nil || found[r.Name] != nil || !s.Wanted(r.Name) || s.Pool.Client.Spells(b) {
			continue
		}
		switch {
		case f.unsure[r.Name] == nil && s.Pool.Client.Reads(b):
			continue
		case !b.Foreign && b.Status.UIDValidity == 0:
			f.unsure = with(f.unsure, r.Name, errors.New("the server writes its name in another way, and does not tell whether it is the same mailbox"))
		case b.Foreign || b.Status.UIDValidity != r.Cursor.UIDValidity:
			s.Pool.Client.Disown(b)
		default:
			continue
		}
		delete(f.boxes, r.Name)
	}
}

// missing returns the mailboxes that secondLook asks for.
func (s *Survey) missing(f *finding) (ask []string) {
	for _, r := range f.rows {
		if b := f.boxes[r.Name]; s.Wanted(r.Name) && (b == nil || !s.Pool.Client.Spells(b)) {
			ask = append(ask, r.Name)
		}
	}
	for i := range f.folders {
		if name := f.folders[i].Name; s.Wanted(name) && f.boxes[name] == nil && s.Pool.Client.Nameable(name) == nil && s.aliasOf(f.boxes, name) == nil {
			ask = append(ask, name)
		}
	}
	slices.Sort(ask)
	return slices.DeleteFunc(slices.Compact(ask), func(name string) bool { return s.notThere[name] })
}

// merge adds to what was listed what a second list has, and what was found by
// its own name. A mailbox that the second list has, and the first had not,
// proves that the first was incomplete: then nothing that is missing counts as
// removed in this run.
func (s *Survey) merge(f *finding, list []remote.Mailbox, found map[string]*remote.Mailbox) {
	again := make(map[string]*remote.Mailbox, len(list))
	for i := range list {
		again[list[i].Name] = &list[i]
	}
	rows := map[string]*state.Mailbox{}
	for _, r := range f.rows {
		rows[r.Name] = r
	}
	var lost []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		b, r := found[name], rows[name]
		switch listed := again[name]; {
		case listed != nil && listed.Wire == b.Wire:
			if f.boxes[name] == nil {
				lost = append(lost, name)
			}
		case !b.Selectable:
			s.notThere[name] = true
		case r != nil && b.Status.UIDValidity != 0 && b.Status.UIDValidity == r.Cursor.UIDValidity:
			again[name] = b // the one that was synced, which the server hides
		default:
			delete(again, name)
			f.unsure = with(f.unsure, name, errors.New("the server has it when it is asked by name, and leaves it out of its list"))
		}
	}
	for name, b := range f.boxes {
		if again[name] == nil && f.unsure[name] == nil {
			again[name] = b
		}
	}
	f.boxes = again
	if len(lost) > 0 {
		s.Incomplete = true
		s.Rep.Notice("the server's list left out %s at first; nothing that is missing counts as removed in this run", strings.Join(lost, ", "))
	}
}

func with(m map[string]error, name string, err error) map[string]error {
	if m == nil {
		m = map[string]error{}
	}
	m[name] = err
	return m
}

// refuseNames freezes the mailboxes of which it is not known whether the
// server has them, and the folders whose names it cannot have, and says which
// of its mailboxes have no name here.
func (s *Survey) refuseNames(f *finding) {
	for name, err := range f.unsure {
		if mb := s.Mailboxes[name]; mb != nil {
			s.FreezeRemote(mb, &mail.Error{Op: "look for mailbox", Mailbox: name, Kind: mail.KindMailbox, Err: err,
				Hint: "sync again; what is in it waits"})
			s.RemoteIncomplete = s.RemoteIncomplete || mb.Row != nil
		}
	}
	for _, name := range s.Names {
		mb := s.Mailboxes[name]
		if mb.Remote != nil || mb.Folder == nil || mb.Frozen() {
			continue
		}
		err := s.Pool.Client.Nameable(name)
		if err == nil {
			err = s.aliasOf(f.boxes, name)
		}
		if err != nil {
			s.FreezeRemote(mb, err)
		}
	}
	for _, out := range s.Pool.Client.LeftOut() {
		if s.Wanted(out.Name) {
			s.Rep.Problem(out.Text, "", &mail.Error{Op: "name mailbox", Mailbox: out.Text, Kind: mail.KindMailbox, Err: errors.New(out.Why),
				Hint: "rename one of them on the server, or exclude it"})
		}
	}
	s.RemoteIncomplete = s.RemoteIncomplete || s.Incomplete
}

// UnknownFolders are those that are no mailboxes of the base, for want of a name,
// because this run does not change the server, or because they are excluded.
func (s *Survey) UnknownFolders() (names []string) {
	for name, mb := range s.Mailboxes {
		if mb.Row == nil && mb.Folder != nil {
			names = append(names, name)
		}
	}
	known := map[string]bool{}
	for _, mb := range s.ByID {
		known[mb.Name] = true
	}
	for _, p := range s.Elsewhere {
		if p.Folder != "" && !known[p.Folder] {
			names = append(names, p.Folder)
		}
	}
	return names
}

// HoldsAny reports whether the directory of a mailbox leads to one of these
// folders. It has to be read again: the survey passes over what is not in the
// base while a directory is as it was.
func (s *Survey) HoldsAny(mailbox string, folders []string) bool {
	return slices.ContainsFunc(folders, func(name string) bool {
		return mail.Within(name, mailbox) || mailbox == "INBOX" && s.Account.Layout == maildir.MaildirPP
	})
}

// aliasOf returns why a folder is not made on the server, when it is known
// that the server has no mailbox of that name.
func (s *Survey) aliasOf(boxes map[string]*remote.Mailbox, name string) error {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return KnownAlias(s.quirks.Distrust, s.Start, boxes, name)
}

// KnownAlias says so by the faults that the server is known for. What is known holds for as
// long as the mailbox that the name leads to is there; that the server did not show a mailbox
// that it had made holds for the run that began at start.
func KnownAlias(known map[run.Fault]time.Time, start time.Time, boxes map[string]*remote.Mailbox, name string) error {
	for f, since := range known {
		if f.Mailbox != name {
			continue
		}
		if f.What == run.FaultVanished && !since.Before(start) {
			return AliasError(name, "")
		}
		if other, ok := strings.CutPrefix(f.What, run.FaultAlias); ok && (other == "" || boxes[other] != nil) {
			return AliasError(name, other)
		}
	}
	return nil
}

// AliasError says that the server has no mailbox of just this name, and which one it takes it for.
func AliasError(name, other string) error {
	err := errors.New("the server takes the name and has no mailbox that is called so; nothing is sent there")
	if other != "" {
		err = fmt.Errorf("the server has no mailbox of just this name and takes it for %q; nothing is sent there", other)
	}
	return &mail.Error{Op: "create mailbox", Mailbox: name, Kind: mail.KindMailbox, Err: err,
		Hint: "rename the folder, or move what is in it to another one; sync --full tries again"}
}

// Alike returns a listed mailbox that a server may take for name, "" when
// there is none that looks like it.
func Alike(boxes []remote.Mailbox, name string) string {
	bare := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	for _, b := range boxes {
		if b.Name != name && bare(b.Name) == bare(name) {
			return b.Name
		}
	}
	return ""
}

// BindNames tells the client how the mailboxes of the base are spelled.
func (s *Survey) BindNames(ctx context.Context) error {
	var err error
	if s.namespaces, err = s.DB.Meta(ctx, state.MetaNamespaces); err == nil {
		err = s.Pool.Client.Remember(s.namespaces, func() (map[string]bool, error) { return s.knownNames(ctx) })
	}
	if err != nil {
		return err
	}
	text, err := s.DB.Meta(ctx, state.MetaSpellings)
	if err != nil || text == "" {
		return err
	}
	if err := json.Unmarshal([]byte(text), &s.spellings); err != nil {
		return &mail.Error{Op: "read spellings of mailboxes", Kind: mail.KindAccount, Err: err}
	}
	s.Pool.Client.Bind(s.spellings)
	return nil
}

// knownNames returns the mailboxes of the base; without any nothing counts
// for or against how a server may be read.
func (s *Survey) knownNames(ctx context.Context) (map[string]bool, error) {
	rows, err := s.DB.Mailboxes(ctx)
	if err != nil {
		s.Log.Warn("mailboxes of the base are not known", "err", err)
		return nil, err
	}
	names := make(map[string]bool, len(rows))
	for _, r := range rows {
		names[r.Name] = true
	}
	return names, nil
}

// RememberNames keeps the spellings of the mailboxes of the base.
func (s *Survey) RememberNames(tx *state.Tx) error {
	if s.ByID == nil {
		return nil // the run did not come so far
	}
	if namespaces := s.Pool.Client.Namespace(); namespaces != "" && namespaces != s.namespaces {
		if err := tx.SetMeta(state.MetaNamespaces, namespaces); err != nil {
			return err
		}
	}
	now := map[string]string{}
	for _, mb := range s.ByID {
		switch old := s.spellings[mb.Name]; {
		case mb.Row == nil:
		case mb.Remote != nil:
			if own := s.Pool.Client.Spelling(mb.Name); own != "" {
				now[mb.Name] = own
			}
		case old != "":
			now[mb.Name] = old
		}
	}
	if maps.Equal(now, s.spellings) {
		return nil
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	s.spellings = now
	return tx.SetMeta(state.MetaSpellings, string(text))
}
