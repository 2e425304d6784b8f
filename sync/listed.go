package sync

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
)

// Names of mailboxes are believed after the round trip. A mailbox that a list
// leaves out is asked for by its own name before it counts as missing, for a
// proxy may lose rows; and one that was made has to be listed under exactly
// its name, for a server may keep it under another one, or have none of that
// name at all.

// faultAlias is what a server is remembered for that has no mailbox of exactly
// a name, though it takes commands for it. What follows it is the mailbox that
// the name leads to, where that is known.
const faultAlias = "alias:"

// faultVanished is what a server is remembered for that had no mailbox of a name
// right after it had made it: somebody may have removed it in between, so one
// more run tries. It is not called vanished, as what a server gets wrong about VANISHED
// is; see doubtNames.
const faultVanished = "unlisted"

// secondLook asks for the mailboxes that the list does not have, though the
// base knows them, or the Maildir has a folder for them.
func (s *session) secondLook(ctx context.Context, f *finding) error {
	ask := s.missing(f)
	if len(ask) == 0 || s.alone {
		return nil
	}
	c, err := s.pool.first(ctx)
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
	list, err := c.Overview(ctx)
	if err != nil {
		return err
	}
	if err := s.strikeGhosts(ctx, c, list); err != nil {
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
func (s *session) disownOthers(f *finding, found map[string]*remote.Mailbox) {
	for _, r := range f.rows {
		b := f.boxes[r.Name]
		if b == nil || found[r.Name] != nil || !s.wanted(r.Name) || s.pool.client.Spells(b) {
			continue
		}
		switch {
		case f.unsure[r.Name] == nil && s.pool.client.Reads(b):
			continue
		case !b.Foreign && b.Status.UIDValidity == 0:
			f.unsure = with(f.unsure, r.Name, errors.New("the server writes its name in another way, and does not tell whether it is the same mailbox"))
		case b.Foreign || b.Status.UIDValidity != r.Cursor.UIDValidity:
			s.pool.client.Disown(b)
		default:
			continue
		}
		delete(f.boxes, r.Name)
	}
}

// missing returns the mailboxes that secondLook asks for.
func (s *session) missing(f *finding) (ask []string) {
	for _, r := range f.rows {
		if b := f.boxes[r.Name]; s.wanted(r.Name) && (b == nil || !s.pool.client.Spells(b)) {
			ask = append(ask, r.Name)
		}
	}
	for i := range f.folders {
		if name := f.folders[i].Name; s.wanted(name) && f.boxes[name] == nil && s.pool.client.Nameable(name) == nil && s.aliasOf(f.boxes, name) == nil {
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
func (s *session) merge(f *finding, list []remote.Mailbox, found map[string]*remote.Mailbox) {
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
		s.incomplete = true
		s.rep.notice("the server's list left out %s at first; nothing that is missing counts as removed in this run", strings.Join(lost, ", "))
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
func (s *session) refuseNames(f *finding) {
	for name, err := range f.unsure {
		if mb := s.mailboxes[name]; mb != nil {
			s.freeze(mb, false, &mail.Error{Op: "look for mailbox", Mailbox: name, Kind: mail.KindMailbox, Err: err,
				Hint: "sync again; what is in it waits"})
			s.remoteBlind = s.remoteBlind || mb.row != nil
		}
	}
	for _, name := range s.names {
		mb := s.mailboxes[name]
		if mb.remote != nil || mb.folder == nil || mb.frozen() {
			continue
		}
		err := s.pool.client.Nameable(name)
		if err == nil {
			err = s.aliasOf(f.boxes, name)
		}
		if err != nil {
			s.freeze(mb, false, err)
		}
	}
	for _, out := range s.pool.client.LeftOut() {
		if s.wanted(out.Name) {
			s.rep.problem(out.Text, "", &mail.Error{Op: "name mailbox", Mailbox: out.Text, Kind: mail.KindMailbox, Err: errors.New(out.Why),
				Hint: "rename one of them on the server, or exclude it"})
		}
	}
	s.remoteBlind = s.remoteBlind || s.incomplete
}

// unknownFolders are those that are no mailboxes of the base, for want of a name,
// because this run does not change the server, or because they are excluded.
func (s *session) unknownFolders() (names []string) {
	for name, mb := range s.mailboxes {
		if mb.row == nil && mb.folder != nil {
			names = append(names, name)
		}
	}
	known := map[string]bool{}
	for _, mb := range s.byID {
		known[mb.name] = true
	}
	for _, p := range s.elsewhere {
		if p.folder != "" && !known[p.folder] {
			names = append(names, p.folder)
		}
	}
	return names
}

// holdsAny reports whether the directory of a mailbox leads to one of these
// folders. It has to be read again: the survey passes over what is not in the
// base while a directory is as it was.
func (s *session) holdsAny(mailbox string, folders []string) bool {
	return slices.ContainsFunc(folders, func(name string) bool {
		return mail.Within(name, mailbox) || mailbox == "INBOX" && s.account.Layout == maildir.MaildirPP
	})
}

// aliasOf returns why a folder is not made on the server, when it is known
// that the server has no mailbox of that name.
func (s *session) aliasOf(boxes map[string]*remote.Mailbox, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return knownAlias(s.distrust, s.start, boxes, name)
}

// knownAlias says so by the faults that the server is known for. What is known holds for as
// long as the mailbox that the name leads to is there; that the server did not show a mailbox
// that it had made holds for the run that began at start.
func knownAlias(known map[fault]time.Time, start time.Time, boxes map[string]*remote.Mailbox, name string) error {
	for f, since := range known {
		if f.mailbox != name {
			continue
		}
		if f.what == faultVanished && !since.Before(start) {
			return aliasError(name, "")
		}
		if other, ok := strings.CutPrefix(f.what, faultAlias); ok && (other == "" || boxes[other] != nil) {
			return aliasError(name, other)
		}
	}
	return nil
}

// aliasError says that the server has no mailbox of just this name, and which one it takes it for.
func aliasError(name, other string) error {
	err := errors.New("the server takes the name and has no mailbox that is called so; nothing is sent there")
	if other != "" {
		err = fmt.Errorf("the server has no mailbox of just this name and takes it for %q; nothing is sent there", other)
	}
	return &mail.Error{Op: "create mailbox", Mailbox: name, Kind: mail.KindMailbox, Err: err,
		Hint: "rename the folder, or move what is in it to another one; sync --full tries again"}
}

// alike returns a listed mailbox that a server may take for name, "" when
// there is none that looks like it.
func alike(boxes []remote.Mailbox, name string) string {
	bare := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	for _, b := range boxes {
		if b.Name != name && bare(b.Name) == bare(name) {
			return b.Name
		}
	}
	return ""
}

// bindNames tells the client how the mailboxes of the base are spelled.
func (s *session) bindNames(ctx context.Context) error {
	var err error
	if s.namespaces, err = s.db.Meta(ctx, state.MetaNamespaces); err == nil {
		err = s.pool.client.Remember(s.namespaces, func() (map[string]bool, error) { return s.knownNames(ctx) })
	}
	if err != nil {
		return err
	}
	text, err := s.db.Meta(ctx, state.MetaSpellings)
	if err != nil || text == "" {
		return err
	}
	if err := json.Unmarshal([]byte(text), &s.spellings); err != nil {
		return &mail.Error{Op: "read spellings of mailboxes", Kind: mail.KindAccount, Err: err}
	}
	s.pool.client.Bind(s.spellings)
	return nil
}

// knownNames returns the mailboxes of the base; without any nothing counts
// for or against how a server may be read.
func (s *session) knownNames(ctx context.Context) (map[string]bool, error) {
	rows, err := s.db.Mailboxes(ctx)
	if err != nil {
		s.log.Warn("mailboxes of the base are not known", "err", err)
		return nil, err
	}
	names := make(map[string]bool, len(rows))
	for _, r := range rows {
		names[r.Name] = true
	}
	return names, nil
}

// rememberNames keeps the spellings of the mailboxes of the base.
func (s *session) rememberNames(tx *state.Tx) error {
	if s.byID == nil {
		return nil // the run did not come so far
	}
	if namespaces := s.pool.client.Namespace(); namespaces != "" && namespaces != s.namespaces {
		if err := tx.SetMeta(state.MetaNamespaces, namespaces); err != nil {
			return err
		}
	}
	now := map[string]string{}
	for _, mb := range s.byID {
		switch old := s.spellings[mb.name]; {
		case mb.row == nil:
		case mb.remote != nil:
			if own := s.pool.client.Spelling(mb.name); own != "" {
				now[mb.name] = own
			}
		case old != "":
			now[mb.name] = old
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
