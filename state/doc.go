// Package state remembers, in one SQLite file per account, what both sides
// held after the last sync (the base), how far each mailbox of the server was
// read (the cursor), what the folders looked like (the stamps), and what is
// being done right now (the journal).
//
// Start with [DB]. Reads go through DB, writes through [DB.Update], which is
// one transaction, durable when it returns (WAL, synchronous=FULL).
//
// # Schema
//
// schema.sql is the first version, message.sql and intent.sql are the messages and the
// journal ([Intent]) as they are now, distrust.sql is what a server was caught at,
// removal.sql what runs removed and what they proved.
//
// A message row joins a UID to a file: it exists only when both sides are known to hold the
// message, or, with pending=1, when a file is about to be given its name. The two flag
// columns are what each side held; they differ where a side cannot hold a keyword. file_name
// says whether a row names its file ([FileName]). A row without a UID is of a message that
// left the mailbox on the server, and that its file is still to follow.
//
// # Invariants, verified by [DB.Check]
//
//   - a row's mailbox exists, and (mailbox, uid) is unique where there is a uid; base is
//     not, because in the middle of a batch two rows may name the same file
//   - a cursor is stored only after everything up to it is in rows
//   - an intent outlives the transaction that completes it by nothing: both
//     are one transaction
//
// All SQL of satchel is in this package, and it alone imports
// modernc.org/sqlite.
package state
