package run

import (
	"context"
	"log/slog"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/account"
	"satchel/sync/report"
	"satchel/sync/view"
)

// Env is what all runs on an account have in common: what it is, and how the world is reached.
type Env struct {
	Account account.Account
	Log     *slog.Logger
	Notify  func(report.Progress)
	Now     func() time.Time
	Sleep   func(context.Context, time.Duration) error

	FS           maildir.FS
	Process      int
	Host         string
	AfterUpload  time.Duration
	Window       int
	StateOptions state.Options
	SearchGain   int
}

// limits is what a run knows of a server's limits. What it knows ends with
// the run: the next one asks the server again.
type limits struct {
	Retries int // how often was waited for what is in waiting
	Losses  int // broken connections that were seen to

	// Workers change the rest; session.mu guards it.
	Waiting []view.Refusal // of this cycle, what may pass while we wait
	Full    error          // the server has no room left
	Removed int            // how many messages this run had removed there when it said so
	Unsent  int            // of this cycle, what waits for room
}

// MaxCycles bounds a run beside a side that never rests; what is left then is
// the next run's.
const MaxCycles = 6
