// Command satchel keeps IMAP accounts and local Maildirs the same, both ways.
//
// This package is the command line and nothing else: it reads the
// configuration, hands each account to an engine of package sync, and puts
// into words what the engine reports. Each verb has a file of its own, made
// by a function such as newStatusCommand; what verbs share is in deps. Start
// with root.go. The rules for everything that is printed are at the top of
// print.go, and the exit codes are one switch in exit.go.
//
// It never looks into a mailbox or a state file itself, and never decides
// what happens to a message.
package main
