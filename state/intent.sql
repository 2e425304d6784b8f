-- What is about to be done and would not be recognised after a crash by looking at
-- both sides alone. Each kind has the fields that it needs, and the others are NULL:
--
--   append, copy                 base, digest, size, flags_add: the file, as it goes up;
--                                uid: the lowest that it can get
--   remote-flags, remote-remove  message_id, home, uid, flags
--   remote-move, trash           message_id, home, flags; uid as for append
--   local-flags                  message_id, home, flags
--   local-move                   message_id, home, uid, base, flags
--   expunge                      message_id, home, uid, flags; base: the file that a stump
--                                is to go for
--   local-rename, remote-rename, base-name, subscription   home
--
-- mailbox is where it leads, home where the message, or the name, was before. confirmed:
-- the server said OK to it.
CREATE TABLE intent (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    message_id INTEGER CHECK (message_id > 0),
    mailbox    TEXT NOT NULL CHECK (mailbox <> ''),
    home       TEXT CHECK (home <> ''),
    uid        INTEGER CHECK (uid BETWEEN 1 AND 4294967295),
    base       TEXT CHECK (base <> ''),
    flags_add  TEXT NOT NULL DEFAULT '',
    flags_del  TEXT NOT NULL DEFAULT '',
    digest     BLOB CHECK (length(digest) = 32),
    size       INTEGER CHECK (size >= 0),
    confirmed  INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
    CHECK (CASE
        WHEN kind IN ('append', 'copy') THEN
            message_id IS NULL AND home IS NULL AND base IS NOT NULL AND digest IS NOT NULL AND size IS NOT NULL AND flags_del = ''
        WHEN digest IS NOT NULL OR size IS NOT NULL OR home IS NULL THEN 0
        WHEN kind IN ('local-rename', 'remote-rename', 'base-name', 'subscription') THEN
            message_id IS NULL AND uid IS NULL AND base IS NULL AND flags_add = '' AND flags_del = ''
        WHEN message_id IS NULL THEN 0
        WHEN kind = 'local-move' THEN base IS NOT NULL
        WHEN kind = 'expunge' THEN flags_del = ''
        WHEN base IS NOT NULL THEN 0
        WHEN kind = 'local-flags' THEN uid IS NULL
        WHEN kind IN ('remote-remove', 'remote-move', 'trash') THEN flags_del = ''
        ELSE kind = 'remote-flags' END)
) STRICT;
