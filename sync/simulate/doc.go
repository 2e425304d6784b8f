// Package simulate imagines what may happen to an account and holds the engine
// to its laws: whole runs of the real engine against the server in memory
// ([imaptest]) and a Maildir on a disk that can fail, stop or forget
// ([faultfs]). One seed decides everything that happens.
//
// Start with [Draw], which makes a [History] of a seed, and [Play], which lives
// through it and returns the first [Violation]. A history is a list of events
// in plain text, so that a failure can be shrunk ([Shrink]), kept in
// testdata/simulate and replayed.
//
//   - alphabet.go lists the kinds of events; server.go, disk.go and runs.go do them.
//   - model.go is the oracle: what people did to each message, and what may
//     therefore be its end. It shares no code with the engine. disk.go has its
//     own reading of a Maildir for the same reason.
//   - agreement.go ends all faults and demands that both sides agree; laws.go holds
//     what is seen against the model, keptlaw.go what one side removed and the other
//     edited, carrylaw.go what was transferred; checklaws.go damages one side, or the
//     state, and demands that check finds it.
//   - draw.go chooses events: each history has its own subset of the alphabet
//     and its own sizes (swarm testing).
//   - small.go lists every history of up to three events of a smaller alphabet
//     (bounded exhaustion), with every kind of run and every stop in it.
//   - lag.go, spelling.go, exclude.go and alters.go are events that last, and what they excuse.
//   - cover.go counts which kinds of event met in one run.
//
// Everything runs in a testing/synctest bubble on one CPU, so a seed has one
// order of events; parallel work is done by processes (simulate_test.go).
//
// No product code imports this package.
package simulate
