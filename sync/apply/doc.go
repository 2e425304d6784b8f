// Package apply carries out a plan. It decides nothing: where a precondition does
// not hold any more, it leaves the operation to the next cycle.
//
// Start with [Apply.Apply]: what was found out about dead runs is written (resolve.go),
// mailboxes are made, names show their keywords, what already agrees is written
// (base.go); then changes and, when all of these are done, removals. Within a stage the Maildir's operations run in one lane
// (local.go), the server's on the pool of connections (remote.go, upload.go,
// download.go), and deliveries through one goroutine that forms batches
// (fetch.go).
//
// The order of effects is the safety argument (ADR 4): an intent is durable
// before its effect, the effect is durable before the row says so, and one
// transaction updates the row and drops the intent (note.go, notes.go). So a
// kill between any two lines costs a second look and no mail.
//
//	operation             written ahead          effect                        written behind
//	download, local copy  a pending row          a durable file, then its name the row is delivered
//	upload, server copy   an intent              APPEND, COPY                  a row with the UID, or awaited without one
//	flags                 an intent              STORE, rename of the file     both sides' flags of the row
//	move                  an intent              MOVE, or COPY, STORE, EXPUNGE the row's place; expunged later where UIDPLUS is missing
//	removal               an intent              EXPUNGE, or into undo         the row goes, the removal is remembered
//
// Each batch goes through the same steps. A run that dies between two of them is
// recognised by what the step before left:
//
//	step      on the server                       on disk                     downloads
//	prepare   prepareUploads, remoteIntent        prepareBatch                prepareDeliveries
//	announce  announceChanges                     announceLocal               writeAhead
//	act       sendUploads, changeRemote           changeFolders, syncFolders  publish
//	note      noteUploads, noteRemote             noteLocal                   noteDelivered
//	conclude  concludeUploads, concludeRemote     concludeLocal               concludeDeliveries
//
// What both sides agree on already needs no intent: base.go notes it in one transaction.
//
// It never looks at what a plan was made of, and never plans.
package apply
