// Package dial opens what a session is spoken over: a socket or the command of a
// tunnel, TLS above it, and STARTTLS before that.
//
// Start with [Dialer]; [Dialer.Hint] says what to try when it fails.
//
// Invariants:
//
//   - In clear text nothing is sent before the address that was reached is known to
//     be this machine's (socket.go), unless the user allows it.
//   - Nothing said before TLS is believed.
//   - A certificate that does not fit ends the connection; the error says first what
//     is wrong with it, and the pin comes last (certificate.go).
//   - The whole of the opening has one time limit.
//   - When the connection is closed, no process of a tunnel is left.
//
// The package knows no password. It reads a greeting and the answer to STARTTLS, and
// nothing else of IMAP.
package dial
