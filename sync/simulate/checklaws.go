package simulate

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	mailsync "satchel/sync"
)

// checked: check finds nothing where both sides agree, and finds one thing that
// is made to disagree behind everybody's back. Which one changes with each
// agreement. Afterwards all is as it was.
func (w *World) checked() *Violation {
	rep, err := w.check(w.acct, mailsync.CheckRequest{})
	if err != nil {
		return broken("check", "%v", err)
	}
	// A letter whose table was lost says nothing, so that the sides may agree all
	// the same.
	if w.strange {
		rep.Findings = slices.DeleteFunc(rep.Findings, func(f mailsync.Finding) bool { return f.Kind == mailsync.FoundLetters })
	}
	if len(rep.Findings) > 0 {
		return broken("check", "the sides agree, and check finds %+v", rep.Findings)
	}
	w.agreements++
	list := damages()
	n := int(w.h.Seed%1000) + w.agreements
	return w.found(list[n%len(list)])
}

func (w *World) check(acct mailsync.Account, req mailsync.CheckRequest) (*mailsync.CheckReport, error) {
	e, err := mailsync.New(acct, w.options(nil))
	if err != nil {
		return nil, err
	}
	return e.Check(context.Background(), req)
}

// damage is one way in which disk, state or server come to say something else.
type damage struct {
	name string
	kind mailsync.FindingKind
	full bool
	// sql damages a copy of the state; its parameter is the row of a message
	// that both sides have.
	sql string
	// when is what must hold of that row m and its mailbox b.
	when string
	// do damages a side, and returns what undoes that; nil: there is nothing
	// that it could be done to.
	do func(*World) (undo func() error, err error)
}

func damages() []damage {
	const flagged = `CASE WHEN instr(%[1]s, 'F') THEN replace(%[1]s, 'F', '')
		WHEN substr(%[1]s, 1, 1) = 'D' THEN 'DF' || substr(%[1]s, 2) ELSE 'F' || %[1]s END`
	toggle := func(columns ...string) string {
		var set []string
		for _, c := range columns {
			set = append(set, c+" = "+fmt.Sprintf(flagged, c))
		}
		return `UPDATE message SET ` + strings.Join(set, ", ") + ` WHERE id = ?1`
	}
	const box = ` WHERE id = (SELECT mailbox_id FROM message WHERE id = ?1)`
	// The other message of two that change places.
	const other = `(SELECT o.id FROM message m, message o WHERE m.id = ?1 AND o.mailbox_id = m.mailbox_id AND o.digest <> m.digest ORDER BY o.id LIMIT 1)`
	const hasOther = `EXISTS (SELECT 1 FROM message o WHERE o.mailbox_id = m.mailbox_id AND o.digest <> m.digest)`
	return []damage{
		{name: "a row deleted", kind: mailsync.FoundUnknown, sql: `DELETE FROM message WHERE id = ?1`},
		{name: "a row of no message", kind: mailsync.FoundMissing, sql: `INSERT INTO message(mailbox_id, uid, base, digest, size, disk_size)
			SELECT mailbox_id, 4000000000, 'ghost', digest, size, disk_size FROM message WHERE id = ?1`},
		{name: "UIDNEXT raised", kind: mailsync.FoundCursor, sql: `UPDATE mailbox SET uidnext = uidnext + 9` + box},
		{name: "HIGHESTMODSEQ raised", kind: mailsync.FoundCursor, sql: `UPDATE mailbox SET highestmodseq = highestmodseq + 9` + box, when: `b.highestmodseq > 0`},
		{name: "UIDs swapped", kind: mailsync.FoundContent, when: hasOther,
			sql: `CREATE TEMP TABLE pair AS SELECT ?1 AS a, ` + other + ` AS b;
				CREATE TEMP TABLE uids AS SELECT (SELECT uid FROM message WHERE id = a) AS x, (SELECT uid FROM message WHERE id = b) AS y, a, b FROM pair;
				UPDATE message SET uid = NULL WHERE id = (SELECT a FROM uids);
				UPDATE message SET uid = (SELECT x FROM uids) WHERE id = (SELECT b FROM uids);
				UPDATE message SET uid = (SELECT y FROM uids) WHERE id = (SELECT a FROM uids)`},
		{name: "flags of the state", kind: mailsync.FoundFlags, sql: toggle("local_flags", "remote_flags")},
		{name: "flags of the server", kind: mailsync.FoundFlags, sql: toggle("remote_flags"), when: `b.read_only = 0 AND b.highestmodseq > 0`},
		{name: "flags of the disk", kind: mailsync.FoundFlags, sql: toggle("local_flags")},
		{name: "a journal left over", kind: mailsync.FoundJournal, sql: `INSERT INTO intent(kind, message_id, mailbox, home)
			SELECT 'remote-flags', m.id, b.name, b.name FROM message m JOIN mailbox b ON b.id = m.mailbox_id WHERE m.id = ?1`,
			when: `(SELECT agreed FROM run ORDER BY id DESC LIMIT 1) <> 0`},
		{name: "a file truncated", kind: mailsync.FoundFile, do: truncateFile},
		{name: "contents swapped", kind: mailsync.FoundContent, do: swapContents},
		{name: "a byte of the server's", kind: mailsync.FoundContent, full: true, do: changeByte},
	}
}

// found does a damage, demands that check finds it, and undoes it.
func (w *World) found(d damage) (v *Violation) {
	acct := w.acct
	do := d.do
	if d.sql != "" {
		do = func(w *World) (func() error, error) { return w.damageState(&acct, d) }
	}
	undo, err := do(w)
	if err != nil {
		return broken("harness", "%s: %v", d.name, err)
	}
	if undo == nil {
		return nil
	}
	defer func() {
		if err := undo(); err != nil && v == nil {
			v = broken("harness", "undo %s: %v", d.name, err)
		}
	}()
	rep, err := w.check(acct, mailsync.CheckRequest{Full: d.full})
	if err != nil {
		return broken("check finds", "%s: %v", d.name, err)
	}
	if !slices.ContainsFunc(rep.Findings, func(f mailsync.Finding) bool { return f.Kind == d.kind }) {
		return broken("check finds", "%s, and check finds %+v", d.name, rep.Findings)
	}
	return nil
}

// damageState makes the account use a damaged copy of its state.
func (w *World) damageState(acct *mailsync.Account, d damage) (undo func() error, err error) {
	dir := filepath.Join(w.dir, "damaged")
	if err := os.CopyFS(dir, os.DirFS(w.acct.StateDir)); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	acct.StateDir = dir
	remove := func() error { return os.RemoveAll(dir) }
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "sim.db"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // temporary tables are of a connection
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	when := d.when
	if when == "" {
		when = "1"
	}
	var row int64
	err = db.QueryRow(`SELECT m.id FROM message m JOIN mailbox b ON b.id = m.mailbox_id
		WHERE m.pending = 0 AND m.file_name = 0 AND m.uid < b.uidnext AND ` + when + ` ORDER BY m.id LIMIT 1`).Scan(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, remove()
	}
	if err != nil {
		return nil, err
	}
	for stmt := range strings.SplitSeq(d.sql, ";\n") {
		args := []any{row}
		if !strings.Contains(stmt, "?1") {
			args = nil
		}
		if _, err := db.Exec(stmt, args...); err != nil {
			return nil, err
		}
	}
	return remove, nil
}

func truncateFile(w *World) (undo func() error, err error) {
	f, ok := pick(w.tree.all(), w.agreements)
	if !ok {
		return nil, nil
	}
	path := w.tree.path(f)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	i, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	write := func(b []byte) error {
		if err := os.WriteFile(path, b, i.Mode()); err != nil {
			return err
		}
		return os.Chtimes(path, i.ModTime(), i.ModTime())
	}
	return func() error { return write(b) }, write(b[:len(b)/2])
}

// swapContents gives two messages of a mailbox each other's content.
func swapContents(w *World) (undo func() error, err error) {
	for _, box := range w.mailboxes() {
		list := w.messages(box)
		for i := 1; i < len(list); i++ {
			a, b := list[0], list[i]
			if bytes.Equal(a.Content, b.Content) {
				continue
			}
			give := func(x, y []byte) {
				w.srv.Rewrite(w.onWire(box), a.UID, x)
				w.srv.Rewrite(w.onWire(box), b.UID, y)
			}
			give(b.Content, a.Content)
			return func() error { give(a.Content, b.Content); return nil }, nil
		}
	}
	return nil, nil
}

// changeByte changes the last letter of a message on the server.
func changeByte(w *World) (undo func() error, err error) {
	x, ok := pick(w.there(), w.agreements)
	if !ok {
		return nil, nil
	}
	other := bytes.Clone(x.msg.Content)
	other[bytes.LastIndexByte(other, '\r')-1] ^= 1
	w.srv.Rewrite(w.onWire(x.box), x.msg.UID, other)
	return func() error { w.srv.Rewrite(w.onWire(x.box), x.msg.UID, x.msg.Content); return nil }, nil
}
