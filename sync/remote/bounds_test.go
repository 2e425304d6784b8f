package remote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// tell feeds a FETCH response to an inquiry.
func tell(in *inquiry, format string, args ...any) {
	r, _ := wire.ParseResponse(fmt.Appendf(nil, format, args...))
	in.take(r)
}

func inquiryOf(exists uint32) *inquiry {
	in := &inquiry{sel: &selecting{}}
	in.sel.cursor.Messages = exists
	in.collect.firstNew = 1 << 20
	in.collect.most = func() int { return held(in.sel.cursor.Messages) }
	return in
}

// TestDescending: messages that are listed backwards cost no more than forwards.
// At the square of this number the test would not end.
func TestDescending(t *testing.T) {
	const n = 400_000
	in := inquiryOf(n)
	in.collect.firstNew = 1
	for uid := n; uid > 0; uid-- {
		tell(in, "1 FETCH (UID %d FLAGS () RFC822.SIZE 5)", uid)
		tell(in, "1 FETCH (UID %d FLAGS (\\Seen))", uid)
	}
	var ch Changes
	in.collect.result(&ch)
	if len(ch.New) != n || !slices.IsSortedFunc(ch.New, func(a, b NewMessage) int { return int(a.UID) - int(b.UID) }) {
		t.Fatalf("%d messages, or out of order", len(ch.New))
	}
	for _, m := range ch.New {
		if !m.HasMeta || !m.Flags.Has(mail.Flags{System: mail.Seen}) {
			t.Fatalf("%+v is not what was told of it last", m)
		}
	}
}

// TestMoreThanThereAre: what is kept follows what the mailbox holds. A server
// that goes on is not believed; one that repeats itself is.
func TestMoreThanThereAre(t *testing.T) {
	for _, flood := range []string{"1 FETCH (UID %d FLAGS (\\Seen))", "1 FETCH (UID 1%07d FLAGS (\\Seen) RFC822.SIZE 7)"} {
		in := inquiryOf(5)
		for i := range 100_000 {
			tell(in, flood, i+1)
		}
		if kept := len(in.collect.flags) + len(in.collect.fresh); !in.collect.excess || kept > 2*held(5) {
			t.Errorf("%s: %d kept, excess %t", flood, kept, in.collect.excess)
		}
	}
	in := inquiryOf(5)
	for i := range 100_000 {
		tell(in, "1 FETCH (UID %d FLAGS (\\Seen))", i%5+1)
	}
	if cap(in.collect.flags) > 4*held(5) || in.collect.excess {
		t.Errorf("room for %d, excess %t", cap(in.collect.flags), in.collect.excess)
	}
	var ch Changes
	if in.collect.result(&ch); len(ch.Flags) != 5 {
		t.Errorf("%d messages", len(ch.Flags))
	}
}

// TestExcessIsAnError: the mailbox fails, and the others do not.
func TestExcessIsAnError(t *testing.T) {
	_, c := connect(t, dialOptions(script(t, func(s *scripted) {
		s.login("IMAP4rev1")
		for _, n := range []int{moreThanSaid + 10, 2} {
			sel, fetch := s.command("SELECT"), s.command("UID FETCH")
			s.send("* 2 EXISTS", "* OK [UIDVALIDITY 3] x", "* OK [UIDNEXT 9999] x", sel+" OK x")
			for i := range n {
				s.raw(fmt.Sprintf("* %d FETCH (UID %d FLAGS () RFC822.SIZE 5)\r\n", i+1, i+1))
			}
			s.send(fetch + " OK x")
		}
		s.logout()
	})))
	if err := changes(t, c, ChangesRequest{Mailbox: "Flood", ListNew: true})[0].Err; !errors.Is(err, ErrExcess) || mail.KindOf(err) != mail.KindMailbox {
		t.Errorf("flood: %v", err)
	}
	if ch := one(t, c, ChangesRequest{Mailbox: "INBOX", ListNew: true}); len(ch.New) != 2 {
		t.Errorf("%d messages", len(ch.New))
	}
}

// TestGather: ranges that are told again and again take no room.
func TestGather(t *testing.T) {
	var list []mail.UIDRange
	for i := range 1_000_000 {
		uid := mail.UID(1 + 2*(i%3000))
		list = gather(list, []mail.UIDRange{{Start: uid, Stop: uid}})
	}
	if cap(list) > 4*3000 || len(mail.MergeUIDs(list)) != 3000 {
		t.Errorf("room for %d ranges", cap(list))
	}
	list = nil
	for i := range 100_000 {
		list = gather(list, []mail.UIDRange{{Start: mail.UID(2*i + 1), Stop: mail.UID(2*i + 1)}})
	}
	if mail.UIDSet(list).Count() != 100_000 {
		t.Errorf("%d UIDs", mail.UIDSet(list).Count())
	}
}

// TestLongFlags: flags that no message has are not known of it.
func TestLongFlags(t *testing.T) {
	in := inquiryOf(5)
	tell(in, "1 FETCH (UID 5 FLAGS (%s))", strings.Repeat("k ", maxFlagList))
	if len(in.collect.flags) > 0 {
		t.Error("flags that no message has")
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
	boxes, err := c.Overview(t.Context())
	if err != nil || len(boxes) != 1 || len(cl.LeftOut()) != 1 {
		t.Errorf("%v, %d mailboxes, %d left out", err, len(boxes), len(cl.LeftOut()))
	}
}
