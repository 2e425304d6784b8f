// Package mail is the vocabulary that all parts of satchel share: UIDs,
// mod-sequences, flags, digests and kinds of errors.
//
// It does no I/O, imports only the standard library and stays small. Start
// with [Flags], the one type here that has rules of its own.
package mail
