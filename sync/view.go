package sync

import (
	"satchel/maildir"
	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/remote"
)

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
	unplaced  []refusal                    // uploads that were answered OK and not found
	waiting   []*state.Intent              // those whose file may be on its way between two folders, or cannot be read now
	gaps      map[string]int64             // by mailbox, what came there since the journal was written and is not there any more
	byHalves  bool                         // the server has no MOVE
	inCycles  bool                         // nor UIDPLUS: one cycle copies, and the next one removes
	strays    map[*message][]*state.Intent // by new message, the half moves of which it may be the original
	proven    map[mail.Digest][]*message   // new messages of which the content is known
	astray    map[*state.Intent]bool       // half moves that have one
	begun     []*state.Intent              // those that know of marks which are ours
	withRows  []func(*state.Tx) error      // to be noted together with the rows of mailboxes that are paired from the start
	unshown   bool                         // the server is behind: it does not show what is known, or what it said OK to
	renaming  []string                     // the mailboxes of an awaited rename, by their old and new names in turn
	evicted   []int64                      // rows whose UID turned out to be another message's
	// What seems to be missing on a side may have moved meanwhile, on the server
	// also to a mailbox that could not be looked at.
	localBlind, remoteBlind bool
	hideouts                hideouts       // where on disk a missing file may be; guarded by session.mu
	elsewhere               []place        // what is on disk and not synced
	halves                  []string       // directories there that have only one of cur and new
	before                  map[string]int // messages of the base by mailbox, under "" in all; nil if none was removed
	lately                  map[string]plan.Lost
	odd                     []oddEntry      // guarded by session.mu
	trash                   string          // where removals go on the server, which need not be synced; empty: nowhere
	sayAgain                bool            // directories were left out: the next run looks at INBOX's again, and says so
	queue                   []*window       // what is not listed yet
	twins                   []*message      // wait until another of the same content is on disk
	pending                 map[int64]bool  // rows of mailboxes with interrupted deliveries
	stumps                  []*stump        // messages whose files have grown since they went up
	halfUploads             []*half         // uploads that a run died in, of files that have grown since
	sentYoung               []state.Young   // files that were young when they went up
	grownUp                 []state.Young   // those of them that are whole by now
	maybeGrowing            map[string]bool // by base, files that a program may still be writing
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
	behind    int // messages that the server does not show yet
	// blind: the folder, or the server's mailbox, could not be looked at, so
	// that nothing may be concluded from what seems to be missing there.
	blindLocal, blindRemote bool
	unread                  []int64 // sizes on disk of new files there that could not be read; guarded by session.mu
	undescribed             bool    // the server lists messages and tells nothing about them
	detached                bool    // UIDVALIDITY changed: all pairs are void
	released                bool    // the rows of void pairs are gone; those that are there now are of this run
	massGone                bool    // the server says that most messages went, and nothing contradicts it

	listing  *maildir.Listing // set when the folder was compared in this cycle
	table    maildir.Table    // what its letters mean; set with listing
	keywords *maildir.Keywords
	given    *maildir.Keywords // what is remembered of a folder that was not looked at, and got letters
	changes  *remote.Changes   // set when the server was asked in this cycle
	// announces: PERMANENTFLAGS is another than the base has.
	announces bool

	// undelivered are rows whose delivery was begun by an interrupted run
	// and did not happen; the server need not report them again.
	undelivered []*state.Message
	// resumed are messages whose rows came here after the server was asked, with
	// files that an interrupted run had moved.
	resumed []*message

	// expected are the files that the folder holds if only this run changes
	// it; nil when that is not known. Guarded by session.mu.
	expected *maildir.Fingerprint

	holdCursor, holdStamp bool // something seen here is not settled; guarded by session.mu
	localDirty            bool // this cycle changed the folder
	overtaken             bool // another program changed the folder, which its time stamp need not tell; guarded by session.mu
	remoteDirty           bool // this cycle changed the mailbox on the server; guarded by session.mu
	again                 bool // the last cycle changed it or left it open
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
		if mb.folder != nil && !mb.folderAsKnown() {
			s.hidesIn(mb.name, err)
		}
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
