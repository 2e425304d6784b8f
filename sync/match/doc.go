// Package match recognises which new thing is which known one: a file or a message
// that is new in its place may be one that moved, a copy, or what this program
// itself had put there.
//
// Start with [Match.MatchLocal] for files and [Match.MatchRemote] for messages of
// the server. What is new is claimed by reasons in a fixed rank; each known
// message is claimed once.
//
//	rank  a new file is                                          by
//	1     that of a message, where the base has it               place: the same mailbox and name
//	2     what a dead run was moving there                       intent
//	3     that of a message that is missing, under its name      name
//	4     that of a message that is missing, by its content      content, then the essence (ADR 3)
//	5     a copy of a message that is on disk                    content
//
//	rank  a new message of the server is                         by
//	1     the copy of an emulated move, or its original          emulatedmove.go, sourcemoved.go
//	2     an upload or a copy that the journal announced there   announced.go
//	3     a new file of that content in the same mailbox         assign.go
//	4     a message that vanished elsewhere: it moved            assign.go, uidgaps.go
//	5     one that a side altered (other line ends, other words) alike.go
//	6     a copy of any message that is on disk                  assign.go, copysource.go
//
// Content decides, and it is asked for by degrees (identify.go): an identity that
// the server gives, size and date, Message-ID, a part, all of it. What stays
// unknown waits (alike_unknown.go); it never counts as new on a guess.
//
// It writes nothing: what it finds out about dead runs is handed on
// ([view.View.Resolve], [view.Carry]).
package match
