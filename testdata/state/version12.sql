-- A state of version 12 with rows of every kind, as a dump of sqlite3.
CREATE TABLE conflict (
    id      INTEGER PRIMARY KEY,
    time    INTEGER NOT NULL,
    mailbox TEXT NOT NULL,
    message TEXT NOT NULL,
    kind    TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE TABLE distrust (
    mailbox TEXT NOT NULL,
    fault   TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (mailbox, fault)
) WITHOUT ROWID;
CREATE TABLE held (
    run      INTEGER NOT NULL,
    mailbox  TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (run, mailbox)
) WITHOUT ROWID;
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
, confirmed INTEGER NOT NULL DEFAULT 0);
INSERT INTO "intent" VALUES(3,'append',0,'INBOX','INBOX',20,'up','S','',X'0101010101010101010101010101010101010101010101010101010101010101',120,1);
INSERT INTO "intent" VALUES(4,'append',0,'Archive','',5,'copy','','',X'0101010101010101010101010101010101010101010101010101010101010101',120,0);
INSERT INTO "intent" VALUES(5,'remote-flags',1,'INBOX','INBOX',11,'','F','',X'0000000000000000000000000000000000000000000000000000000000000000',0,0);
INSERT INTO "intent" VALUES(1,'expunge',0,'INBOX','INBOX',3,'','','',X'0000000000000000000000000000000000000000000000000000000000000000',0,0);
INSERT INTO "intent" VALUES(6,'remote-move',2,'Archive','INBOX',5,'','D','',X'0000000000000000000000000000000000000000000000000000000000000000',0,0);
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
, files INTEGER NOT NULL DEFAULT -1, names INTEGER NOT NULL DEFAULT 0, refused TEXT NOT NULL DEFAULT '', letters TEXT NOT NULL DEFAULT '?', former INTEGER NOT NULL DEFAULT 0);
INSERT INTO "mailbox" VALUES(1,'INBOX',7,20,0,5,'','',1,0,0,0,0,0,-1,0,'','?',0);
INSERT INTO "mailbox" VALUES(2,'Archive',9,5,0,1,'','',1,0,0,0,0,0,-1,0,'','?',0);
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
, since INTEGER NOT NULL DEFAULT 0, essence BLOB NOT NULL DEFAULT x'');
INSERT INTO "message" VALUES(1,1,11,'named',0,':2,S','S','S',X'0000000000000000000000000000000000000000000000000000000000000000',120,100,0,0,'',0,1,X'');
INSERT INTO "message" VALUES(2,1,12,'plain',1,'','','',X'0000000000000000000000000000000000000000000000000000000000000000',120,100,0,0,'',0,1,X'');
INSERT INTO "message" VALUES(3,1,13,'unknown',0,'/','S','S',X'0000000000000000000000000000000000000000000000000000000000000000',120,100,0,0,'',0,1,X'');
INSERT INTO "message" VALUES(4,1,4294967293,'away',0,'//','','F',X'0000000000000000000000000000000000000000000000000000000000000000',120,100,0,0,'',0,1,X'');
INSERT INTO "message" VALUES(5,2,3,'pending',0,':2,','','',X'0000000000000000000000000000000000000000000000000000000000000000',120,100,0,0,'',1,1,X'');
INSERT INTO "message" VALUES(6,2,4,'',0,':2,','','',X'0202020202020202020202020202020202020202020202020202020202020202',120,100,0,0,'',0,1,X'');
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE notice (
    text TEXT PRIMARY KEY,
    time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE removal (
    id        INTEGER PRIMARY KEY,
    run       INTEGER NOT NULL,
    time      INTEGER NOT NULL,
    side      TEXT NOT NULL,
    mailbox   TEXT NOT NULL,
    since     INTEGER NOT NULL,
    fate      TEXT NOT NULL,
    trash     TEXT NOT NULL DEFAULT '',
    trash_uid INTEGER NOT NULL DEFAULT 0,
    digest    BLOB NOT NULL,
    size      INTEGER NOT NULL,
    date      INTEGER NOT NULL DEFAULT 0,
    base      TEXT NOT NULL DEFAULT '',
    released  INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    started  INTEGER NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0,
    outcome  TEXT NOT NULL DEFAULT ''
, scope TEXT NOT NULL DEFAULT '', agreed INTEGER NOT NULL DEFAULT 0, here INTEGER NOT NULL DEFAULT 0);
CREATE TABLE seen (
    mailbox  TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE unsent (
    mailbox TEXT NOT NULL,
    base    TEXT NOT NULL,
    digest  BLOB NOT NULL,
    mtime   INTEGER NOT NULL,
    inode   INTEGER NOT NULL,
    tried   INTEGER NOT NULL,
    sent    INTEGER NOT NULL,
    answer  TEXT NOT NULL,
    PRIMARY KEY (mailbox, base)
) WITHOUT ROWID;
CREATE TABLE young (
    mailbox TEXT NOT NULL,
    base    TEXT NOT NULL,
    size    INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    sent    INTEGER NOT NULL,
    PRIMARY KEY (mailbox, base, size)
) WITHOUT ROWID;
CREATE UNIQUE INDEX message_uid  ON message(mailbox_id, uid);
CREATE INDEX message_base ON message(mailbox_id, base);
CREATE INDEX message_digest      ON message(digest);
CREATE INDEX message_pending     ON message(mailbox_id) WHERE pending <> 0;
CREATE INDEX message_emailid     ON message(emailid) WHERE emailid <> '';
CREATE INDEX removal_time ON removal(time);
CREATE INDEX message_essence ON message(essence) WHERE essence <> x'';
CREATE INDEX message_size ON message(size);
PRAGMA application_id=0x53617463;
PRAGMA user_version=12;
