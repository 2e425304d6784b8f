package state

import (
	"context"

	"satchel/sync/mail"
)

// Mailbox is one mailbox of the base.
type Mailbox struct {
	ID     int64 // 0: not stored yet
	Name   string
	Cursor mail.Cursor
	// Former is the UIDVALIDITY before that of Cursor; 0 when there was none. Only
	// [DB.Mailboxes] sets it: [Tx.PutMailbox] notes what a cursor replaces.
	Former mail.UIDValidity
	// What the server stores of flags (PERMANENTFLAGS), and whether it
	// accepts new keywords (\*).
	Permanent    mail.Flags
	PermanentAny bool
	ReadOnly     bool
	// Refused are flags that the server refused to store, or dropped, although
	// Permanent or PermanentAny say that it keeps them.
	Refused mail.Flags
	// Letters are the keywords that letters stood for when the folder was last
	// read, as its dovecot-keywords has them; LettersUnknown when an older
	// version did that.
	Letters   string
	MailboxID string // OBJECTID (RFC 8474 §4); empty where the server gives none
	// What the folder looked like when it was last compared completely:
	// mtimes in nanoseconds, 0 when not to be trusted.
	DirMTime, CurMTime, NewMTime int64
	Inode                        uint64
	// Files and Names are the fingerprint of the folder at these mtimes.
	// Files counts one more than there are, so that 0 is unknown.
	Files int
	Names uint64
}

// LettersUnknown is what [Mailbox.Letters] is where nobody noted it.
const LettersUnknown = "?"

// Mailboxes returns all mailboxes by name. It reads mailbox rows only, so its
// cost does not depend on the number of messages.
func (db *DB) Mailboxes(ctx context.Context) ([]*Mailbox, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT id, name, uidvalidity, uidnext, highestmodseq, messages, mailboxid,
		permanent, permanent_any, read_only, dir_mtime, cur_mtime, new_mtime, inode, files+1, names, refused, letters, former
		FROM mailbox ORDER BY name`)
	if err != nil {
		return nil, db.unread("read mailboxes", err)
	}
	defer rows.Close()
	var list []*Mailbox
	for rows.Next() {
		m := &Mailbox{}
		var modseq, inode, names int64
		var permanent, refused string
		if err := rows.Scan(&m.ID, &m.Name, &m.Cursor.UIDValidity, &m.Cursor.UIDNext, &modseq, &m.Cursor.Messages,
			&m.MailboxID, &permanent, &m.PermanentAny, &m.ReadOnly, &m.DirMTime, &m.CurMTime, &m.NewMTime, &inode, &m.Files, &names,
			&refused, &m.Letters, &m.Former); err != nil {
			return nil, db.unread("read mailboxes", err)
		}
		m.Cursor.HighestModSeq, m.Inode = mail.ModSeq(modseq), uint64(inode)
		m.Names = uint64(names)
		m.Permanent, m.Refused = decodeFlags(permanent), decodeFlags(refused)
		list = append(list, m)
	}
	if err := rows.Err(); err != nil {
		return nil, db.unread("read mailboxes", err)
	}
	return list, nil
}

// PutMailbox inserts m and sets its ID, or updates it when it has one.
func (t *Tx) PutMailbox(m *Mailbox) error {
	c := m.Cursor
	if m.ID != 0 {
		_, err := t.exec(`UPDATE mailbox SET former=CASE WHEN uidvalidity IN (0, ?) THEN former ELSE uidvalidity END,
			name=?, uidvalidity=?, uidnext=?, highestmodseq=?, messages=?, mailboxid=?, permanent=?, permanent_any=?, read_only=?,
			dir_mtime=?, cur_mtime=?, new_mtime=?, inode=?, files=?, names=?, refused=?, letters=? WHERE id=?`,
			c.UIDValidity,
			m.Name, c.UIDValidity, c.UIDNext, int64(c.HighestModSeq), c.Messages, m.MailboxID, encodeFlags(m.Permanent), m.PermanentAny, m.ReadOnly,
			m.DirMTime, m.CurMTime, m.NewMTime, int64(m.Inode), m.Files-1, int64(m.Names), encodeFlags(m.Refused), m.Letters, m.ID)
		return err
	}
	res, err := t.exec(`INSERT INTO mailbox(name, uidvalidity, uidnext, highestmodseq, messages, mailboxid,
		permanent, permanent_any, read_only, dir_mtime, cur_mtime, new_mtime, inode, files, names, refused, letters) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		m.Name, c.UIDValidity, c.UIDNext, int64(c.HighestModSeq), c.Messages, m.MailboxID, encodeFlags(m.Permanent), m.PermanentAny, m.ReadOnly,
		m.DirMTime, m.CurMTime, m.NewMTime, int64(m.Inode), m.Files-1, int64(m.Names), encodeFlags(m.Refused), m.Letters)
	if err != nil {
		return err
	}
	m.ID, err = res.LastInsertId()
	return err
}

// LookAgain makes the folder be compared with the base again, though it may not
// change: files in it are to lose their rows. One of its times stays, by which
// the folder is known if it gets another name.
func (m *Mailbox) LookAgain() { m.CurMTime, m.Files, m.Names = 0, 0, 0 }

// DeleteMailbox forgets a mailbox and its messages.
func (t *Tx) DeleteMailbox(id int64) error {
	_, err := t.exec(`DELETE FROM mailbox WHERE id=?`, id)
	return err
}

// Detach forgets the messages of a mailbox, whose UIDs are void.
func (t *Tx) Detach(id int64) error {
	_, err := t.exec(`DELETE FROM message WHERE mailbox_id=?`, id)
	return err
}
