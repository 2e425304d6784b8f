package survey

import (
	"satchel/sync/remote"
	"satchel/sync/run"
)

// NoteAlias remembers that the server has no mailbox of just this name, and
// what it takes the name for.
func (s *Survey) NoteAlias(name, other string) {
	once := run.Fault{Mailbox: name, What: run.FaultVanished}
	if other != "" || s.quirks.Since(once).Unix() > 0 {
		s.quirks.Convict(run.Fault{Mailbox: name, What: run.FaultAlias + other})
		return
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.quirks.Distrust[once] = s.Start
}

// listedAfterAll takes back that the server did not show mailboxes that it had made,
// where it lists them now: it was behind.
func (s *Survey) listedAfterAll(boxes map[string]*remote.Mailbox) {
	for name, b := range boxes {
		if s.Pool.Client.Spells(b) {
			s.quirks.Absolve(run.Fault{Mailbox: name, What: run.FaultVanished})
			s.quirks.Absolve(run.Fault{Mailbox: name, What: run.FaultAlias})
		}
	}
}
