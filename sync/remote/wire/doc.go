// Package wire reads and writes the lines of IMAP that satchel handles
// itself, beneath go-imap.
//
// Everything here is a pure function of bytes: no I/O, no state. The parsers
// are lenient about what servers really send (flags with brackets, missing
// text, double spaces, invalid names) and strict about the one thing that
// must never be guessed, the number of bytes in a literal.
//
// Start with [ParseFetch]. A response is handed over as one slice in which
// each literal stands in place: "{3}", CRLF and its three bytes.
//
// Nothing here may expand a UID range: a server may send 1:4294967295.
package wire
