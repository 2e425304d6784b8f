-- Files that went up while they were young enough to be still written: what was
-- read of them, by the unique part of their name and how much it was. sent is when,
-- in Unix seconds; mailbox is where that was.
CREATE TABLE young (
    mailbox TEXT NOT NULL,
    base    TEXT NOT NULL,
    size    INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    sent    INTEGER NOT NULL,
    PRIMARY KEY (mailbox, base, size)
) WITHOUT ROWID;
