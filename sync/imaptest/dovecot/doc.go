// Package dovecot starts a private Dovecot for tests: its own folders, its
// own configuration, a free loopback port, a handful of users, and nothing
// left behind.
//
// [Start] is the place to begin: it returns a [Server] that answers, and
// registers the clean-up with the test.
//
//	srv := dovecot.Start(t, dovecot.Options{})
//	conn, err := net.Dial("tcp", srv.Addr()) // LOGIN srv.User srv.Password
//
// Where Dovecot is found, first match wins: the file that SATCHEL_DOVECOT
// names, PATH, /usr/sbin, and the Debian packages that .ci/dovecot.sh
// unpacked into the repository's .cache/dovecot. When there is none the test
// is skipped, and says so on stderr too: a test run that silently proves
// nothing is worse than a failing one.
//
// Invariants:
//
//   - Dovecot never runs as root. When the test does, Dovecot is started as
//     nobody; otherwise as the user who runs the test. One way of working,
//     two kinds of machine.
//   - Every process is a child of the one that Start began, in a process group
//     of its own, told to end when the test process dies, and gone when the test
//     is over. Nothing is ever ended by name.
//   - Every server listens on 127.0.0.1 and on no other address.
//
// It must never touch the system's Dovecot, its configuration or its mail,
// and it imports nothing but the standard library.
//
// It works on Linux with Dovecot 2.3; elsewhere it builds, and Start skips.
package dovecot
