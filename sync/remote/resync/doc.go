// Package resync knows how to ask what changed in a mailbox, and what the answers
// mean.
//
// Start with [Request] and [Changes]. An [Inquiry] is one request: [NewInquiry] gives
// the questions that follow SELECT, [Opened] and the inquiry take the answers, and
// [Inquiry.Judge] makes Changes of them, or says that the mailbox must be asked in
// another way. The connection that sends and reads is package remote's.
//
// Questions come at a [Level]. With QRESYNC the answer to SELECT says what changed;
// with CONDSTORE, CHANGEDSINCE tells the flags and a search the UIDs that are there;
// with neither, searches show where flags differ from those that the caller knows
// (flagsearch.go), and only these are fetched.
//
// Invariants:
//
//   - What a server says must add up. A list of UIDs that is shorter than the mailbox
//     says so, and numbers that go backwards are [Doubts].
//   - A search says where to look, never what is so.
//   - No range that is sent ends in "*".
//   - What is kept of an answer follows what the mailbox holds, not how much the
//     server says (bounds.go).
//
// The package must never do I/O: answers in, questions and changes out.
package resync
