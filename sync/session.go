package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

// maxCycles bounds a run beside a side that never rests; what is left then is
// the next run's.
const maxCycles = 6

// session is one run on one account.
type session struct {
	*Engine
	req   Request
	db    *state.DB
	store *maildir.Store
	pool  *pool
	rep   *Report
	runID int64
	// restored: the Maildir is older than the state, a copy that somebody
	// brought back. What is missing there was not removed by anybody.
	restored   bool
	generation int64 // the newest known of the Maildir
	bumped     bool  // it is this run's
	start      time.Time
	braked     map[string]error // by mailbox, what a safety brake stopped
	said       map[string]bool  // notices that are this run's to tell
	unrenamed  map[string]bool  // renames that failed in this run

	compared map[string]bool     // mailboxes of which this run fetched all flags
	distrust map[fault]time.Time // what the server was caught at, since when
	grown    map[string]mail.UID // UIDNEXT of the mailboxes for which removals wait, because they have got new mail
	lists    bool                // the server's lists say what its mailboxes do not

	// Later cycles ask only about mailboxes that need it.
	boxes    map[string]*remote.Mailbox    // as the first cycle listed them, with what was made since
	askAgain map[string]bool               // mailboxes that the last cycle changed or left open
	expected map[int64]maildir.Fingerprint // by row, what a folder holds if only this run changes it

	view // what the present cycle found

	mu       sync.Mutex      // guards all below, which workers change
	sizes    string          // whether RFC822.SIZE is exact; empty: not known
	put      map[int64]*ours // by row, what this run put on the server
	progress Progress
	planned  Progress                     // the totals of what was planned, without what is not listed yet
	given    map[string]map[mail.UID]bool // by mailbox, the UIDs that APPENDUID and COPYUID named in this run
	moved    bool                         // the world moved under an operation: look again
	unheld   map[string]mail.Flags        // keywords for which a folder has no letter left
	limits   limits
}

// view is what one cycle found; the next one starts with an empty view.
type view struct {
	mailboxes map[string]*mailbox
	byID      map[int64]*mailbox
	names     []string // sorted
	messages  map[int64]*message
	ahead     lookahead
	newLocal  []*message
	newRemote []*message
	paired    []*message // new on both sides, joined
	shared    []*message // whose name is that of others as well: what the files hold decides
	touched   []*message // only the place of the file or the UID is to be noted
	intents   []*state.Intent
	explained []*state.Intent              // those of them whose message was found
	waiting   []*state.Intent              // those whose file may be on its way between two folders
	gaps      map[string]int64             // by mailbox, what came there since the journal was written and is not there any more
	byHalves  bool                         // the server has no MOVE
	strays    map[*message][]*state.Intent // by new message, the half moves of which it may be the original
	proven    map[mail.Digest][]*message   // new messages of which the content is known
	astray    map[*state.Intent]bool       // half moves that have one
	begun     []*state.Intent              // those that know of marks which are ours
	withRows  []func(*state.Tx) error      // to be noted together with the rows of mailboxes that are paired from the start
	evicted   []int64                      // rows whose UID turned out to be another message's
	// What seems to be missing on a side may be in a mailbox that could not
	// be looked at, or may have moved meanwhile.
	localBlind, remoteBlind bool
	sayAgain                bool           // some folders have names that cannot be read back
	queue                   []*window      // what is not listed yet
	twins                   []*message     // wait until another of the same content is on disk
	pending                 map[int64]bool // rows of mailboxes with interrupted deliveries
	// relisted are the mailboxes as they were behind the last answer by which a
	// message is held to be gone; nil when they were not listed then.
	relisted []remote.Mailbox
}

// mailbox is one mailbox as the base and both sides have it.
type mailbox struct {
	name      string
	row       *state.Mailbox  // nil: not in the base
	folder    *maildir.Folder // nil: not on disk
	remote    *remote.Mailbox // nil: not on the server
	baseCount int
	// blind: the folder, or the server's mailbox, could not be looked at, so
	// that nothing may be concluded from what seems to be missing there.
	blindLocal, blindRemote bool
	unread                  []int64 // sizes on disk of new files there that could not be read; guarded by session.mu
	undescribed             bool    // the server lists messages and tells nothing about them
	detached                bool    // UIDVALIDITY changed: all pairs are void
	massGone                bool    // the server says that most messages went, and nothing contradicts it

	listing  *maildir.Listing // set when the folder was compared in this cycle
	keywords *maildir.Keywords
	changes  *remote.Changes // set when the server was asked in this cycle

	// undelivered are rows whose delivery was begun by an interrupted run
	// and did not happen; the server need not report them again.
	undelivered []*state.Message
	// followed are the UIDs of rows that came here after the server was asked,
	// with files that an interrupted run had moved.
	followed []mail.UID

	// expected are the files that the folder holds if only this run changes
	// it; nil when that is not known. Guarded by session.mu.
	expected *maildir.Fingerprint

	holdCursor, holdStamp bool // something seen here is not settled; guarded by session.mu
	localDirty            bool // this cycle changed the folder
	remoteDirty           bool // this cycle changed the mailbox on the server; guarded by session.mu
	again                 bool // the last cycle changed it or left it open
}

// message is what a [plan.Item] stands for: where the message is.
type message struct {
	item    plan.Item
	row     *state.Message // nil until the base has it; while applying, only commits touch it
	id      int64          // of the row when the plan was made, 0 for a new message
	home    string         // mailbox of the row when the plan was made
	file    maildir.File   // now; zero when not on disk
	content *maildir.Content
	guessed bool     // content is what the row says; the file was not read
	uid     mail.UID // now; 0 when not on the server
	date    mail.Date
	emailID string
	// messageID of a new message on the server, where it is known already
	messageID    string
	hasMessageID bool
	hasMeta      bool       // size and date of a new message on the server are known
	sent         mail.Flags // what an upload gave the server
	later        mail.Flags // what it kept back for the next cycle
	replaces     int64      // the pending row that stood for a new message on the server, if any
	detached     bool       // its UID is void, because UIDVALIDITY changed
	late         bool       // it is in a mailbox that has no row yet
	done         bool       // matched to something, so no longer new on its own
	shared       bool       // a file that shares its name, and so need not be new
	twin         bool       // planned, but applied when what it copies is on disk
}

func newSession(e *Engine, req Request, db *state.DB, store *maildir.Store, client *remote.Client, rep *Report) *session {
	return &session{Engine: e, req: req, db: db, store: store, rep: rep, start: e.now(), said: map[string]bool{}, unrenamed: map[string]bool{}, expected: map[int64]maildir.Fingerprint{}, put: map[int64]*ours{}, unheld: map[string]mail.Flags{}, braked: map[string]error{},
		compared: map[string]bool{}, given: map[string]map[mail.UID]bool{},
		pool: newPool(client, e.account.Connections, newPatience(e.account.Timeout, e.sleep, e.log), e.log), progress: Progress{Account: e.account.Name}}
}

func (s *session) close() { s.pool.close() }

// run goes through cycles until both sides are quiet.
func (s *session) run(ctx context.Context) error {
	s.pool.begin(ctx)
	if !s.req.DryRun {
		if err := s.db.Update(ctx, func(tx *state.Tx) (err error) {
			s.runID, err = tx.StartRun(s.start)
			return err
		}); err != nil {
			return err
		}
	}
	err := s.recallDistrust(ctx)
	if err == nil {
		err = s.cycles(ctx)
	}
	if err == nil {
		err = s.brakes()
	}
	stats := s.pool.client.Stats()
	s.rep.BytesIn, s.rep.BytesOut, s.rep.RoundTrips = stats.BytesIn, stats.BytesOut, stats.RoundTrips
	if !s.req.DryRun {
		if err == nil {
			err = errors.Join(s.tidy(ctx), s.bumpGeneration())
		}
		err = errors.Join(err, s.finish(context.WithoutCancel(ctx), err))
	}
	s.phase(PhaseDone)
	return err
}

func (s *session) cycles(ctx context.Context) error {
	defer s.tellLimits()
	for s.rep.Cycles = 1; ; s.rep.Cycles++ {
		s.startCycle()
		again, err := s.cycle(ctx)
		over, err := s.goOn(ctx, !again, err)
		switch {
		case over:
			s.rep.Cycles = 0
		case err != nil || !again || s.rep.Cycles == maxCycles:
			return err
		}
	}
}

// cycle looks at both sides, plans and applies once. It asks for another cycle
// when it changed anything: that one sees our own changes, confirms them, and
// moves cursors and stamps past them.
func (s *session) cycle(ctx context.Context) (again bool, err error) {
	s.view = view{messages: map[int64]*message{}}
	s.moved = false
	defer func() { s.ahead.wait() }()
	if err := s.look(ctx); err != nil {
		return false, err
	}
	p := s.plan()
	s.halted(p)
	if s.req.DryRun {
		for _, op := range p.Ops {
			if !op.Kind.Silent() {
				s.rep.Operations = append(s.rep.Operations, op.String())
				s.rep.count(op.Kind, op.Mailbox)
			}
		}
		s.addConflicts(p.Conflicts)
		return false, nil
	}
	did, err := s.apply(ctx, p)
	if err != nil {
		return false, err
	}
	if err := s.applyTwins(ctx, p); err != nil {
		return false, err
	}
	if err := s.settle(ctx, p); err != nil {
		return false, err
	}
	if err := s.windows(ctx); err != nil {
		return false, err
	}
	s.remember(p)
	return did || s.moved, nil
}

// look finds out what changed on both sides since the base.
func (s *session) look(ctx context.Context) error {
	s.phase(PhaseConnect)
	if err := s.survey(ctx); err != nil {
		return err
	}
	s.phase(PhaseScan)
	for _, step := range []func(context.Context) error{
		s.askRemote, // network first: what follows is decided on one picture
		s.scanLocal,
		s.matchLocal,
		s.recoverLocal,
		s.scanRemote,
		s.listRest,
		s.recoverRemoteFlags,
		s.confirmNowhere,
		s.matchRemote,
		s.confirmMass,
		s.confirmCopies,
		s.releaseDetached,
		s.postponeUndescribed,
		s.recoverRemoteMoves,
		s.confirmRemoved,
		s.confirmVanished,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// halted notes the brakes that the planner pulled.
func (s *session) halted(p *plan.Plan) {
	for _, h := range p.Halts {
		s.braked[h.Mailbox] = &mail.Error{Op: "safety brake", Mailbox: h.Mailbox, Kind: mail.KindBrake,
			Err:  fmt.Errorf("this run %s; nothing was removed there", h.Reason),
			Hint: "if this is what you want: satchel sync --allow-mass-delete " + s.account.Name}
	}
}

// brakes returns what stopped parts of the account (SPEC §7), as one error.
func (s *session) brakes() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.braked)) {
		errs = append(errs, s.braked[name])
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	for _, err := range errs {
		s.rep.problem("", "", err)
	}
	return &mail.Error{Op: fmt.Sprintf("safety brake in %d mailboxes", len(errs)), Kind: mail.KindBrake}
}

// finish closes the run in the history.
func (s *session) finish(ctx context.Context, err error) error {
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	} else if len(s.rep.Problems) > 0 {
		outcome = fmt.Sprintf("%d problems", len(s.rep.Problems))
	}
	return s.db.Update(ctx, func(tx *state.Tx) error {
		if s.sizes != "" {
			if err := tx.SetMeta(state.MetaSizes, s.sizes); err != nil {
				return err
			}
		}
		if s.rep.Level != "" {
			if err := tx.SetMeta(state.MetaLevel, s.rep.Level); err != nil {
				return err
			}
		}
		if err := s.noteCompared(tx); err != nil {
			return err
		}
		if err := s.rememberDistrust(tx); err != nil {
			return err
		}
		if err := s.noteGeneration(tx); err != nil {
			return err
		}
		return tx.FinishRun(s.runID, s.now(), outcome)
	})
}

// message returns the view of a row, made on first use as unchanged on both
// sides.
func (s *session) message(row *state.Message) *message {
	if m := s.messages[row.ID]; m != nil {
		return m
	}
	mb := s.byID[row.MailboxID]
	m := &message{row: row, uid: row.UID, date: row.Date, emailID: row.EmailID,
		file: maildir.File{Folder: mb.name, New: row.New, Name: row.Base + row.Info}}
	m.item = plan.Item{
		InBase: true, Size: row.Size, Ref: m,
		Local:  plan.Side{State: plan.Same, Mailbox: mb.name, Key: row.Base, Flags: row.LocalFlags, Base: row.LocalFlags},
		Remote: plan.Side{State: plan.Same, Mailbox: mb.name, Key: uidKey(row.UID), Flags: row.RemoteFlags, Base: row.RemoteFlags},
	}
	s.messages[row.ID] = m
	return m
}

func uidKey(uid mail.UID) string { return strconv.FormatUint(uint64(uid), 10) }

// refresh derives the states of a message from its place and flags against
// the row, after one of them became known anew.
func (m *message) refresh(home string) {
	for _, side := range []*plan.Side{&m.item.Local, &m.item.Remote} {
		if !side.State.Present() {
			continue
		}
		switch {
		case side.Mailbox != home:
			side.State = plan.Moved
		case side.Flags.Equal(side.Base):
			side.State = plan.Same
		default:
			side.State = plan.Edited
		}
	}
}

// form returns how the file relates to its server form.
func (m *message) form() mail.Form {
	if m.row != nil {
		return m.row.Form
	}
	if m.content != nil {
		return m.content.Form
	}
	return mail.FormLF
}

// digest returns the digest of the server form; zero when it is not known.
func (m *message) digest() mail.Digest {
	if m.row != nil {
		return m.row.Digest
	}
	if m.content != nil {
		return m.content.Digest
	}
	return mail.Digest{}
}

// keywordsOf returns the folder's keyword letters, read once a cycle.
func (s *session) keywordsOf(mb *mailbox) (maildir.Keywords, error) {
	if mb.keywords == nil {
		k, err := s.store.ReadKeywords(mb.name)
		if err != nil {
			return maildir.Keywords{}, err
		}
		mb.keywords = &k
	}
	return *mb.keywords, nil
}

// frozen reports whether a side could not be looked at: then the mailbox
// stays as it is on both.
func (mb *mailbox) frozen() bool { return mb.blindLocal || mb.blindRemote }

// freeze notes why a mailbox cannot be compared.
func (s *session) freeze(mb *mailbox, local bool, err error) {
	if local {
		mb.blindLocal = true
	} else {
		mb.blindRemote = true
	}
	if local {
		s.localBlind = s.localBlind || !mb.folderAsKnown()
	} else {
		s.remoteBlind = s.remoteBlind || mb.remote != nil && mb.remote.Status.UIDNext > mb.cursorOf().UIDNext
	}
	if mail.KindOf(err) == mail.KindBrake {
		s.braked[mb.name] = err
		return
	}
	if !local && s.limited(mb.name, "", err) {
		return
	}
	s.rep.problem(mb.name, "", err)
}

// hold keeps cursor or stamp of mailboxes where they are, so that what was
// seen there is seen again.
func (s *session) hold(cursor bool, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		if mb := s.mailboxes[n]; mb != nil {
			if cursor {
				mb.holdCursor = true
			} else {
				mb.holdStamp = true
			}
		}
	}
}

func (s *session) phase(p Phase) {
	s.mu.Lock()
	s.progress.Phase = p
	snapshot := s.progress
	s.mu.Unlock()
	s.notify(snapshot)
}

// advance reports n operations and b bytes as done.
func (s *session) advance(n int, b int64) {
	s.mu.Lock()
	s.progress.Done += n
	s.progress.BytesDone += b
	snapshot := s.progress
	s.mu.Unlock()
	s.notify(snapshot)
}
