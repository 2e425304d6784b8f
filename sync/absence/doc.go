// Package absence takes the second looks: nothing is removed because it was not
// seen once.
//
//	absence                                     would cause               asked once more                         if unsure
//	a file is in no folder (local.go)           a removal on the server   folders that were not looked at         the message stays
//	a message is in no mailbox (confirm_remote) a removal on disk         the mailboxes that grew meanwhile       the file stays, cursors stay
//	most of a mailbox is gone (confirm_remote)  a mass removal            the mailbox, UID by UID                 the mailbox is frozen
//	a copy is not where it was made             another copy              the mailbox that it was made in         it is awaited
//	pairs void by UIDVALIDITY (detached.go)     rows without UIDs         messages by content                     the old rows stay
//	nothing is told of new messages             uploads doubled           (undescribed.go)                        the cursor stays
//	a replica does not show all (behind.go)     removals on disk          (behind.go)                             all of it waits for a day
//
// It holds things back ([plan.Item] Held, [run.Run.HoldCursor], [run.Run.HoldStamp]) and takes nothing away.
package absence
