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
//	rank  a new message of the server is                        by
//	0     the original of an emulated move, in a new place      sourcemoved.go
//	1-8   see claims.go, which is this table as code            claims.go
//	9     one that a side altered (other line ends, words)      alike.go
//
// Content decides, and it is asked for by degrees (identify.go): an identity that
// the server gives, size and date, Message-ID, a part, all of it. What stays
// unknown waits (alike_unknown.go); it never counts as new on a guess.
//
// It writes nothing: what it finds out about dead runs is handed on
// ([view.View.Resolve], [view.Carry]).
package match
