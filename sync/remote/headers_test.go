package remote

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
)

// TestHeaders: whole headers and single lines, of several mailboxes in one flight,
// without those that are not there.
func TestHeaders(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	if err := srv.CreateMailbox("other"); err != nil {
		t.Fatal(err)
	}
	head := "Subject: one\r\nX-TUID: 1\r\n folded\r\nLines: 3\r\n\r\n"
	srv.Append("INBOX", nil, time.Time{}, []byte(head+"body\r\n"))
	srv.Append("other", nil, time.Time{}, []byte("Subject: two\r\n\r\nLines: no header\r\n"))
	cl, c := connect(t, dialOptions(srv.Dial))
	reqs := []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{1, 7}}, {Mailbox: "other", UIDs: []mail.UID{1}}, {Mailbox: "missing", UIDs: []mail.UID{1}}}
	read := func(names []string, want map[string]string) {
		t.Helper()
		got := map[string]string{}
		before := cl.Stats().RoundTrips
		failed, err := c.FetchHeaders(t.Context(), reqs, names, func(mailbox string, h Header) error {
			got[mailbox] += string(h.Data)
			return nil
		})
		if err != nil || len(failed) != 1 || failed["missing"] == nil {
			t.Errorf("failed %v, %v", failed, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if n := cl.Stats().RoundTrips - before; n > 1 {
			t.Errorf("%d turns", n)
		}
	}
	read(nil, map[string]string{"INBOX": head, "other": "Subject: two\r\n\r\n"})
	read([]string{"Lines", "x-tuid"}, map[string]string{"INBOX": "X-TUID: 1\r\n folded\r\nLines: 3\r\n\r\n", "other": "\r\n"})
}

// TestHeaderEndsSession: a server that ends the session at the header of a damaged
// message is blamed for messages of that mailbox.
func TestHeaderEndsSession(t *testing.T) {
	for name, how := range map[string]imaptest.Damage{"bye": imaptest.EndsAll, "closed": imaptest.ClosesAll} {
		t.Run(name, func(t *testing.T) {
			d := &imaptest.Damaged{}
			srv := newServer(t, imaptest.Options{Damaged: d})
			srv.Append("INBOX", nil, time.Time{}, []byte("Subject: one\r\n\r\nbody\r\n"))
			d.Message("INBOX", 1, how)
			_, c := connect(t, dialOptions(srv.Dial))
			_, err := c.FetchHeaders(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{1}}}, nil, func(string, Header) error { return nil })
			if at, ok := refusal.EndedAt(err); !ok || at != (refusal.Ending{Mailbox: "INBOX", Messages: true}) {
				t.Errorf("%+v %v: %v", at, ok, err)
			}
		})
	}
}
