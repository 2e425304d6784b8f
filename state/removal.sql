-- What runs removed from a side because it was gone from the other: for the
-- brakes, which add up a day, and for satchel undo. since is the run that
-- brought the message into the base. fate is where the message is now: the undo
-- folder, the server's mailbox trash (as uid there, 0 when not known), or
-- nowhere. released rows do not count for the brakes any more.
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
CREATE INDEX removal_time ON removal(time);

-- How many messages the base held of a mailbox, or under '' in all, when a run
-- first removed some.
CREATE TABLE held (
    run      INTEGER NOT NULL,
    mailbox  TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (run, mailbox)
) WITHOUT ROWID;

-- since is the run that brought a message into the base, for the brakes.
ALTER TABLE message ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- What a run was to cover (empty: not the whole account, or not both ways), and
-- what it proved: agreed, that the sides agree; here, that all mail of the
-- server is here.
ALTER TABLE run ADD COLUMN scope TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN agreed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN here INTEGER NOT NULL DEFAULT 0;

-- What the server was last seen to hold of mailboxes that are not known to be
-- here completely.
CREATE TABLE seen (
    mailbox  TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
) WITHOUT ROWID;
