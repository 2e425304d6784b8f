// Package keyword says what the letters in file names mean, folder by folder,
// and which files do not show the keywords that they have.
//
// Start with [Keywords]. Package maildir has the decision table of letters (ADR
// 9); here it meets the base and what the server keeps. Letters are given out
// when a plan is applied (apply/letters.go), never here.
package keyword
