package state

// Mend drops what breaks an invariant that [DB.Check] verifies. Dropped rows
// are pairs of a file and a message; the next sync pairs them again, by
// content, so no mail is touched.
func (t *Tx) Mend() error {
	for _, query := range []string{
		`DELETE FROM message WHERE mailbox_id NOT IN (SELECT id FROM mailbox)`,
		`DELETE FROM message WHERE uid<=0 OR length(digest)<>32 OR size<0 OR disk_size<0 OR base=''`,
		`DELETE FROM message WHERE EXISTS (SELECT 1 FROM message o WHERE o.mailbox_id=message.mailbox_id AND o.base=message.base AND o.id<message.id)`,
		`DELETE FROM intent WHERE message_id<>0 AND message_id NOT IN (SELECT id FROM message)`,
	} {
		if _, err := t.exec(query); err != nil {
			return err
		}
	}
	return nil
}
