// Package survey knows the mailboxes: which there are on both sides and in the
// base, which of them are one and the same under another name, and which may
// have changed.
//
// Start with [Survey.Survey]. Identities prove a rename (identity.go): on the
// server MAILBOXID, on disk the inode of a folder together with what it holds.
// A rename is brought to the other side at once (rename.go), because everything
// after it goes by names; it is written ahead in the journal, and recover.go
// finishes what a dead run began.
//
// A list that leaves something out removes nothing: what is missing is asked
// for by name, and where an answer is not to be had the mailbox stays as it is.
package survey
