package remote

import (
	"slices"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// What did not change goes, in one turn; what somebody else changed, and what
// is marked beside it, stays.
func TestDiscard(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 6)
	cl, c := connect(t, dialOptions(srv.Dial))
	base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	srv.StoreFlags("INBOX", uint32(uids[1]), []string{`\Flagged`}, nil) // somebody else
	srv.StoreFlags("INBOX", uint32(uids[5]), []string{`\Deleted`}, nil)
	sel := selectBox(t, c, "INBOX")
	if !sel.CanDiscard() {
		t.Fatal("not on a server with everything?")
	}
	before := cl.Stats().RoundTrips
	res, err := sel.Discard(t.Context(), uids[:4], base.Cursor.HighestModSeq)
	if err != nil || res.Err != nil || !slices.Equal(res.Modified, uids[1:2]) {
		t.Errorf("%+v %v", res, err)
	}
	// A turn to look why one is still there.
	if turns := cl.Stats().RoundTrips - before; turns > 2 {
		t.Errorf("%d turns", turns)
	}
	var left []mail.UID
	for _, m := range srv.Messages("INBOX") {
		left = append(left, mail.UID(m.UID))
	}
	if want := []mail.UID{uids[1], uids[4], uids[5]}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
	before = cl.Stats().RoundTrips
	if res, err := sel.Discard(t.Context(), uids[4:5], base.Cursor.HighestModSeq); err != nil || res.Err != nil || len(srv.Messages("INBOX")) != 2 {
		t.Errorf("%+v %v", res, err)
	}
	if turns := cl.Stats().RoundTrips - before; turns != 1 {
		t.Errorf("%d turns", turns)
	}
}

// So many that they take several flights.
func TestDiscardMany(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 40_000)
	_, c := connect(t, dialOptions(srv.Dial))
	base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	sel := selectBox(t, c, "INBOX")
	var odd []mail.UID
	for i := 1; i < len(uids); i += 2 {
		odd = append(odd, uids[i])
	}
	if res, err := sel.Discard(t.Context(), odd, base.Cursor.HighestModSeq); err != nil || res.Err != nil || len(res.Modified) > 0 {
		t.Fatalf("%+v %v", res, err)
	}
	if n := len(srv.Messages("INBOX")); n != len(uids)-len(odd) {
		t.Errorf("%d left", n)
	}
}

// A server that keeps them although it says OK, and one that refuses.
func TestDiscardNotDone(t *testing.T) {
	liar := imaptest.NewLiar(1, 1, imaptest.LieExpunge)
	refuse := false
	srv := newServer(t, liar.Install(imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if refuse && verb == "UID STORE" {
			return imaptest.Action{Reply: "NO [NOPERM] Not yours"}
		}
		return imaptest.Action{}
	}}))
	uids := fill(srv, "INBOX", 3)
	_, c := connect(t, dialOptions(srv.Dial))
	base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	sel := selectBox(t, c, "INBOX")
	if _, err := sel.Discard(t.Context(), uids[:2], base.Cursor.HighestModSeq); !slices.Equal(NotDone(err), uids[:2]) {
		t.Errorf("a server that keeps them: %v", err)
	}
	liar.Tell(0)
	refuse = true
	if res, err := sel.Discard(t.Context(), uids[2:], base.Cursor.HighestModSeq); err != nil || res.Err == nil || len(srv.Messages("INBOX")) != 3 {
		t.Errorf("a server that refuses: %+v %v", res, err)
	}
}

// Another client expunges while EXPUNGE passes by what was just marked, as Dovecot
// may: what went is told from what was to go, and tried once more.
func TestDiscardPassedBy(t *testing.T) {
	var srv *imaptest.Server
	var uids []mail.UID
	expunges := 0
	srv = newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb != "UID EXPUNGE" {
			return imaptest.Action{}
		}
		if expunges++; expunges > 1 {
			return imaptest.Action{}
		}
		srv.Expunge("INBOX", uint32(uids[0]))
		return imaptest.Action{Reply: "OK Expunge completed"}
	}})
	uids = fill(srv, "INBOX", 3)
	_, c := connect(t, dialOptions(srv.Dial))
	base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	sel := selectBox(t, c, "INBOX")
	if res, err := sel.Discard(t.Context(), uids[1:2], base.Cursor.HighestModSeq); err != nil || res.Err != nil || len(res.Modified) > 0 {
		t.Fatalf("%+v %v", res, err)
	}
	if left := srv.Messages("INBOX"); len(left) != 1 || left[0].UID != uint32(uids[2]) {
		t.Errorf("left is %v", left)
	}
}
