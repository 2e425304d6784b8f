// Package judge holds programs that keep an IMAP account and a Maildir the same
// to the laws of the simulator, from outside: a real server, a real disk, the
// program as its package installs it.
//
// Start with [Draw], which makes the history of a seed for a program, and
// [Play], which lives through it and returns what it came to. Histories are
// those of package simulate, so that what fails here can be tried there; its
// alphabet, model and laws are used through simulate.Outside.
//
//   - tool.go is the table of programs; each has a file with its configuration
//     and with what it claims. An event that a program does not claim to
//     understand is not in its histories.
//   - draw.go chooses events, play.go does them and runs the program.
//   - client.go is the second client of the account, on the real server.
//   - wire.go is the line between program and server. It counts bytes: a
//     program is killed, cut off, or watched by others changing things, after a
//     number of bytes and not after some time.
//   - table.go counts verdicts and writes them down.
//
// In these histories the numbers behind @ are thousandths of the bytes that the
// program's last whole run sent and received.
//
// No product code imports this package, and it imports none: the program under
// test is a file that is run.
package judge
