// Package view holds the data of one cycle: what both sides and the base have,
// message by message. It does no I/O.
//
// Start with [View]; it is empty when a cycle begins. A [Mailbox] is one
// mailbox as the base and both sides have it. A [Message] joins a row, a file
// and a message of the server, as far as they are known to be one; its Item is
// what the planner sees of it.
//
//	who            fills in
//	survey         Mailboxes, ByID, Names, Intents
//	look           Messages, NewLocal, NewRemote, Touched, what Mailbox has of both sides
//	match          Paired, CopyOf and Home of items; moves messages from New to known ones
//	recovery       bases and rows, as far as a dead run had changed them
//	absence        Held of items, LocalBlind and RemoteBlind
//	apply          rows, files and UIDs, as things are done
//
// What is resolved before a plan exists is collected here ([View.Resolve],
// [Carry]) and written when the plan is carried out.
//
// A row that is not in a transaction is changed by one goroutine only.
package view
