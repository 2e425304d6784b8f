// Package recovery finds out what an interrupted run had done, so that it is not
// taken for a change by a person.
//
// Start with [Recovery.RecoverLocal] and [Recovery.RecoverRemoteMoves]. An
// intent of the journal is a second ancestor: the base, with the intent done.
// Where a side shows the one or the other, the base is brought up to it.
//
//	intent         shown as done                       shown as not done
//	local flags    the base takes the flags            the change is seen again
//	local move     the row follows the file            the move is seen again
//	remote flags   the base takes the flags            the change is seen again
//	remote move    the row follows the message         the move is seen again; our \Deleted is not a person's (owndeleted.go)
//	removal        the row goes                        our \Deleted is not a person's
//	upload, copy   the message found is it (match)     awaited, and sent again only where it is proven missing (unsettled.go)
//
// It writes nothing itself: apply writes what was resolved before anything else.
// What a server said OK to and does not show is awaited (awaited.go); what it
// refused is remembered, so that it is not sent in every run (refused.go).
package recovery
