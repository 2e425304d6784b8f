package check

import (
	"context"
	"fmt"
	"slices"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/run"
)

// Request says how far a check goes.
type Request struct {
	Offline bool // leave out the server
	Full    bool // fetch every message from the server, instead of those that nothing else proves
	Repair  bool // mend what can be mended
}

// Report is what a check found. Findings are damage; Waiting counts
// differences that the next sync carries over, which are none.
type Report struct {
	Account   string    `json:"account"`
	Mailboxes int       `json:"mailboxes"`
	Messages  int       `json:"messages"`  // compared with their files
	OnServer  int       `json:"on_server"` // compared with the server
	Fetched   int       `json:"fetched"`   // those of them whose content was compared
	Bytes     int64     `json:"bytes"`     // read from disk
	Waiting   int       `json:"waiting"`
	Findings  []Finding `json:"findings"`
	Offline   bool      `json:"offline"`
}

// FindingKind says what is not as it must be, for programs.
type FindingKind string

// The kinds of findings.
const (
	FoundState    FindingKind = "state"           // a row of the state that cannot be
	FoundFile     FindingKind = "file"            // a file is not what was synced, or cannot be read
	FoundContent  FindingKind = "content"         // the server's message is not what was synced
	FoundUnsent   FindingKind = "unsent"          // the server does not send it, so nothing is known
	FoundFlags    FindingKind = "flags"           // flags or keywords differ, and no sync would notice
	FoundLetters  FindingKind = "letters"         // keyword letters that stand for nothing
	FoundMissing  FindingKind = "missing"         // a row without a message, which no sync would notice
	FoundUnknown  FindingKind = "unknown-message" // a message without a row, which no sync would notice
	FoundCursor   FindingKind = "cursor"          // the state takes a mailbox for read beyond what there is
	FoundJournal  FindingKind = "journal"         // entries that outlived a run in which the sides agreed
	FoundLeftOut  FindingKind = "left-out"        // a mailbox or a folder that was not compared
	FoundUnopened FindingKind = "unopened"        // a mailbox that the server does not open, or a folder that cannot be read
)

// Finding is one thing that is not as it must be.
type Finding struct {
	Kind     FindingKind `json:"kind"`
	Mailbox  string      `json:"mailbox"`
	Message  string      `json:"message"`
	Problem  string      `json:"problem"`
	Repaired bool        `json:"repaired"` // by the next sync, which has all that it needs
}

// Checker is one check of one account.
type Checker struct {
	*run.Env
	req   Request
	db    *state.DB
	store *maildir.Store
	rep   *Report
	boxes []*state.Mailbox // those that are synced
	mends map[int64]*mending
	here  *onDisk
	// newOnDisk are folders that the base does not have.
	newOnDisk []string
}

// New returns a check of what db remembers, which writes its findings into rep.
func New(e *run.Env, req Request, db *state.DB, store *maildir.Store, rep *Report) *Checker {
	return &Checker{Env: e, req: req, db: db, store: store, rep: rep, mends: map[int64]*mending{}, here: newOnDisk()}
}

// Run compares the state with both sides.
func (c *Checker) Run(ctx context.Context) error {
	if err := c.state(ctx); err != nil {
		return err
	}
	all, err := c.db.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, mb := range all {
		if c.wanted(mb.Name) { // else it is remembered, but not synced
			c.boxes = append(c.boxes, mb)
		}
	}
	c.rep.Mailboxes = len(c.boxes)
	for _, mb := range c.boxes {
		if err := c.folder(ctx, mb); err != nil {
			return err
		}
	}
	if err := c.newFolders(ctx); err != nil {
		return err
	}
	if err := c.settled(ctx); err != nil {
		return err
	}
	if !c.req.Offline {
		if err := c.server(ctx); err != nil {
			return err
		}
	}
	if c.req.Repair {
		return c.repair(ctx)
	}
	return nil
}

func (c *Checker) wanted(name string) bool {
	return c.Account.Wanted(name)
}

// found reports damage and returns its place in the report. The row may be
// nil.
func (c *Checker) found(kind FindingKind, mb *state.Mailbox, row *state.Message, format string, args ...any) int {
	f := Finding{Kind: kind, Mailbox: mb.Name, Problem: fmt.Sprintf(format, args...)}
	if row != nil {
		f.Message = fmt.Sprintf("uid %d, file %s", row.UID, row.Base)
		if row.UID == 0 {
			f.Message = "file " + row.Base
		}
	}
	c.rep.Findings = append(c.rep.Findings, f)
	return len(c.rep.Findings) - 1
}

// broken is found for a row that a repair forgets.
func (c *Checker) broken(kind FindingKind, mb *state.Mailbox, row *state.Message, format string, args ...any) {
	m := c.mend(mb)
	m.byPairing = append(m.byPairing, c.found(kind, mb, row, format, args...))
	m.broken = append(m.broken, row)
}

// leftOut is found for what was not compared: a mailbox or a folder.
func (c *Checker) leftOut(name, why string) {
	c.rep.Findings = append(c.rep.Findings, Finding{Kind: FoundLeftOut, Mailbox: name, Problem: "it was not compared: " + why})
}

// state verifies the state, and mends it at once: rows that cannot be read
// would hinder all that follows.
func (c *Checker) state(ctx context.Context) error {
	findings, err := c.db.Check(ctx)
	if err == nil && c.req.Repair && len(findings) > 0 {
		var left []string
		if err = c.db.Update(ctx, (*state.Tx).Mend); err == nil {
			left, err = c.db.Check(ctx)
		}
		for _, f := range findings {
			c.rep.Findings = append(c.rep.Findings, Finding{Kind: FoundState, Problem: "state: " + f, Repaired: err == nil && !slices.Contains(left, f)})
		}
		return err
	}
	for _, f := range findings {
		c.rep.Findings = append(c.rep.Findings, Finding{Kind: FoundState, Problem: "state: " + f})
	}
	return err
}

// settled looks for what a run in which the sides agreed cannot leave behind.
func (c *Checker) settled(ctx context.Context) error {
	settled, err := c.db.Settled(ctx)
	if err != nil || !settled {
		return err
	}
	intents, err := c.db.Intents(ctx)
	if err != nil {
		return err
	}
	for _, i := range intents {
		if i.Kind == state.IntentExpunge { // it may have to wait for other clients
			continue
		}
		c.rep.Findings = append(c.rep.Findings, Finding{Kind: FoundJournal, Mailbox: i.Mailbox, Message: i.Base,
			Problem: fmt.Sprintf("the journal still tells of a %s, though the last sync ended with the sides agreeing; the next sync looks at it", i.Kind)})
	}
	if !c.req.Offline {
		return nil // the server tells which message it is
	}
	for _, mb := range c.boxes {
		n, err := c.db.Count(ctx, mb.ID)
		if err != nil {
			return err
		}
		if int64(n) != int64(mb.Cursor.Messages) && !putBack(mb.Cursor) {
			m := c.mend(mb)
			m.unknown = true
			m.byPairing = append(m.byPairing, c.found(FoundCursor, mb, nil,
				"the server had %d messages when the sides last agreed, the state knows %d", mb.Cursor.Messages, n))
		}
	}
	return nil
}
