-- An append that the server said OK to, without saying what became of it.
ALTER TABLE intent ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;

-- Files that went up and did not get there: the server refused them (answer), or
-- said OK and does not show them. sent counts how often they went up with that
-- outcome. The rest says which file it was, and what it was like.
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
