// Package plan decides what a run does. Changes go in, operations come out;
// nothing here reads a clock, a file, a socket or a database, and the same
// input always gives the same output.
//
// Start with [Item], one message as both sides see it, then [Make].
//
// # The decision table
//
// Three-way: base (what both sides held after the last sync), local, remote.
// Read a row as "local did this, remote did that"; each row but the marked
// one also holds with the sides exchanged.
//
//	same     same      nothing
//	edited   same      the change of flags is applied to the other side
//	edited   edited    merged flag by flag; what one side changed wins
//	removed  same      removed
//	removed  edited    Policy.EditVsDelete; \Seen alone is no edit
//	removed  removed   forgotten
//	moved    same      moved, flags merged
//	moved    edited    moved, flags merged
//	moved    removed   Policy.EditVsDelete
//	moved    moved     same place: agreed; else the server's place wins (the
//	                   one rule that knows which side is which)
//	new      absent    copied over; from a message that the other side has
//	                   already, when the content is the same
//	new      new       paired: the same content in the same mailbox
//
// Impossible, and treated as nothing: an item that is absent on both sides,
// and an item in the base that a side calls new or absent.
//
// # Order
//
// Operations come out sorted by [Op.Stage], mailbox, message and kind. Stages
// are barriers for the applier: what makes mailboxes, then what gives files
// names that show their keywords, then what copies and changes, then what
// removes messages, then what removes mailboxes. So a copy is always made
// before the original goes.
package plan
