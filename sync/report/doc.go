// Package report holds what a run, a plan and a status say: typed results for
// people and programs, with the names that they have in JSON.
//
// Start with [Report]; [Operation] is a line of a plan, [Problem] is an error
// that did not end the run, [Status] is what is known without a server.
//
// A report has an end, whatever a server claims (tally.go). Workers report side
// by side: the methods of a Report may be called from several goroutines, and
// its fields may be read when the run is over.
//
// It decides nothing and does no I/O.
package report
