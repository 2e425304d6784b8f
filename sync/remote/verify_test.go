package remote

import (
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// A verification that is refused proves nothing; what can be asked about the
// other messages is.
func TestStoreUnverified(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
				switch {
				case verb == "UID FETCH" && named(line).Contains(3):
					return imaptest.Action{Reply: "NO [SERVERBUG] Internal error"}
				case verb == "UID STORE":
					return imaptest.Action{Reply: "OK Store completed"} // and nothing is done
				}
				return imaptest.Action{}
			}})
			uids := fill(srv, "INBOX", 6)
			srv.StoreFlags("INBOX", uint32(uids[4]), []string{`\Seen`}, nil)
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			res, err := selectBox(t, c, "INBOX").Store(t.Context(), []StoreRequest{{UIDs: uids, Delta: mail.Delta{Add: mail.NewFlags(`\Seen`)}}})
			if err != nil || res[0].Err != nil {
				t.Fatal(res, err)
			}
			if !slices.Equal(res[0].Unknown, uids[2:3]) || !slices.Equal(res[0].NotDone, []mail.UID{1, 2, 4, 6}) || len(res[0].Gone) > 0 {
				t.Errorf("%+v", res[0])
			}
			for i, u := range uids {
				if done := res[0].Done(u); done != (i == 4) {
					t.Errorf("message %d: done %t", u, done)
				}
			}
		})
	}
}

// A STORE that is tried again has the condition that it had: somebody may have
// changed the message meanwhile.
func TestStoreAgainConditionally(t *testing.T) {
	var srv *imaptest.Server
	stores := 0
	srv = newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "UID STORE" {
			if stores++; stores == 1 {
				srv.StoreFlags("INBOX", 1, []string{`\Answered`}, nil)
				return imaptest.Action{Reply: "OK Store completed"}
			}
		}
		return imaptest.Action{}
	}})
	uids := fill(srv, "INBOX", 2)
	_, c := connect(t, dialOptions(srv.Dial))
	base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	res, err := selectBox(t, c, "INBOX").Store(t.Context(), []StoreRequest{
		{UIDs: uids, Delta: mail.Delta{Add: mail.NewFlags(`\Seen`)}, UnchangedSince: base.Cursor.HighestModSeq}})
	if err != nil || stores != 2 || !slices.Equal(res[0].Modified, uids[:1]) {
		t.Errorf("%d STOREs, %+v, %v", stores, res, err)
	}
	if m, _ := srv.Message("INBOX", 1); slices.Contains(m.Flags, `\Seen`) {
		t.Error("somebody else's change was overruled")
	}
}

// Of a message that the setting part did not change, no mod-sequence is told; the
// clearing part is conditional all the same.
func TestStoreTwoPartsConditionally(t *testing.T) {
	var srv *imaptest.Server
	srv = newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if verb == "UID STORE" && strings.Contains(line, "-FLAGS") {
			srv.StoreFlags("INBOX", 1, []string{`\Answered`}, nil) // somebody else, in between
		}
		if verb == "UID STORE" && strings.Contains(line, "+FLAGS") {
			return imaptest.Action{Reply: "OK Store completed"} // they have it
		}
		return imaptest.Action{}
	}})
	uids := fill(srv, "INBOX", 2)
	for _, u := range uids {
		srv.StoreFlags("INBOX", uint32(u), []string{`\Seen`, `\Flagged`}, nil)
	}
	_, c := connect(t, dialOptions(srv.Dial))
	base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	res, err := selectBox(t, c, "INBOX").Store(t.Context(), []StoreRequest{
		{UIDs: uids, Delta: mail.Delta{Add: mail.NewFlags(`\Seen`), Remove: mail.NewFlags(`\Flagged`)}, UnchangedSince: base.Cursor.HighestModSeq}})
	if err != nil || !slices.Equal(res[0].Modified, uids[:1]) {
		t.Errorf("%+v, %v", res, err)
	}
	if m, _ := srv.Message("INBOX", 1); !slices.Contains(m.Flags, `\Flagged`) {
		t.Error("somebody else's change was overruled")
	}
}
