// Package talk is the other client of an account in tests: just enough IMAP to
// fill a server, change it and read it again, and an opinion that owes nothing to
// the code under test nor to go-imap.
//
// Start with [Dial]. A test sends its commands as text ([Conn.Do]) and gets
// responses as text, but for what all tests need: names of mailboxes ([Name],
// [Reply.Listed]) and messages ([Conn.Append], [Reply.Message]).
//
// Invariants:
//
//   - A refusal is [ErrNo]. Every other error means that an answer is missing:
//     what the server did then is unknown.
//   - It decides nothing: it does not select, repeat or connect again by itself.
package talk
