// Package config reads satchel's configuration file and turns each account in
// it into a [mailsync.Account].
//
// Start with [Load]. The keys and their defaults are one table, in keys.go,
// and the rules that join several keys are in validate.go.
//
// A configuration is accepted as a whole or not at all: every error in it is
// reported, each with file, line and what to write instead, and nothing runs
// on half of one. All errors are of kind configuration.
//
// A password never leaves this package except through the function in
// [mailsync.Account.Password]. It must never appear in an error, which is why
// no error here quotes a line of the file or the value of a secret key.
package config
