package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"satchel/sync/mail"
)

// PutMessage inserts m and sets its ID, or updates it when it has one.
func (t *Tx) PutMessage(m *Message) error { return t.PutMessages([]*Message{m}) }

// rowsAtOnce is how many rows one statement writes: a call costs about as much
// as a row.
const rowsAtOnce = 64

const messageValues = `mailbox_id, uid, base, is_new, info, file_name, local_flags, remote_flags, digest, essence, size, disk_size, form, date, emailid, pending`

func (m *Message) values(args []any, none any) []any {
	return append(args, m.MailboxID, some(m.UID), m.Base, m.New, m.Info, m.FileName, encodeFlags(m.LocalFlags), encodeFlags(m.RemoteFlags),
		m.Digest[:], m.essence(none), m.Size, m.DiskSize, m.Form, m.Date, m.EmailID, m.Pending)
}

// essence is the value of that column. none is an empty one, which most rows
// have: made once, it costs no allocation in each.
func (m *Message) essence(none any) any {
	if m.Essence.IsZero() || m.Essence == m.Digest {
		return none
	}
	return m.Essence[:]
}

// PutMessages is PutMessage for many; one that is listed twice is written
// once.
func (t *Tx) PutMessages(list []*Message) error {
	var fresh, known []*Message
	seen := make(map[*Message]bool, len(list))
	for _, m := range list {
		switch {
		case seen[m]:
		case m.ID == 0:
			fresh = append(fresh, m)
		default:
			known = append(known, m)
		}
		seen[m] = true
	}
	if err := t.updateMessages(known); err != nil {
		return err
	}
	return t.insertMessages(fresh)
}

// updateMessages writes what differs from what was read. A row that was not read
// is written whole.
func (t *Tx) updateMessages(list []*Message) error {
	none := any([]byte{})
	for _, m := range list {
		was := m.read
		m.read = saved{} // what comes of the transaction is not known yet
		var sets []string
		var args []any
		if !was.known || was.name != m.name() {
			sets = append(sets, "is_new=?, info=?, file_name=?, local_flags=?, remote_flags=?")
			args = append(args, m.New, m.Info, m.FileName, encodeFlags(m.LocalFlags), encodeFlags(m.RemoteFlags))
		}
		if !was.known || was.place != m.place() {
			sets = append(sets, "mailbox_id=?, uid=?, base=?, pending=?")
			args = append(args, m.MailboxID, some(m.UID), m.Base, m.Pending)
		}
		if !was.known || was.content != m.content() {
			sets = append(sets, "digest=?, essence=?, size=?, disk_size=?, form=?, date=?, emailid=?")
			args = append(args, m.Digest[:], m.essence(none), m.Size, m.DiskSize, m.Form, m.Date, m.EmailID)
		}
		if len(sets) == 0 {
			continue
		}
		res, err := t.exec("UPDATE message SET "+strings.Join(sets, ", ")+" WHERE id=?", append(args, m.ID)...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("write state: message row %d is not there: %w", m.ID, errors.Join(mail.ErrGone, err))
		}
	}
	return nil
}

func (t *Tx) insertMessages(fresh []*Message) error {
	run, err := t.latestRun()
	if err != nil {
		return err
	}
	columns, none := strings.Count(messageValues, ",")+2, any([]byte{}) // and since
	for batch := range slices.Chunk(fresh, rowsAtOnce) {
		args := make([]any, 0, columns*len(batch))
		for _, m := range batch {
			args = append(m.values(args, none), run)
		}
		ids, err := t.insertAll("message", messageValues+", since", len(batch), args)
		if err != nil {
			return err
		}
		for i, m := range batch {
			m.ID, m.read = ids+int64(i), saved{}
		}
	}
	return nil
}

// insertAll inserts n rows into a table with a rowid, in one statement, and
// returns the id of the first. Row ids ascend by one within a statement
// (sqlite.org/autoinc.html): each is one more than the largest there is.
func (t *Tx) insertAll(table, columns string, n int, args []any) (first int64, err error) {
	row := "(?" + strings.Repeat(",?", len(args)/n-1) + ")"
	res, err := t.exec("INSERT INTO "+table+"("+columns+") VALUES"+row+strings.Repeat(","+row, n-1), args...)
	if err != nil {
		return 0, err
	}
	last, err := res.LastInsertId()
	return last - int64(n-1), err
}

// Delivered marks messages whose files have their names.
func (t *Tx) Delivered(ids ...int64) error {
	return t.allOf("UPDATE message SET pending=0 WHERE id", ids)
}

// Awaited marks messages whose files are still to be delivered.
func (t *Tx) Awaited(ids ...int64) error {
	return t.allOf("UPDATE message SET pending=1 WHERE id", ids)
}

// DeleteMessages forgets messages.
func (t *Tx) DeleteMessages(ids ...int64) error { return t.allOf("DELETE FROM message WHERE id", ids) }

// allOf runs a statement that ends in the name of a column for all ids.
func (t *Tx) allOf(query string, ids []int64) error {
	for batch := range slices.Chunk(ids, keysAtOnce) {
		args := make([]any, len(batch))
		for i, id := range batch {
			args[i] = id
		}
		if _, err := t.exec(query+" IN (?"+strings.Repeat(",?", len(batch)-1)+")", args...); err != nil {
			return err
		}
	}
	return nil
}
