// Package bench compares satchel with mbsync on the same work: what
// `make bench` runs. It holds nothing but tests, and they are skipped unless
// SATCHEL_BENCH names the program to measure.
//
// TestCompare is the place to begin. It starts a private Dovecot, fills
// accounts, and lets each program do each workload in folders of its own, in
// turn. A workload prepares and describes the change; a replica is one program's
// copy of one account; model is what both sides must hold afterwards.
//
// Invariants:
//
//   - Every run is checked: content, flags and places of all messages, on disk
//     and on the server, and that a run with nothing to do left both alone. One that
//     did not do its work fails the benchmark and has no time.
//   - Both programs run with their defaults, which include fsync. The
//     configuration written here has no key that makes anything faster.
//   - What is measured is the process alone, as wait4 tells it, and what crossed the
//     proxy. Dovecot, the proxy and the checks are not in CPU and memory.
//   - Nothing is deleted before the end: file systems create files more slowly
//     for a while after many deletions, and the next program would pay for it.
//
// How to run it and how to read the result is in docs/benchmarks.md.
package bench
