package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"satchel/sync/mail"
	"satchel/sync/plan"
)

// Report is what one run on one account did, or in a dry run would do. Its
// JSON form is a contract with users (SPEC §2, --json).
type Report struct {
	Account    string          `json:"account"`
	DryRun     bool            `json:"dry_run"`
	Started    time.Time       `json:"started"`
	DurationMS int64           `json:"duration_ms"`
	Mailboxes  int             `json:"mailboxes"`  // seen on either side
	Counts     map[string]int  `json:"counts"`     // operations done, by name, e.g. "download", "remote-move"
	Mailbox    []MailboxReport `json:"mailbox"`    // only mailboxes in which something happened
	Operations []Operation     `json:"operations"` // the plan, only in a dry run
	Held       []HeldBack      `json:"held"`       // what the plan leaves undone because a file may be elsewhere, only in a dry run
	Conflicts  []ConflictEntry `json:"conflicts"`
	Problems   []Problem       `json:"errors"`
	Notices    []string        `json:"notices"`  // facts said once, e.g. a keyword that a side cannot hold
	BytesIn    int64           `json:"bytes_in"` // over the network, also of a plan: what it took to make it
	BytesOut   int64           `json:"bytes_out"`
	Planned    Transfer        `json:"planned"`     // what a plan would transfer, of messages
	RoundTrips int64           `json:"round_trips"` // after the greeting, all connections
	Level      string          `json:"level"`       // qresync, condstore or plain
	Waiting    []string        `json:"waiting"`     // mailboxes in which the run left a change of a side that it was to carry over
	Cycles     int             `json:"cycles"`      // scan-plan-apply rounds until both sides were quiet

	mu         sync.Mutex                // workers report side by side
	told       tally                     // problems
	perMailbox map[string]map[string]int // becomes Mailbox
}

// Transfer is a number of bytes in either direction.
type Transfer struct {
	Download int64 `json:"download"`
	Upload   int64 `json:"upload"`
}

// MailboxReport counts what happened in one mailbox.
type MailboxReport struct {
	Name   string         `json:"name"`
	Counts map[string]int `json:"counts"`
}

// ConflictEntry is something that both sides changed, and how it was settled.
type ConflictEntry struct {
	Mailbox string    `json:"mailbox"`
	Message string    `json:"message"` // uid or file name
	Kind    string    `json:"kind"`
	Outcome string    `json:"outcome"`
	Time    time.Time `json:"time"`
}

// Problem is a message, mailbox or account that could not be synced.
type Problem struct {
	Mailbox string `json:"mailbox"`
	Message string `json:"message"`
	Kind    string `json:"kind"` // message, mailbox, account, connection, brake, ...
	Error   string `json:"error"`
	Hint    string `json:"hint"`
	err     error
}

// Changed reports whether the run changed (or would change) anything.
func (r *Report) Changed() bool { return len(r.Counts) > 0 }

// Err returns the error behind p.
func (p Problem) Err() error { return p.err }

// ProblemOf is an error of a whole account, as a report lists it.
func ProblemOf(err error) Problem {
	p := problemAt("", "", err)
	p.clip()
	return p
}

func problemAt(mailbox, message string, err error) Problem {
	return Problem{Mailbox: mailbox, Message: message, Kind: mail.KindOf(err).String(),
		Error: err.Error(), Hint: mail.HintOf(err), err: err}
}

// Tells reports whether p is the problem of err: of that same error, or of one of
// the whole account that reads the same, which is listed once.
func (p Problem) Tells(err error) bool {
	if errors.Is(p.err, err) {
		return true
	}
	return p.Mailbox == "" && p.Message == "" && p.Error == ProblemOf(err).Error
}

// Status is what is known of an account without the network.
type Status struct {
	Account string `json:"account"`
	// LastSync is when a sync of the whole account, both ways, last ended with
	// the sides agreeing; zero: never.
	LastSync     time.Time       `json:"last_sync"`
	LastTry      time.Time       `json:"last_try"` // of a sync of the whole account; zero: never
	Messages     int             `json:"messages"`
	Mailboxes    []MailboxStatus `json:"mailboxes"`
	LocalChanges int             `json:"local_changes"` // waiting for the next sync, as plan counts them
	LocalUnknown bool            `json:"local_unknown"` // there may be more of them: something could not be looked at
	Conflicts    int             `json:"conflicts"`     // remembered
	Complete     bool            `json:"complete"`      // it is proven that all mail of the server was here at the last sync
	Missing      int             `json:"missing"`       // messages that the server was seen to have and that are not here
	Unknown      bool            `json:"unknown"`       // it is not known whether all is here
	Level        string          `json:"level"`
	Problem      string          `json:"problem"` // why the last try failed, and why numbers are not known
}

// MailboxStatus is the part of Status about one mailbox.
type MailboxStatus struct {
	Name         string `json:"name"`
	Messages     int    `json:"messages"`
	LocalChanges int    `json:"local_changes"`
	LocalUnknown bool   `json:"local_unknown"`
	Complete     bool   `json:"complete"`
	Missing      int    `json:"missing"`
	Unknown      bool   `json:"unknown"`
	Level        string `json:"level"` // how changes on the server are found: qresync, condstore or plain
}

// New returns the report of a run that begins now.
func New(account string, dry bool, now time.Time) *Report {
	return &Report{Account: account, DryRun: dry, Started: now, Counts: map[string]int{},
		perMailbox: map[string]map[string]int{}, Mailbox: []MailboxReport{},
		Conflicts: []ConflictEntry{}, Problems: []Problem{}, Notices: []string{}, Waiting: []string{}, Operations: []Operation{}, Held: []HeldBack{}}
}

// Count notes an operation that was done.
func (r *Report) Count(k plan.Kind, mailbox string) {
	if k.Silent() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Counts[k.String()]++
	m := r.perMailbox[mailbox]
	if m == nil {
		m = map[string]int{}
		r.perMailbox[mailbox] = m
	}
	m[k.String()]++
}

// CountedIn returns how many operations of any kind were done, by mailbox.
func (r *Report) CountedIn() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	sums := make(map[string]int, len(r.perMailbox))
	for name, counts := range r.perMailbox {
		for _, n := range counts {
			sums[name] += n
		}
	}
	return sums
}

// Counted returns how many operations of a kind were done.
func (r *Report) Counted(k plan.Kind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Counts[k.String()]
}

// Problem notes an error with its place; the same one twice in a run, as when
// a later cycle meets it again, is noted once.
func (r *Report) Problem(mailbox, message string, err error) {
	r.note(mailbox, message, err, false)
}

// Ended notes the error that stopped the account.
func (r *Report) Ended(err error) { r.note("", "", err, true) }

func (r *Report) note(mailbox, message string, err error, ended bool) {
	p := problemAt(mailbox, message, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told.lists(p, ended) {
		p.clip()
		r.Problems = append(r.Problems, p)
	}
}

// Notice says a fact that is no error.
func (r *Report) Notice(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if text = clipped(text); len(r.Notices) < MostListed && !slices.Contains(r.Notices, text) {
		r.Notices = append(r.Notices, text)
	}
}

// Finish turns the tallies into the form that is shown.
func (r *Report) Finish(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.DurationMS = now.Sub(r.Started).Milliseconds()
	for _, name := range slices.Sorted(maps.Keys(r.perMailbox)) {
		r.Mailbox = append(r.Mailbox, MailboxReport{Name: name, Counts: r.perMailbox[name]})
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.Message, b.Message))
	})
	if p, more := r.told.rest(); more {
		r.Problems = append(r.Problems, p)
	}
}
