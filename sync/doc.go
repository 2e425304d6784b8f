// Package sync is the engine: it keeps one IMAP account and one Maildir the
// same, both ways.
//
// Start with [Engine.Sync]. A run is a session, and a session is one account,
// because moves cross mailboxes. It goes through cycles until both sides are
// quiet (session.go), each with an empty view of both sides (view.go, message.go):
//
//	survey     which mailboxes are there, which may have changed   survey.go, ghosts.go, rename*.go
//	look       read folders while the server is being asked        look_local.go, expect.go
//	scan       what changed on each side since the base            scan_local.go, scan_remote.go, ours.go, unkept.go
//	stumps     what has grown since it went up                     young.go
//	recover    what an interrupted run had begun                   recover.go, halfmove.go, strayed.go, movedon.go, ourmark.go
//	match      which new message is an old one in a new place      match_local.go, samename.go, match_remote.go, prove.go, assign.go, alike*.go
//	unite      what an older Maildir says, with what the server says now   generation.go
//	uploads    what was sent in vain, or taken without a word      unsettled.go, refused.go
//	hold back  what may be in a place that is not looked at        hideout.go, elsewhere.go
//	confirm    what seems to be gone, before it is believed        confirm.go, confirm_remote.go, distrust.go
//	plan       what to do about it                                 planning.go, package plan
//	letters    give files names that show their keywords           letters.go, package maildir
//	apply      do the rest, side by side                           apply*.go, download.go, blame.go, pool*.go, limits.go, patience.go
//	settle     move cursors and stamps                             settle.go
//	windows    the rest of what is too much to list at once        windows.go
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
