package state

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"

	"satchel/sync/mail"
)

//go:embed message.sql
var messageTable string

//go:embed message_index.sql
var messageIndexes string

// Message is one message that both sides hold.
type Message struct {
	ID          int64 // 0: not stored yet
	MailboxID   int64
	UID         mail.UID // 0: the mailbox has the message no more, and the file is still to follow it
	Base        string   // unique part of the file name
	New         bool     // in new/, not in cur/
	Info        string   // the rest of the file name, as ":2,S"; may be empty
	FileName    FileName
	LocalFlags  mail.Flags
	RemoteFlags mail.Flags
	Digest      mail.Digest
	// Essence is the digest of what identifies the file's message, without the
	// lines that programs add; zero where it is Digest.
	Essence  mail.Digest
	Size     int64 // server form, bytes
	DiskSize int64 // file, bytes
	Form     mail.Form
	Date     mail.Date
	EmailID  string
	Pending  bool // the file may not have its name yet

	read saved
}

// FileName says whether Base and Info of a row are the name of its file. Where
// they are not, Info is empty, and the next look at the folder finds the name by
// Base.
type FileName int

// The values are those in the database.
const (
	FileNameKnown FileName = 0
	// FileNameUnknown: the base has not taken over the flags that the name of the
	// file shows, or nothing has seen the file where the row has it.
	FileNameUnknown FileName = 1
	// FileNameAway: the file was not in its folder when a run made that again, and
	// may be in another one.
	FileNameAway FileName = 2
)

// NamesFile reports whether Base and Info are the name of the file.
func (m *Message) NamesFile() bool { return m.FileName == FileNameKnown }

// ForgetName notes that the row does not name its file any more, and why.
func (m *Message) ForgetName(why FileName) { m.FileName, m.Info = why, "" }

// saved is what the database was seen to hold of a message, so that only what
// differs is written: an index in which a row changes costs more than the row.
// The zero value is nothing.
type saved struct {
	known   bool
	place   place
	name    name
	content content
}

// The columns of a message, by what changes together. Those of place are in
// indexes.
type (
	place struct {
		mailbox int64
		uid     mail.UID
		base    string
		pending bool
	}
	name struct {
		isNew         bool
		info          string
		fileName      FileName
		local, remote mail.Flags
	}
	content struct {
		digest         mail.Digest
		essence        mail.Digest
		size, diskSize int64
		form           mail.Form
		date           mail.Date
		emailID        string
	}
)

// Differs reports whether the message says something that the database was not
// seen to hold.
func (m *Message) Differs() bool {
	return m.read != saved{true, m.place(), m.name(), m.content()}
}

// AsItIs returns a copy of the row for a write that comes later. The row itself counts as not
// read from now on, so that whatever is written of it behind that is written whole.
func (m *Message) AsItIs() *Message {
	now := *m
	m.read = saved{}
	return &now
}

func (m *Message) place() place { return place{m.MailboxID, m.UID, m.Base, m.Pending} }
func (m *Message) name() name   { return name{m.New, m.Info, m.FileName, m.LocalFlags, m.RemoteFlags} }
func (m *Message) content() content {
	return content{m.Digest, m.Essence, m.Size, m.DiskSize, m.Form, m.Date, m.EmailID}
}

const messageColumns = `id, mailbox_id, ifnull(uid, 0), base, is_new, info, file_name, local_flags, remote_flags, digest, essence, size, disk_size, form, date, emailid, pending`

// Identity returns the digest of what identifies the file's message.
func (m *Message) Identity() mail.Digest {
	if m.Essence.IsZero() {
		return m.Digest
	}
	return m.Essence
}

// Identify notes what identifies the file's message.
func (m *Message) Identify(essence mail.Digest) {
	m.Essence = essence
	if essence == m.Digest {
		m.Essence = mail.Digest{}
	}
}

func scanMessage(s *sql.Rows, m *Message) error {
	var local, remote string
	var digest, essence sql.RawBytes
	if err := s.Scan(&m.ID, &m.MailboxID, &m.UID, &m.Base, &m.New, &m.Info, &m.FileName, &local, &remote, &digest, &essence,
		&m.Size, &m.DiskSize, &m.Form, &m.Date, &m.EmailID, &m.Pending); err != nil {
		return err
	}
	m.LocalFlags, m.RemoteFlags = decodeFlags(local), decodeFlags(remote)
	if len(digest) != len(m.Digest) || len(essence) != 0 && len(essence) != len(m.Essence) {
		return fmt.Errorf("message row %d: digests of %d and %d bytes", m.ID, len(digest), len(essence))
	}
	copy(m.Digest[:], digest)
	m.Essence = mail.Digest{}
	copy(m.Essence[:], essence)
	m.read = saved{true, m.place(), m.name(), m.content()}
	return nil
}

// each calls yield for every row of a query; the message is yield's to keep.
func (db *DB) each(ctx context.Context, yield func(*Message) error, where string, args ...any) error {
	rows, err := db.read.QueryContext(ctx, "SELECT "+messageColumns+" FROM message WHERE "+where, args...)
	if err != nil {
		return db.unread("read messages", err)
	}
	defer rows.Close()
	for rows.Next() {
		m := &Message{}
		if err := scanMessage(rows, m); err != nil {
			return db.unread("read messages", err)
		}
		if err := yield(m); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return db.unread("read messages", err)
	}
	return nil
}
