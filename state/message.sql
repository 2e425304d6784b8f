-- One message that both sides have. The file is new/ or cur/ + base + info, unless
-- file_name says that it is called otherwise: 1, that is not known; 2, it may be in
-- another folder. uid is NULL where the mailbox of the server has the message no more,
-- and the file is still to follow it to another one.
--
-- digest and size are those of the server form, disk_size that of the file; date is
-- INTERNALDATE in Unix seconds. essence is the digest of what identifies the message of
-- the file (mail.Essence), empty where it is digest. pending: the file may not have its
-- name yet. since is the run that brought the message into the base, for the brakes.
CREATE TABLE message (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox_id   INTEGER NOT NULL REFERENCES mailbox(id) ON DELETE CASCADE,
    uid          INTEGER CHECK (uid BETWEEN 1 AND 4294967295),
    base         TEXT NOT NULL CHECK (base <> ''),
    is_new       INTEGER NOT NULL DEFAULT 0 CHECK (is_new IN (0, 1)),
    info         TEXT NOT NULL DEFAULT '',
    file_name    INTEGER NOT NULL DEFAULT 0 CHECK (file_name = 0 OR file_name IN (1, 2) AND info = ''),
    local_flags  TEXT NOT NULL DEFAULT '',
    remote_flags TEXT NOT NULL DEFAULT '',
    digest       BLOB NOT NULL CHECK (length(digest) = 32),
    essence      BLOB NOT NULL DEFAULT x'' CHECK (length(essence) IN (0, 32)),
    size         INTEGER NOT NULL CHECK (size >= 0),
    disk_size    INTEGER NOT NULL CHECK (disk_size >= 0),
    form         INTEGER NOT NULL DEFAULT 0 CHECK (form BETWEEN 0 AND 4),
    date         INTEGER NOT NULL DEFAULT 0,
    emailid      TEXT NOT NULL DEFAULT '',
    pending      INTEGER NOT NULL DEFAULT 0 CHECK (pending IN (0, 1)),
    since        INTEGER NOT NULL DEFAULT 0
) STRICT;
