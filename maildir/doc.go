// Package maildir is the local side: the mailboxes of one account as Maildir
// folders below one root.
//
// Start with [Store]. [Store.Survey] finds the folders, [Store.Scan] lists
// the messages of one; neither opens a message. [Store.Spool], [Store.Flush]
// and [Store.Publish] deliver, [Store.Rename], [Store.Copy] and
// [Store.Discard] change, [Store.SyncFolders] makes changes durable. Every
// access to the disk goes through [FS].
//
// # File names
//
//	message  = folder "/" ( "cur" / "new" ) "/" name
//	name     = base [ info ]          ; no leading dot, no "/", no NUL
//	info     = ":2," *letter tail     ; the last ":2," that is not at the start
//	letter   = "D" / "F" / "P" / "R" / "S" / "T"   ; system flags
//	         / "a".."z"               ; keywords, see dovecot-keywords
//	         / "A".."Z"               ; others mean nothing and are kept
//	tail     = what begins with something else than a letter; kept
//	base     = any other bytes, ":1," and other colons included
//
// A base that [Store.NewBase] makes is
//
//	seconds ".M" micros "P" pid "Q" count "R" 16hex "." host
//
// A message is known by its folder and base. A change of flags keeps both.
// Writing sorts the letters in ASCII order and drops doubles. UIDs are never
// part of a name.
//
// # Folder names
//
// A mailbox Archive/2026 is root/Archive/2026 in the Nested layout and
// root/.Archive.2026 in Maildir++; INBOX is root/INBOX or the root itself.
// [EncodeLevel] writes as %XX what a level cannot hold: '%', '/', control
// characters and bytes that are not UTF-8; in Nested the first byte of cur,
// new, tmp, dovecot-keywords and of what begins with a dot; in Maildir++
// every dot. "%_" is a level without a name. A Nested level of more than 255
// bytes goes on in a subdirectory, and "%+" ends the names of those before
// the last. [Naming] has the other choices: names in modified UTF-7, all levels in
// one directory, and folders that are called otherwise than their mailboxes. A name
// that is written with decomposed letters is that of the composed ones. Only a directory name that is the encoding of a mailbox name is
// taken for that mailbox, so two directories never have one name.
//
// dovecot-keywords in a folder's directory has lines of a number, 0 for the
// letter a, and a keyword. [Table] holds them together with what they meant
// before, and reading.go has the tables by which letters become keywords. The
// root carries .satchel.json with its id.
//
// # Invariants
//
//   - No message is ever replaced or truncated, and none is unlinked, except by
//     ForgetRun in the undo folder and where a file moved to another disk and
//     its copy is durable.
//   - A message gets its name only when its content is durable.
//   - Only the name that was seen is renamed; otherwise ErrGone.
//   - A folder without cur or new is an error and not an empty folder.
//   - Absence from a listing is believed only when nothing moved meanwhile.
//   - No mailbox name leads out of the root.
//   - Of symbolic links only those in the place of a folder are followed, when
//     our own user owns link and target. What is no regular file of our own is
//     not read, and no call waits at a fifo.
//   - What is deleted for good lies in real directories of our own, opened
//     without following links.
//
// This package must never decide what to do, parse more of a message than its
// Message-ID, or depend on the other side.
package maildir
