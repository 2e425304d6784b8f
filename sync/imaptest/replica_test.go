package imaptest

import (
	"testing"
	"time"
)

// TestLag: a connection to a replica sees the mailboxes of before, what it writes goes to
// the server, and connections that are made later see all of it again.
func TestLag(t *testing.T) {
	s := NewServer(Options{NoListen: true})
	defer s.Close()
	for range 3 {
		s.Append("INBOX", nil, time.Time{}, []byte("x"))
	}
	if err := s.CreateMailbox("Work"); err != nil {
		t.Fatal(err)
	}
	past := s.Remember()
	s.Append("INBOX", nil, time.Time{}, []byte("x"))
	s.StoreFlags("INBOX", 2, []string{`\Seen`}, nil)
	s.Expunge("INBOX", 1)
	s.Lag(past, 1)
	login(t, s).script(`
		C: a SELECT INBOX
		S: ...
		S: * 3 EXISTS
		S: ...
		S: * OK [UIDNEXT 4] ...
		S: ...
		S: a OK ...
		C: b UID FETCH 1:* FLAGS
		S: * 1 FETCH (FLAGS (\Recent) UID 1)
		S: * 2 FETCH (FLAGS (\Recent) UID 2)
		S: * 3 FETCH (FLAGS (\Recent) UID 3)
		S: b OK ...
		C: c UID STORE 1:2 +FLAGS.SILENT (\Flagged)
		S: c OK ...
		C: d UID MOVE 3 Work
		S: * OK [COPYUID 2 3 1] Moved
		S: * 3 EXPUNGE
		S: d OK ...
		C: e STATUS Work (MESSAGES)
		S: * STATUS "Work" (MESSAGES 0)
		S: e OK ...
		C: f UID FETCH 1:* FLAGS
		S: * 1 FETCH (FLAGS (\Recent) UID 1)
		S: * 2 FETCH (FLAGS (\Recent) UID 2)
		S: f OK ...
	`)
	s.CatchUp()
	login(t, s).script(`
		C: a SELECT INBOX
		S: ...
		S: * 2 EXISTS
		S: ...
		S: a OK ...
		C: b UID FETCH 1:* FLAGS
		S: * 1 FETCH (FLAGS (\Flagged \Seen \Recent) UID 2)
		S: * 2 FETCH (FLAGS (\Recent) UID 4)
		S: b OK ...
		C: c STATUS Work (MESSAGES)
		S: * STATUS "Work" (MESSAGES 1)
		S: c OK ...
	`)
}

// TestSpelling: a name is listed as the server is told to write it, in either form or in
// both, and taken as it is listed.
func TestSpelling(t *testing.T) {
	s := NewServer(Options{NoListen: true})
	defer s.Close()
	if err := s.CreateMailbox("Café"); err != nil {
		t.Fatal(err)
	}
	c := login(t, s)
	c.script(`
		C: a STATUS {5}|Café (MESSAGES)
		S: + ...
		S: a NO ...
	`)
	s.SetSpelling(Spelling{Plain: true, Inbox: "Inbox"})
	c.script(`
		C: b LIST "" *
		S: * LIST (\HasNoChildren) "/" <Café>
		S: * LIST (\HasNoChildren) "/" "Inbox"
		S: b OK ...
		C: c STATUS "Café" (MESSAGES)
		S: * STATUS <Café> (MESSAGES 0)
		S: c OK ...
		C: d STATUS Caf&AOk- (MESSAGES)
		S: * STATUS <Café> (MESSAGES 0)
		S: d OK ...
	`)
	s.SetSpelling(Spelling{Both: true})
	c.script(`
		C: e LIST "" C*
		S: * LIST (\HasNoChildren) "/" "Caf&AOk-"
		S: * LIST (\HasNoChildren) "/" <Café>
		S: e OK ...
	`)
}
