package run

import (
	"sync"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/report"
	"satchel/sync/view"
)

// Run is one run on one account: what it works with, what it has learnt, and the view of the
// present cycle. Each room adds to it what is that room's own.
type Run struct {
	*Env
	Req   account.Request
	DB    *state.DB
	Store *maildir.Store
	Pool  *pool.Pool
	Rep   *report.Report
	Start time.Time
	// Restored: the Maildir is older than the state, a copy that somebody
	// brought back. What is missing there was not removed by anybody.
	Restored   bool
	Generation int64            // the newest known of the Maildir
	Bumped     bool             // it is this run's
	Braked     map[string]error // by mailbox, what a safety brake stopped
	Said       map[string]bool  // notices that are this run's to tell
	Alone      bool             // there is no server to ask

	// Later cycles ask only about mailboxes that need it.
	Boxes    map[string]*remote.Mailbox    // as the first cycle listed them, with what was made since
	AskAgain map[string]bool               // mailboxes that the last cycle changed, left open, or left something waiting in
	Expected map[int64]maildir.Fingerprint // by row, what a folder holds if only this run changes it

	view.View                          // what the present cycle found
	Joined    map[string]*view.Mailbox // of the last view that got so far

	Mu         sync.Mutex // guards all below, which workers change
	Progress   report.Progress
	Moved      bool                  // the world moved under an operation: look again
	Unheld     map[string]mail.Flags // keywords for which a folder has no letter left
	Unlettered map[string]bool       // folders of which the run said that their letters cannot be read or written
	// UnsentFiles are remembered: the server refused them, or does not show them.
	UnsentFiles map[view.FileKey]*state.Unsent
	SentNow     map[int64]bool // uploads in the journal that this run was told OK to
	Limits      limits
}

// New makes a run. The caller closes its pool.
func New(e *Env, req account.Request, db *state.DB, store *maildir.Store, client *remote.Client, rep *report.Report) *Run {
	return &Run{Env: e, Req: req, DB: db, Store: store, Rep: rep, Start: e.Now(),
		Pool: pool.New(client, e.Account.Connections, pool.NewBackoff(e.Account.Timeout, e.Sleep, e.Log), e.Log),
		Said: map[string]bool{}, Braked: map[string]error{}, Expected: map[int64]maildir.Fingerprint{},
		Unheld: map[string]mail.Flags{}, Unlettered: map[string]bool{}, Progress: report.Progress{Account: e.Account.Name}}
}
