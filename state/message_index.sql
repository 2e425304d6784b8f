-- Rows without a UID are not alike (NULL). message_pending and message_nouid are for what a run left undone,
-- message_size for copies on the server that are looked for by size.
CREATE UNIQUE INDEX message_uid ON message(mailbox_id, uid);
CREATE INDEX message_base    ON message(mailbox_id, base);
CREATE INDEX message_digest  ON message(digest);
CREATE INDEX message_essence ON message(essence) WHERE essence <> x'';
CREATE INDEX message_size    ON message(size);
CREATE INDEX message_pending ON message(mailbox_id) WHERE pending <> 0;
CREATE INDEX message_nouid   ON message(mailbox_id) WHERE uid IS NULL;
CREATE INDEX message_emailid ON message(emailid) WHERE emailid <> '';
