// Package quirk is the one place for what a server is known for beyond what it
// announces: what it was caught at (distrust.go), what it cannot send without
// ending the session (blame.go), which flags it keeps (permanentflags.go), whether it
// lets messages be taken out (rights.go), whether the sizes that it tells are
// exact (sizes.go), and how changes are asked for because of all that
// (level.go).
//
// Start with [Quirks]. A fault is remembered under a name and for a time
// ([run.Fault], [run.DistrustFor]); --full gives the server its chance again.
// To add one: a name in run/fault.go, who convicts, who absolves, and what is
// done differently while it holds.
//
// It never decides about a message.
package quirk
