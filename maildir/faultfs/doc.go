// Package faultfs is for tests: file systems that fail, stop, or forget.
//
// Start with [FS]. It passes every call on to the real file system, after
// having asked a function that may refuse it: that is how a full disk, a
// failing close, or the death of the process before any step are made.
//
// [Disk] is an FS that also keeps a second picture of some folders: what would
// still be there after a power failure. Content counts as durable after
// Handle.Sync or SyncFS, names after SyncDir or SyncFS, which is all that a
// file system promises. [Disk.Crash] takes the folders back to it.
//
// Invariants: a refused call has no effect; a call that is let through is
// exactly that of [maildir.OSFS]. No product code imports this package.
package faultfs
