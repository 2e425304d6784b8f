// Package refusal tells what a NO, a BAD or a BYE means.
//
// Start with [LimitOf]: it tells a server that is too busy, or full, from a command
// that is wrong. [Of] makes an error of an answer, and [Hint] says what a person
// can do about it.
//
// Invariants:
//
//   - Codes decide where there are any (RFC 5530); words do only in answers that
//     could be about a limit.
//   - What an answer quotes of a command, as the name of a mailbox, is not taken for
//     what the server says of itself (words.go).
//
// The package must never do I/O: answers in, facts out.
package refusal
