package sync

import (
	"context"
	"strings"
	"time"

	"satchel/state"
	"satchel/sync/remote"
)

// distrustFor is how long a server that was caught saying what is not so is asked in another
// way: it may have been mended, and then the better way is worth having again. --full gives it
// its chance now.
const distrustFor = 30 * 24 * time.Hour

// fault is something that a server gets wrong; an empty mailbox is the server
// as a whole.
type fault struct{ mailbox, what string }

// doubtNames is what is remembered of mailboxes, by its name in the state.
func doubtNames() map[remote.Doubts]string {
	return map[remote.Doubts]string{remote.DoubtVanished: "vanished", remote.DoubtModSeq: "modseq",
		remote.DoubtUIDNext: "uidnext", remote.DoubtSearch: "search"}
}

// What is said about them, once.
func doubtNotices() map[remote.Doubts]string {
	return map[remote.Doubts]string{
		remote.DoubtVanished: "what the server says has vanished is not what is gone; what is there decides",
		remote.DoubtModSeq:   "the server's HIGHESTMODSEQ went backwards; flags are compared one by one",
		remote.DoubtUIDNext:  "the server's UIDNEXT went backwards; the messages that are there count",
		remote.DoubtSearch:   "the server's search leaves messages out; each is asked for",
	}
}

// recallDistrust reads what earlier runs found out.
func (s *session) recallDistrust(ctx context.Context) error {
	list, err := s.db.Distrusts(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.distrust = map[fault]time.Time{}
	for _, d := range list {
		// Time mends these, and not another way of asking.
		again := s.req.Full && d.Fault != faultBehind && !strings.HasPrefix(d.Fault, faultRenamed)
		if again || s.start.Sub(d.Since) > distrustFor {
			continue
		}
		s.distrust[fault{d.Mailbox, d.Fault}] = d.Since
		if d.Mailbox == "" {
			s.pool.client.Distrust(d.Fault)
		}
	}
	return nil
}

// since returns since when the server is known for a fault; zero: it is not.
func (s *session) since(f fault) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.distrust[f]
}

// convict notes a fault of the server, and reports whether it is news.
func (s *session) convict(f fault) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.distrust[f].IsZero() {
		return false
	}
	s.distrust[f] = s.start
	return true
}

// absolve lets a fault count as mended that the server was known for.
func (s *session) absolve(f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.distrust[f].IsZero() {
		s.distrust[f] = time.Unix(0, 0)
	}
}

// rememberDistrust keeps what this run knows for the next one.
func (s *session) rememberDistrust(tx *state.Tx) error {
	for _, capability := range s.pool.client.Distrusted() {
		s.convict(fault{"", capability})
	}
	forget := s.start.Add(-distrustFor)
	if s.req.Full {
		forget = s.start.Add(time.Second) // the state keeps whole seconds
	}
	if err := tx.ForgetDistrust(forget); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f, since := range s.distrust {
		if err := tx.PutDistrust(state.Distrust{Mailbox: f.mailbox, Fault: f.what, Since: since}); err != nil {
			return err
		}
	}
	return nil
}

// noteDistrusted says, once, what the server announces and does not do.
func (s *session) noteDistrusted() {
	for _, capability := range s.pool.client.Distrusted() {
		switch capability {
		case remote.ListStatus:
			s.rep.notice("the server ends the session when it lists the state of all mailboxes; satchel asks for that of each")
		case remote.Pipelining:
			s.rep.notice("the server, or a proxy before it, answers commands out of order; satchel sends one at a time")
		default:
			s.rep.notice("the server answers OK to %s and does nothing; satchel does without it", capability)
		}
	}
}

// doubtsAbout returns in what the server is not believed about a mailbox.
func (s *session) doubtsAbout(mailbox string) (d remote.Doubts) {
	for one, name := range doubtNames() {
		if !s.since(fault{mailbox, name}).IsZero() {
			d |= one
		}
	}
	return d
}

// doubt notes at what the server was caught.
func (s *session) doubt(mailbox string, d remote.Doubts) {
	for one, name := range doubtNames() {
		if d&one != 0 && s.convict(fault{mailbox, name}) {
			s.rep.notice("%s: %s", mailbox, doubtNotices()[one])
		}
	}
}

// trustEnable says once that the server offers QRESYNC and does not do it.
func (s *session) trustEnable(c *remote.Conn) {
	if c.Has("QRESYNC") && c.Level() < remote.QResync {
		s.rep.notice("the server offers QRESYNC and does not enable it; it is treated as one with CONDSTORE only")
	}
}
