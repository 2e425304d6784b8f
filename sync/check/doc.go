// Package check proves that the state, the Maildir and the server agree, and finds
// what no sync would notice.
//
// Start with [New] and [Checker.Run]: rows among themselves, files against rows
// (files.go, flags.go), the server against rows (server.go), and content where
// nothing else tells (content.go). What can be mended by the next sync is
// prepared for it (repair.go).
//
// It changes neither side. Differences that the next sync carries over are
// counted and are no findings.
package check
