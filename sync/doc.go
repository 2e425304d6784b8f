// Package sync is the engine: it keeps one IMAP account and one Maildir the
// same, both ways.
//
// Start with [Engine.Sync]. A run is a session, and a session is one account,
// because moves cross mailboxes. It goes through cycles until both sides are
// quiet (session.go), each with an empty view of both sides:
//
//	survey     which mailboxes are there, which may have changed    package survey
//	look       what changed on each side since the base             package look
//	match      which new message is an old one in a new place       package match
//	recover    what an interrupted run had begun                    package recovery
//	absence    what seems to be gone, before it is believed         package absence
//	decide     what to do about it                                  packages decide and plan
//	apply      do it, side by side                                  package apply
//	commit     move cursors and stamps past what is done            cursors.go
//	windows    the rest of what is too much to list at once         windows.go
//
// The order of these steps is in [session.compare]. What they share is the run
// (package run) and the view of the cycle (package view); what a server is
// known for is in package quirk, what letters mean in package keyword. The map
// in the README says who may import whom.
//
// The order of effects is the safety argument. Before an operation whose
// effect could later be taken for a change by the user, its intent is made
// durable in the journal; then comes the effect, made durable; then one
// transaction updates the base and drops the intent. A cursor or a stamp moves
// only when nothing seen before it is left to do. So an interruption at any
// point costs at most a second look: the next run sees the same changes again,
// recognises by the journal what was done already, and goes on.
//
// Inside this repository the name sync. always means the standard library;
// everybody else imports this package as mailsync.
package sync
