// Package undo lists what runs removed and brings it back: from the undo folder
// (undo.go), or from where a message still is (removed.go).
//
// It puts files into the Maildir; the next sync puts them on the server. A
// file that is there again is never overwritten.
package undo
