// Package look finds the facts: what changed on each side since the base, checked
// against what the sides count.
//
// Start with [Look.ScanLocal], which compares folders with rows (ahead.go reads
// them while the server is being asked), and [Look.CompareRemote], which takes
// the server's changes. What the server says must add up (confirm.go): the
// base, less what went, plus what is new, is what the mailbox holds. If not,
// the server is asked for each message, and is known for it from then on.
//
//	what seems so                           what is asked                         if unsure
//	the server says that messages vanished  are they there? (confirm.go)          they stay, the server is distrusted
//	the counts do not add up                all UIDs (confirm.go)                 the mailbox is frozen
//	what is listed is not described         once more (confirm.go)                the cursor stays
//	our own upload is not listed            a replica behind? (behind.go)         it is awaited
//	a UID that APPENDUID named              its size and date (uidplus.go)         the pair is void, the content decides
//	a file of ours is not in its folder     the folder again (expect.go)          the stamp stays
//
// It never concludes what a person did: that a message moved is for package
// match, that it was removed is for package absence. It changes neither side.
package look
