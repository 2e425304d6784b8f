package view

import (
	"satchel/maildir"
)

// Lookahead is the reading of folders that goes on while the server is being
// asked. Whoever starts it has to wait for it.
type Lookahead struct {
	done  chan struct{}
	looks map[string]*FolderLook // valid when done is closed
}

// FolderLook is a folder compared with the base: only what differs.
type FolderLook struct {
	Listing *maildir.Listing // without Files when there is nothing to compare
	Table   maildir.Table    // what the keyword letters mean
	Names   maildir.Fingerprint
	Err     error       // of listing or comparing it
	Fresh   []*Message  // unknown, or sharing a base with others
	Shared  []int64     // rows that share a base with others, or with several files
	Changed []namedFile // known, under another name than the row says
	Missing []int64     // rows
	Removed int         // those of them whose files had been delivered
}

// namedFile is the file of a row.
type namedFile struct {
	ID   int64
	File maildir.File
}
