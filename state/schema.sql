-- Version 11 adds the value "seen" where an older version filled the table seen
-- without it.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One mailbox that both sides have. The cursor (uidvalidity, uidnext,
-- highestmodseq, messages) is how far the server was read and applied; the
-- mtimes are nanoseconds, 0 when they are not to be trusted. permanent is
-- PERMANENTFLAGS, permanent_any whether it held \*. Version 2 adds files and
-- names, the fingerprint of the folder at those mtimes; files is -1 when it is
-- not known. Version 4 adds refused, the flags that the server refused to store
-- or dropped, whatever PERMANENTFLAGS says. Version 5 is in removal.sql.
-- Version 6 adds letters, what the keyword letters in the folder's file names
-- stand for: lines as in dovecot-keywords, or '?' where an older version read
-- the folder. Version 8 is in unsent.sql. Version 12 adds former, the uidvalidity
-- that the mailbox had before; 0 when it had none.
CREATE TABLE mailbox (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    uidvalidity   INTEGER NOT NULL DEFAULT 0,
    uidnext       INTEGER NOT NULL DEFAULT 0,
    highestmodseq INTEGER NOT NULL DEFAULT 0,
    messages      INTEGER NOT NULL DEFAULT 0,
    mailboxid     TEXT NOT NULL DEFAULT '',
    permanent     TEXT NOT NULL DEFAULT '',
    permanent_any INTEGER NOT NULL DEFAULT 1,
    read_only     INTEGER NOT NULL DEFAULT 0,
    dir_mtime     INTEGER NOT NULL DEFAULT 0,
    cur_mtime     INTEGER NOT NULL DEFAULT 0,
    new_mtime     INTEGER NOT NULL DEFAULT 0,
    inode         INTEGER NOT NULL DEFAULT 0
);

-- One message that both sides have, as it was before version 15; see message.sql. The file is new/ or cur/ + base + info, unless
-- file_name, which version 13 adds, says that it is called otherwise: 1, that is not
-- known; 2, it may be in another folder. Then info is empty.
-- size is that of the server form, date is INTERNALDATE in Unix seconds.
-- Version 7 adds essence, the digest of what identifies the message of the file
-- (mail.Essence); empty where it is digest. Version 9 is in young.sql. Version
-- 10 adds the index message_size, of copies on the server that are looked for by
-- size.
CREATE TABLE message (
    id           INTEGER PRIMARY KEY,
    mailbox_id   INTEGER NOT NULL REFERENCES mailbox(id) ON DELETE CASCADE,
    uid          INTEGER NOT NULL,
    base         TEXT NOT NULL,
    is_new       INTEGER NOT NULL DEFAULT 0,
    info         TEXT NOT NULL DEFAULT '',
    local_flags  TEXT NOT NULL DEFAULT '',
    remote_flags TEXT NOT NULL DEFAULT '',
    digest       BLOB NOT NULL,
    size         INTEGER NOT NULL,
    disk_size    INTEGER NOT NULL,
    form         INTEGER NOT NULL DEFAULT 0,
    date         INTEGER NOT NULL DEFAULT 0,
    emailid      TEXT NOT NULL DEFAULT '',
    pending      INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX message_uid  ON message(mailbox_id, uid);
CREATE INDEX message_base ON message(mailbox_id, base);
CREATE INDEX message_digest      ON message(digest);
CREATE INDEX message_pending     ON message(mailbox_id) WHERE pending <> 0;
CREATE INDEX message_emailid     ON message(emailid) WHERE emailid <> '';

-- The journal, as it was before version 14; see intent.sql.
CREATE TABLE intent (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    message_id INTEGER NOT NULL DEFAULT 0,
    mailbox    TEXT NOT NULL DEFAULT '',
    home       TEXT NOT NULL DEFAULT '',
    uid        INTEGER NOT NULL DEFAULT 0,
    base       TEXT NOT NULL DEFAULT '',
    flags_add  TEXT NOT NULL DEFAULT '',
    flags_del  TEXT NOT NULL DEFAULT '',
    digest     BLOB,
    size       INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    started  INTEGER NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0,
    outcome  TEXT NOT NULL DEFAULT ''
);

CREATE TABLE conflict (
    id      INTEGER PRIMARY KEY,
    time    INTEGER NOT NULL,
    mailbox TEXT NOT NULL,
    message TEXT NOT NULL,
    kind    TEXT NOT NULL,
    outcome TEXT NOT NULL
);

-- Facts that are told to the user once.
CREATE TABLE notice (
    text TEXT PRIMARY KEY,
    time INTEGER NOT NULL
) WITHOUT ROWID;
