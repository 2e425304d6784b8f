// Package remote is the IMAP side of satchel: it says what changed on a
// server and carries out what the engine decided.
//
// Start with [New], then [Client.Connect]; a [Conn] does everything else:
// [Conn.ListMailboxes] and [Conn.Resync] find out, [Conn.FetchBodies] and
// [Conn.FetchSamples] read, [Conn.Append] and the commands on mailboxes write. What
// changes messages of one mailbox is a method of the [Selection] that
// [Conn.Select] returns. A Conn belongs to one goroutine at a time. What the server
// can is in its [Abilities].
//
// Below are rooms: dial opens the connection, sasl has the mechanisms of a login, wire
// reads and writes lines, names spells mailboxes, refusal tells what a NO or BAD
// means, and resync knows how to ask what changed. vocabulary.go hands on what
// callers need of them.
//
// go-imap opens the session and logs in, and carries the commands for which
// its view is enough. Beneath it lies the link, a net.Conn that frames every
// response, keeps from go-imap what it would stumble over and adds the
// commands it does not have (docs/adr/0002-qresync-beneath-go-imap.md says
// why):
//
//	engine -> Conn -> go-imap -> link -> TLS -> socket
//	            \________________/
//	       own commands, tagged X1, X2, ...
//
// Invariants:
//
//   - An untagged response belongs to the oldest command that is not yet
//     answered; commands that must not be mixed up are answered in order, or
//     the connection is given up.
//   - Bytes are delivered only under the UID and mailbox in which the server
//     sent them, and only whole: a literal that ends early is an error.
//   - What follows a SELECT that failed, or that found another UIDVALIDITY, is
//     thrown away.
//   - Absence is never guessed. A list of UIDs that is shorter than the
//     mailbox says so, and ExistingUIDs asks for each message.
//   - OK is not proof. After MOVE, EXPUNGE and STORE the server must tell of
//     each message, or is asked; what it did not do is done in another way, or
//     is an error. After COPY the original is expunged only when the copy was
//     seen in its place.
//   - A Selection sends nothing once its connection has another mailbox open.
//   - Nothing is sent that this package did not ask for, also not by go-imap.
//   - A search says where to look, never what is so.
//   - Without progress for Options.Timeout the connection ends with an error.
//     The first error sticks; after it the Conn is dead.
//   - Names and UIDs are sent as the server gave them. No range is expanded,
//     and no range ends in "*".
//   - What a server says to people is taken up in one place (shown.go), without
//     what was sent to it in confidence, without what a terminal obeys, and with
//     an end.
//   - In clear text nothing is sent before the address that was reached is known
//     to be this machine's (package dial), unless the user allows it.
//
// The package must never log or wrap a password, nor log message text.
package remote
