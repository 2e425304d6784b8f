package remote

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// TestExcessIsAnError: the mailbox fails, and the others do not.
func TestExcessIsAnError(t *testing.T) {
	_, c := connect(t, dialOptions(script(t, func(s *scripted) {
		s.login("IMAP4rev1")
		for _, n := range []int{5000, 2} {
			sel, fetch := s.command("SELECT"), s.command("UID FETCH")
			s.send("* 2 EXISTS", "* OK [UIDVALIDITY 3] x", "* OK [UIDNEXT 9999] x", sel+" OK x")
			for i := range n {
				s.raw(fmt.Sprintf("* %d FETCH (UID %d FLAGS () RFC822.SIZE 5)\r\n", i+1, i+1))
			}
			s.send(fetch + " OK x")
		}
		s.logout()
	})))
	if err := changes(t, c, resync.Request{Mailbox: "Flood", ListNew: true})[0].Err; !errors.Is(err, resync.ErrExcess) || mail.KindOf(err) != mail.KindMailbox {
		t.Errorf("flood: %v", err)
	}
	if ch := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true}); len(ch.New) != 2 {
		t.Errorf("%d messages", len(ch.New))
	}
}

// TestLongNames: a name that is too long to be kept is told of without it.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("a/", 1<<20)
	cl, c := connect(t, dialOptions(script(t, func(s *scripted) {
		s.login("IMAP4rev1")
		list, lsub, delim := s.command("LIST"), s.command("LSUB"), s.command("LIST")
		s.send(`* LIST () "/" INBOX`, `* LIST () "/" "`+long+`x"`, list+" OK x", `* LSUB () "/" "`+long+`x"`, lsub+" OK x", delim+" OK x")
		s.expect("STATUS", `* STATUS "`+long+`x" (MESSAGES 3)`, "OK x")
		s.logout()
	})))
	boxes, err := c.ListMailboxes(t.Context())
	if err != nil || len(boxes) != 1 || len(cl.LeftOut()) != 1 {
		t.Errorf("%v, %d mailboxes, %d left out", err, len(boxes), len(cl.LeftOut()))
	}
}
