package sync

import (
	"satchel/sync/account"
	"satchel/sync/check"
	"satchel/sync/report"
	"satchel/sync/undo"
)

// What the methods of an [Engine] take and return is at home in the rooms; here it has the names
// by which callers know it.

type (
	// Account is what a configuration says of an account.
	Account = account.Account
	// Request says what a sync is to do.
	Request = account.Request
	// Direction says which side an account changes.
	Direction = account.Direction
	// Level bounds how a server is asked for changes.
	Level = account.Level
	// Report is what a sync did, or a plan would do.
	Report = report.Report
	// Operation is a line of a plan.
	Operation = report.Operation
	// Group is what operations of a plan have in common.
	Group = report.Group
	// HeldBack is what a plan leaves undone.
	HeldBack = report.HeldBack
	// Problem is an error that did not end a run.
	Problem = report.Problem
	// ConflictEntry is a conflict that was settled.
	ConflictEntry = report.ConflictEntry
	// Progress is how far a sync is.
	Progress = report.Progress
	// Phase is what a sync does at a moment.
	Phase = report.Phase
	// Status is what is known of an account without its server.
	Status = report.Status
	// MailboxStatus is what is known of one mailbox.
	MailboxStatus = report.MailboxStatus
	// CheckRequest says how far a check goes.
	CheckRequest = check.Request
	// CheckReport is what a check found.
	CheckReport = check.Report
	// Finding is one thing that is not as it must be.
	Finding = check.Finding
	// FindingKind says what, for programs.
	FindingKind = check.FindingKind
	// UndoRun is what one run removed.
	UndoRun = undo.Run
	// RemovedMessage is a message that a run removed.
	RemovedMessage = undo.RemovedMessage
	// Whereabouts says where such a message is.
	Whereabouts = undo.Whereabouts
)

// The values of these types that callers name.
const (
	Both = account.Both
	Pull = account.Pull
	Push = account.Push

	LevelAuto      = account.LevelAuto
	LevelQResync   = account.LevelQResync
	LevelCondstore = account.LevelCondstore
	LevelPlain     = account.LevelPlain

	PhaseConnect = report.PhaseConnect
	PhaseScan    = report.PhaseScan
	PhaseApply   = report.PhaseApply
	PhaseFailed  = report.PhaseFailed

	NamedOperations = report.NamedOperations

	FoundState   = check.FoundState
	FoundFile    = check.FoundFile
	FoundContent = check.FoundContent
	FoundUnsent  = check.FoundUnsent
	FoundFlags   = check.FoundFlags
	FoundLetters = check.FoundLetters
	FoundMissing = check.FoundMissing
	FoundUnknown = check.FoundUnknown
	FoundCursor  = check.FoundCursor
	FoundJournal = check.FoundJournal

	InUndo  = undo.InUndo
	InTrash = undo.InTrash
	Copied  = undo.Copied
	Gone    = undo.Gone
)

// ProblemOf returns an error as reports have it.
func ProblemOf(err error) Problem { return report.ProblemOf(err) }
