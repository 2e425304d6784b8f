package imaptest

import (
	"slices"
	"testing"
	"time"
)

func TestMailboxes(t *testing.T) {
	s := start(t, Options{Caps: DefaultCaps.With(CapObjectID)})
	c := login(t, s)
	c.script(`
		C: a CREATE Archive/2026
		S: a OK [MAILBOXID (F000002)] ...
		C: b CREATE archive/
		S: b OK [MAILBOXID (F000003)] ...
		C: c CREATE INBOX
		S: c NO [ALREADYEXISTS] ...
		C: d CREATE "Entw&APw-rfe"
		S: d OK ...
		C: e LIST "" ""
		S: * LIST (\Noselect) "/" ""
		S: e OK ...
		C: f LIST "" %
		S: * LIST (\NonExistent \Noselect \HasChildren) "/" "Archive"
		S: * LIST (\HasNoChildren) "/" "Entw&APw-rfe"
		S: * LIST (\HasNoChildren) "/" "INBOX"
		S: * LIST (\HasNoChildren) "/" "archive"
		S: f OK ...
		C: g LIST Archive/ *
		S: * LIST (\HasNoChildren) "/" "Archive/2026"
		S: g OK ...
		C: h SUBSCRIBE Archive/2026
		S: h OK ...
		C: i SUBSCRIBE Gone
		S: i OK ...
		C: j LIST (SUBSCRIBED) "" (* Nothing) RETURN (CHILDREN STATUS (MESSAGES UIDNEXT MAILBOXID))
		S: * LIST (\HasNoChildren \Subscribed) "/" "Archive/2026"
		S: * STATUS "Archive/2026" (MESSAGES 0 UIDNEXT 1 MAILBOXID (F000002))
		S: * LIST (\NonExistent \Noselect \HasNoChildren \Subscribed) "/" "Gone"
		S: j OK ...
		C: k LIST (SUBSCRIBED RECURSIVEMATCH) "" %
		S: * LIST (\NonExistent \Noselect \HasChildren) "/" "Archive" ("CHILDINFO" ("SUBSCRIBED"))
		S: * LIST (\NonExistent \Noselect \HasNoChildren \Subscribed) "/" "Gone"
		S: k OK ...
		C: l LSUB "" %
		S: * LSUB (\Noselect) "/" "Archive"
		S: * LSUB () "/" "Gone"
		S: l OK ...
		C: m RENAME Archive Old
		S: m OK ...
		C: n STATUS Old/2026 (MAILBOXID UIDVALIDITY)
		S: * STATUS "Old/2026" (MAILBOXID (F000002) UIDVALIDITY 2)
		S: n OK ...
		C: o DELETE Old
		S: o NO [CANNOT] ...
		C: p DELETE INBOX
		S: p NO [CANNOT] ...
		C: q DELETE Missing
		S: q NO [NONEXISTENT] ...
		C: r RENAME Old/2026 INBOX
		S: r NO [ALREADYEXISTS] ...
		C: s DELETE Old/2026
		S: s OK ...
		C: t CREATE Old/2026
		S: t OK [MAILBOXID (F000005)] ...
		C: u STATUS Old/2026 (UIDVALIDITY)
		S: * STATUS "Old/2026" (UIDVALIDITY 5)
		S: u OK ...
	`)
	if got := s.Mailboxes(); !slices.Equal(got, []string{"Entwürfe", "INBOX", "Old/2026", "archive"}) {
		t.Fatal(got)
	}
	if !s.Subscribed("Archive/2026") || s.Subscribed("INBOX") {
		t.Fatal("subscriptions")
	}
	s.SetSpecialUse("archive", `\Archive`)
	fill(s, "INBOX", 2)
	c.script(`
		C: a LIST (SPECIAL-USE) "" *
		S: * LIST (\HasNoChildren \Archive) "/" "archive"
		S: a OK ...
		C: b RENAME INBOX Saved
		S: b OK ...
		C: c STATUS Saved (MESSAGES RECENT UNSEEN DELETED SIZE)
		S: * STATUS "Saved" (MESSAGES 2 RECENT 2 UNSEEN 2 DELETED 0 SIZE 104)
		S: c OK ...
		C: d STATUS INBOX (MESSAGES)
		S: * STATUS "INBOX" (MESSAGES 0)
		S: d OK ...
	`)
}

func TestPrefix(t *testing.T) {
	s := start(t, Options{Delimiter: '.', Prefix: "INBOX."})
	login(t, s).script(`
		C: a NAMESPACE
		S: * NAMESPACE (("INBOX." ".")) NIL NIL
		S: a OK ...
		C: b CREATE Work
		S: b NO [CANNOT] ...
		C: c CREATE inbox.Work.go
		S: c OK ...
		C: d LIST "" *
		S: * LIST (\HasChildren) "." "INBOX"
		S: * LIST (\NonExistent \Noselect \HasChildren) "." "INBOX.Work"
		S: * LIST (\HasNoChildren) "." "INBOX.Work.go"
		S: d OK ...
	`)
}

func TestAppendCopyMove(t *testing.T) {
	s := start(t, Options{Caps: DefaultCaps.With(CapObjectID), Now: func() time.Time { return day(5) }})
	_ = s.CreateMailbox("A")
	c := login(t, s)
	c.script(`
		C: a APPEND Missing {3+}|abc
		S: a NO [TRYCREATE] ...
		C: b APPEND A (\Seen $K) " 2-Mar-2026 10:00:00 +0100" {3}
		S: + OK
		C: abc
		S: b OK [APPENDUID 2 1] ...
		C: c APPEND A {3+}|abc (\Draft) ~{4+}|defg
		S: c OK [APPENDUID 2 2:3] ...
		C: d SELECT A
		S: ...
		S: d OK ...
		C: e UID COPY 1:2,100 INBOX
		S: e OK [COPYUID 1 1:2 1:2] ...
		C: f UID MOVE 3 INBOX
		S: * OK [COPYUID 1 3 3] ...
		S: * 3 EXPUNGE
		S: f OK Move completed
		C: g UID MOVE 55 INBOX
		S: g OK No messages found
		C: h MOVE 1 Missing
		S: h NO [TRYCREATE] ...
		C: i UID FETCH 1 (EMAILID THREADID)
		S: * 1 FETCH (EMAILID (M00000001) THREADID NIL UID 1)
		S: i OK ...
		C: j UID COPY 1 A
		S: * 3 EXISTS
		S: * 3 RECENT
		S: j OK [COPYUID 2 1 4] ...
	`)
	got := s.Messages("INBOX")
	if len(got) != 3 || got[0].EmailID != "M00000001" || !got[0].Date.Equal(day(2)) || !slices.Equal(got[0].Flags, []string{"$K", `\Seen`}) ||
		string(got[2].Content) != "defg" || !got[1].Date.Equal(day(5)) {
		t.Fatalf("%+v", got)
	}
	if uid := s.Move("INBOX", 3, "A"); uid != 5 {
		t.Fatal(uid)
	}
	s.SetReadOnly("INBOX", true)
	c.script(`
		C: a APPEND INBOX {3+}|abc
		S: * 4 EXISTS
		S: * 4 RECENT
		S: a NO [NOPERM] ...
		C: b SELECT INBOX
		S: ...
		S: * OK [PERMANENTFLAGS ()] ...
		S: ...
		S: b OK [READ-ONLY] ...
		C: c EXPUNGE
		S: c NO ...
	`)
}

func TestPermanentFlags(t *testing.T) {
	s := start(t, Options{PermanentFlags: []string{`\Seen`, `\Deleted`}})
	fill(s, "INBOX", 1)
	login(t, s).script(`
		C: a SELECT INBOX
		S: * FLAGS ...
		S: * OK [PERMANENTFLAGS (\Seen \Deleted)] ...
		S: ...
		S: a OK ...
		C: b STORE 1 +FLAGS (\Seen \Flagged $X)
		S: * 1 FETCH (FLAGS (\Seen \Recent))
		S: b OK ...
	`)
}
