package quirk

import (
	"context"
	"strings"
	"time"

	"satchel/state"
	"satchel/sync/remote"
	"satchel/sync/run"
)

// What is said about them, once.
func doubtNotices() map[remote.Doubts]string {
	return map[remote.Doubts]string{
		remote.DoubtVanished: "what the server says has vanished is not what is gone; what is there decides",
		remote.DoubtModSeq:   "the server's HIGHESTMODSEQ went backwards; flags are compared one by one",
		remote.DoubtUIDNext:  "the server's UIDNEXT went backwards; the messages that are there count",
		remote.DoubtSearch:   "the server's search leaves messages out; each is asked for",
	}
}

// RecallDistrust reads what earlier runs found out.
func (s *Quirks) RecallDistrust(ctx context.Context) error {
	list, err := s.DB.Distrusts(ctx)
	if err != nil {
		return err
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Distrust = map[run.Fault]time.Time{}
	for _, d := range list {
		// Time mends these, and not another way of asking.
		again := s.Req.Full && d.Fault != run.FaultBehind && !strings.HasPrefix(d.Fault, run.FaultRenamed)
		if again || s.Start.Sub(d.Since) > run.DistrustFor {
			continue
		}
		s.Distrust[run.Fault{Mailbox: d.Mailbox, What: d.Fault}] = d.Since
		if d.Mailbox == "" {
			s.Pool.Client.Distrust(d.Fault)
		}
	}
	return nil
}

// Since returns since when the server is known for a fault; zero: it is not.
func (s *Quirks) Since(f run.Fault) time.Time {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.Distrust[f]
}

// Convict notes a fault of the server, and reports whether it is news.
func (s *Quirks) Convict(f run.Fault) (news bool) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if !s.Distrust[f].IsZero() {
		return false
	}
	s.Distrust[f] = s.Start
	return true
}

// Absolve lets a fault count as mended that the server was known for.
func (s *Quirks) Absolve(f run.Fault) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if !s.Distrust[f].IsZero() {
		s.Distrust[f] = time.Unix(0, 0)
	}
}

// RememberDistrust keeps what this run knows for the next one.
func (s *Quirks) RememberDistrust(tx *state.Tx) error {
	for _, capability := range s.Pool.Client.Distrusted() {
		s.Convict(run.Fault{Mailbox: "", What: capability})
	}
	forget := s.Start.Add(-run.DistrustFor)
	if s.Req.Full {
		forget = s.Start.Add(time.Second) // the state keeps whole seconds
	}
	if err := tx.ForgetDistrust(forget); err != nil {
		return err
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for f, since := range s.Distrust {
		if err := tx.PutDistrust(state.Distrust{Mailbox: f.Mailbox, Fault: f.What, Since: since}); err != nil {
			return err
		}
	}
	return nil
}

// NoteDistrusted says, once, what the server announces and does not do.
func (s *Quirks) NoteDistrusted() {
	for _, capability := range s.Pool.Client.Distrusted() {
		switch capability {
		case remote.ListStatus:
			s.Rep.Notice("the server ends the session when it lists the state of all mailboxes; satchel asks for that of each")
		case remote.Pipelining:
			s.Rep.Notice("the server, or a proxy before it, answers commands out of order; satchel sends one at a time")
		default:
			s.Rep.Notice("the server answers OK to %s and does nothing; satchel does without it", capability)
		}
	}
}

// DoubtsAbout returns in what the server is not believed about a mailbox.
func (s *Quirks) DoubtsAbout(mailbox string) (d remote.Doubts) {
	for one, name := range run.DoubtNames() {
		if !s.Since(run.Fault{Mailbox: mailbox, What: name}).IsZero() {
			d |= one
		}
	}
	return d
}

// Doubt notes at what the server was caught.
func (s *Quirks) Doubt(mailbox string, d remote.Doubts) {
	for one, name := range run.DoubtNames() {
		if d&one != 0 && s.Convict(run.Fault{Mailbox: mailbox, What: name}) {
			s.Rep.Notice("%s: %s", mailbox, doubtNotices()[one])
		}
	}
}

// TrustEnable says once that the server offers QRESYNC and does not do it.
func (s *Quirks) TrustEnable(c *remote.Conn) {
	if can := c.Abilities(); can.OffersQResync && can.Level < remote.QResync {
		s.Rep.Notice("the server offers QRESYNC and does not enable it; it is treated as one with CONDSTORE only")
	}
}

// BelieveBehind is how long a server has to show what it said OK to. A mailbox that is
// behind for longer was brought back from an older copy, or told a UID that no
// message has, or is a replica that takes its time. Nothing tells these apart, so
// the next step is a person's: --full, which is no answer before that.
const BelieveBehind = 24 * time.Hour

// MaybeBehind reports whether a mailbox is behind still, and remembers since
// when.
func (s *Quirks) MaybeBehind(mailbox string) bool {
	f := run.Fault{Mailbox: mailbox, What: run.FaultBehind}
	if since := s.Since(f); since.Unix() > 0 {
		return s.Start.Sub(since) < BelieveBehind
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Distrust[f] = s.Start
	return true
}
