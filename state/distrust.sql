-- What a server was caught saying wrongly, and so is not believed in; an empty
-- mailbox is the server as a whole.
CREATE TABLE distrust (
    mailbox TEXT NOT NULL,
    fault   TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (mailbox, fault)
) WITHOUT ROWID;
