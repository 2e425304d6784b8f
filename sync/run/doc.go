// Package run is one run on one account: the handles that all rooms work with,
// what must be known from one cycle to the next, and the reasons for waiting.
//
// Start with [Run]. Each room embeds it, and adds what is that room's own.
// [Run.HoldCursor] and [Run.HoldStamp] keep a cursor or a stamp where it is, so
// that what was seen there is seen again; [Run.FreezeLocal] and
// [Run.FreezeRemote] leave a mailbox as it is, because a side of it could not be
// looked at. These are the only ways to wait.
//
// Run.Mu guards what workers change. A room takes it for a moment, never
// around I/O, and never calls another room while it holds it.
package run
