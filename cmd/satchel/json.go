package main

import (
	"slices"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// syncObject is what sync and plan print with --json: the reports of all
// accounts, and their totals.
type syncObject struct {
	Accounts   []*mailsync.Report `json:"accounts"`
	Exit       int                `json:"exit"`
	Mailboxes  int                `json:"mailboxes"`
	Counts     map[string]int     `json:"counts"`
	BytesIn    int64              `json:"bytes_in"`
	BytesOut   int64              `json:"bytes_out"`
	RoundTrips int64              `json:"round_trips"`
	Conflicts  int                `json:"conflicts"`
	Errors     int                `json:"errors"`
	DurationMS int64              `json:"duration_ms"`
	Failure    []mailsync.Problem `json:"failure"` // why no account was tried
}

func newSyncObject(outcomes []outcome, code int, took time.Duration) syncObject {
	o := syncObject{Accounts: []*mailsync.Report{}, Exit: code, Counts: map[string]int{}, Failure: []mailsync.Problem{}, DurationMS: took.Milliseconds()}
	for _, one := range outcomes {
		r := one.report
		o.Accounts = append(o.Accounts, r)
		o.Mailboxes += r.Mailboxes
		for op, n := range r.Counts {
			o.Counts[op] += n
		}
		o.BytesIn += r.BytesIn
		o.BytesOut += r.BytesOut
		o.RoundTrips += r.RoundTrips
		o.Conflicts += len(r.Conflicts)
		o.Errors += len(r.Problems)
	}
	return o
}

// settle puts the error that ended a run among the problems of its report,
// unless the engine did, and empty lists in place of JSON's null.
func settle(r *mailsync.Report, err error) {
	if err != nil && !listed(r.Problems, err) {
		for _, e := range split(err) {
			if !listed(r.Problems, e) {
				r.Problems = append(r.Problems, mailsync.ProblemOf(e))
			}
		}
	}
	if r.Counts == nil {
		r.Counts = map[string]int{}
	}
	r.Mailbox = nonNil(r.Mailbox)
	r.Conflicts = nonNil(r.Conflicts)
	r.Problems = nonNil(r.Problems)
	r.Notices = nonNil(r.Notices)
	r.Operations = nonNil(r.Operations)
	r.Held = nonNil(r.Held)
	r.Waiting = nonNil(r.Waiting)
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func listed(problems []mailsync.Problem, err error) bool {
	return slices.ContainsFunc(problems, func(p mailsync.Problem) bool { return p.Tells(err) })
}

// tells reports whether p is the problem of the error that ended a run, or of one
// of several that were joined.
func tells(p mailsync.Problem, err error) bool {
	return err != nil && (p.Tells(err) || slices.ContainsFunc(split(err), p.Tells))
}

// problemsOf is err, or each of several that were joined.
func problemsOf(err error) []mailsync.Problem {
	var all []mailsync.Problem
	for _, e := range split(err) {
		all = append(all, mailsync.ProblemOf(e))
	}
	return all
}

// accountsObject is what the other verbs print: something of each account.
type accountsObject[T any] struct {
	Accounts []T                `json:"accounts"`
	Exit     int                `json:"exit"`
	Failure  []mailsync.Problem `json:"failure"`
}

func accountsOf[T any](all []T, code int) accountsObject[T] {
	return accountsObject[T]{Accounts: nonNil(all), Exit: code, Failure: []mailsync.Problem{}}
}

// refused tells of an error that kept all accounts from being tried, with
// --json also as an object.
func (d *deps) refused(err error) error {
	if !d.flags.json {
		return err
	}
	if e := d.object(accountsObject[struct{}]{Accounts: []struct{}{}, Exit: exitCode(mail.KindOf(err)), Failure: problemsOf(err)}); e != nil {
		return e
	}
	return err
}
