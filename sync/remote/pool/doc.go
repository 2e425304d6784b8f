// Package pool holds the connections of a run, and waits for a server that has
// too much to do.
//
// Start with [Pool.First], the connection for asking, and [Pool.Run], which
// carries out jobs side by side. A [Backoff] decides how long to wait, and when
// to give up.
//
// A connection is used by one goroutine at a time. A job whose connection broke
// is told so ([Job.Broken]); what it had not noted as done is looked at again.
// A pool never repeats a job by itself unless the job asked for that
// ([Job.Narrow]).
//
// It knows nothing of what the jobs are about: no mailboxes, no state, no plans.
package pool
