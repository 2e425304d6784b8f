package remote

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

func TestChanges(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			uids := fill(srv, "INBOX", 20)
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)

			first := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true, Expunges: true})
			if len(first.New) != 20 || len(first.Flags) != 0 || first.Vanished != nil {
				t.Fatalf("first sync: %d new, %d flags, vanished %v", len(first.New), len(first.Flags), first.Vanished)
			}
			m := first.New[4]
			if m.UID != uids[4] || !m.HasMeta || m.Size != int64(len(message(5))) || m.Date != 1700000004 {
				t.Errorf("message is %+v", m)
			}
			if c.Abilities().Level >= resync.Condstore && m.ModSeq == 0 {
				t.Error("no modseq")
			}
			if first.Cursor.UIDNext != uids[19]+1 || first.Cursor.Messages != 20 || !first.PermanentAny {
				t.Errorf("cursor %+v, permanent %v %v", first.Cursor, first.Permanent, first.PermanentAny)
			}

			srv.StoreFlags("INBOX", uint32(uids[2]), []string{`\Seen`, "$Forwarded", "work"}, nil)
			srv.Expunge("INBOX", uint32(uids[5]), uint32(uids[6]), uint32(uids[9]))
			added := mail.UID(srv.Append("INBOX", []string{`\Flagged`}, first.New[0].Date.Time(), message(99)))

			second := one(t, c, resync.Request{Mailbox: "INBOX", Known: first.Cursor, ListNew: true, Expunges: true})
			var changed []string
			for _, f := range second.Flags {
				if !f.Flags.IsEmpty() {
					changed = append(changed, fmt.Sprintf("%d %s", f.UID, f.Flags))
				}
			}
			if got, want := strings.Join(changed, ";"), fmt.Sprintf(`%d $Forwarded \Seen work`, uids[2]); got != want {
				t.Errorf("flags %q, want %q", got, want)
			}
			if len(second.New) != 1 || second.New[0].UID != added || !second.New[0].HasMeta || second.New[0].Flags.String() != `\Flagged` {
				t.Errorf("new %+v", second.New)
			}
			switch c.Abilities().Level {
			case resync.QResync:
				if got := text(second.Vanished); got != "6:7,10" || second.Present != nil {
					t.Errorf("vanished %s, present %v", got, second.Present)
				}
				if len(second.Flags) != 1 {
					t.Errorf("%d flags", len(second.Flags))
				}
			default:
				if got := text(second.Present); got != "1:5,8:9,11:21" || !second.HasPresent {
					t.Errorf("present %s", got)
				}
			}
			third := one(t, c, resync.Request{Mailbox: "INBOX", Known: second.Cursor, ListNew: true})
			if len(third.New) != 0 || len(third.Vanished) != 0 || third.Present != nil || (c.Abilities().Level > resync.Plain && len(third.Flags) != 0) {
				t.Errorf("nothing changed, but %+v", third)
			}
		})
	}
}

// TestChangesTellMessageIDs: of the messages for which it was asked, and a server
// that refuses to tell it has still told the rest.
func TestChangesTellMessageIDs(t *testing.T) {
	for name, refuses := range map[string]bool{"told": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
				if refuses && verb == "UID FETCH" && strings.Contains(line, "HEADER.FIELDS") {
					return imaptest.Action{Reply: "NO [SERVERBUG] The message cannot be read"}
				}
				return imaptest.Action{}
			}})
			fill(srv, "INBOX", 2)
			_, c := connect(t, dialOptions(srv.Dial))
			known := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true}).Cursor
			for _, header := range []string{"Message-ID:\r\n <folded@x>\r\n", "Subject: none\r\n", "Message-ID: <not-asked@x>\r\n"} {
				srv.Append("INBOX", nil, time.Unix(1700000000, 0), []byte(header+"\r\nbody\r\n"))
			}
			ch := one(t, c, resync.Request{Mailbox: "INBOX", Known: known, ListNew: true,
				MessageIDs: mail.UIDSet{{Start: known.UIDNext, Stop: known.UIDNext + 1}}})
			var got []string
			for _, m := range ch.New {
				got = append(got, fmt.Sprintf("%v %s %v", m.HasMeta, m.MessageID, m.HasMessageID))
			}
			want := "true <folded@x> true;true  true;true  false"
			if refuses {
				want = "true  false;true  false;true  false"
			}
			if s := strings.Join(got, ";"); s != want {
				t.Errorf("got %q, want %q", s, want)
			}
		})
	}
}

func TestChangesOfManyMailboxes(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			o := dialOptions(srv.Dial)
			o.Without = without
			cl, c := connect(t, o)
			var reqs []resync.Request
			for i := range 40 {
				box := fmt.Sprintf("box%02d", i)
				if err := srv.CreateMailbox(box); err != nil {
					t.Fatal(err)
				}
				fill(srv, box, i%5+1)
				reqs = append(reqs, resync.Request{Mailbox: box, ListNew: true})
			}
			reqs[7].Mailbox = "missing"
			known := map[string]mail.Cursor{}
			for i, ch := range changes(t, c, reqs...) {
				if ch.Mailbox != reqs[i].Mailbox {
					t.Fatalf("result %d is of %s", i, ch.Mailbox)
				}
				if i == 7 {
					if ch.Err == nil || mail.KindOf(ch.Err) != mail.KindMailbox {
						t.Errorf("missing mailbox: %v", ch.Err)
					}
					continue
				}
				if ch.Err != nil || len(ch.New) != i%5+1 {
					t.Errorf("%s: %d new, %v", ch.Mailbox, len(ch.New), ch.Err)
				}
				known[ch.Mailbox] = ch.Cursor
			}
			for i := range reqs {
				reqs[i].Known, reqs[i].Expunges = known[reqs[i].Mailbox], true
			}
			srv.Expunge("box03", 1)
			srv.StoreFlags("box04", 2, []string{`\Answered`}, nil)
			srv.SetUIDValidity("box08", 77)
			before := cl.Stats().RoundTrips
			for i, ch := range changes(t, c, reqs...) {
				if i == 7 {
					continue
				}
				if ch.Err != nil {
					t.Errorf("%s: %v", ch.Mailbox, ch.Err)
				}
				if (i == 8) != ch.UIDValidityChanged || i == 8 && (len(ch.New) > 0 || ch.Present != nil) {
					t.Errorf("%s: %+v", ch.Mailbox, ch)
				}
				gone := len(ch.Vanished) > 0 || ch.HasPresent && len(ch.Present) == 1 && ch.Present[0].Start == 2
				if gone != (i == 3) {
					t.Errorf("%s: vanished %v present %v", ch.Mailbox, ch.Vanished, ch.Present)
				}
			}
			if turns := cl.Stats().RoundTrips - before; turns > 3 {
				t.Errorf("40 mailboxes took %d turns", turns)
			}
		})
	}
}

func TestChangesNoModSeq(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			uids := fill(srv, "INBOX", 5)
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			first := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
			srv.SetNoModSeq("INBOX", true)
			srv.Expunge("INBOX", uint32(uids[1]))
			srv.StoreFlags("INBOX", uint32(uids[2]), []string{`\Seen`}, nil)
			for range 2 {
				ch := one(t, c, resync.Request{Mailbox: "INBOX", Known: first.Cursor, ListNew: true, Expunges: true})
				if !ch.NoModSeq || text(ch.Present) != "1,3:5" || len(ch.Flags) != 4 {
					t.Errorf("got %+v", ch)
				}
				first.Cursor.HighestModSeq = 0
			}
			fresh := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
			if len(fresh.New) != 4 {
				t.Errorf("%d new", len(fresh.New))
			}
		})
	}
}

// A list of UIDs that is too short must not be taken for deletions.
func TestChangesIncompleteList(t *testing.T) {
	lie := false
	srv := newServer(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		if lie && strings.HasPrefix(line, "* SEARCH") {
			return "* SEARCH 1 2"
		}
		return line
	}})
	fill(srv, "INBOX", 5)
	o := dialOptions(srv.Dial)
	o.Without = []string{"QRESYNC", "ESEARCH"}
	_, c := connect(t, o)
	first := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	lie = true
	got := changes(t, c, resync.Request{Mailbox: "INBOX", Known: first.Cursor, Expunges: true})
	if got[0].Err == nil && !got[0].Short {
		t.Errorf("believed %+v", got[0])
	}
}

func TestChangesHundredThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	const n = 100_000
	conns := script(t, func(s *scripted) {
		s.login("IMAP4rev1 ENABLE CONDSTORE QRESYNC")
		s.expect("ENABLE", "* ENABLED QRESYNC", "OK done")
		tag := s.command("SELECT")
		fetch := s.command("UID FETCH")
		s.send("* 100000 EXISTS", "* OK [UIDVALIDITY 1] x", "* OK [UIDNEXT 200001] x", "* OK [HIGHESTMODSEQ 9] x", tag+" OK [READ-WRITE] x")
		for i := 1; i <= n; i++ {
			s.send(fmt.Sprintf(`* %d FETCH (UID %d FLAGS (\Seen) MODSEQ (9) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286)`, i, 2*i))
		}
		s.send(fetch + " OK done")
		s.logout()
	})
	_, c := connect(t, dialOptions(conns))
	ch := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	if len(ch.New) != n || ch.New[n-1].UID != 2*n {
		t.Errorf("%d new", len(ch.New))
	}
}

// ENABLE is not allowed any more once a mailbox is selected; a connection
// that begins by fetching must not lose QRESYNC over that.
func TestEnableBeforeFirstSelect(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 3)
	_, c := connect(t, dialOptions(srv.Dial))
	if got, _ := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: uids}); len(got) != 3 {
		t.Fatal(got)
	}
	one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	if c.Abilities().Level != resync.QResync {
		t.Errorf("level %v", c.Abilities().Level)
	}
}

func TestPresent(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			lie := false
			srv := newServer(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
				if lie && strings.HasPrefix(line, "* ESEARCH") {
					return "* ESEARCH UID"
				}
				if lie && strings.HasPrefix(line, "* SEARCH") {
					return "* SEARCH"
				}
				return line
			}})
			uids := fill(srv, "INBOX", 9)
			srv.Expunge("INBOX", uint32(uids[3]))
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			got, err := c.SearchAllUIDs(t.Context(), "INBOX", 0)
			if err != nil || text(got) != "1:3,5:9" {
				t.Errorf("%v %v", got, err)
			}
			if _, err := c.SearchAllUIDs(t.Context(), "INBOX", 12345); !errors.Is(err, mail.ErrUIDValidityChanged) {
				t.Error(err)
			}
			if _, err := c.SearchAllUIDs(t.Context(), "missing", 0); mail.KindOf(err) != mail.KindMailbox {
				t.Error(err)
			}
			lie = true
			if _, err := c.SearchAllUIDs(t.Context(), "INBOX", 0); !errors.Is(err, resync.ErrIncomplete) {
				t.Error(err)
			}
		})
	}
}
