package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

func TestFetchBodies(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	var reqs []BodyRequest
	for i := range 20 {
		box := fmt.Sprintf("box%02d", i)
		if err := srv.CreateMailbox(box); err != nil {
			t.Fatal(err)
		}
		for n := range 7 {
			srv.Append(box, []string{`\Seen`}, time.Unix(1700000000, 0), fmt.Appendf(nil, "Subject: %s %d\r\n\r\nx\r\n", box, n+1))
		}
		v, _, _ := srv.UIDState(box)
		reqs = append(reqs, BodyRequest{Mailbox: box, UIDValidity: mail.UIDValidity(v), UIDs: []mail.UID{1, 3, 5, 6, 7, 99}})
	}
	reqs[4].Mailbox = "missing"
	reqs[9].UIDValidity++
	cl, c := connect(t, dialOptions(srv.Dial))
	before := cl.Stats().RoundTrips
	got, failed := bodies(t, c, reqs...)
	if len(got) != 18*5 {
		t.Errorf("%d bodies", len(got))
	}
	for key, content := range got {
		box, uid, _ := strings.Cut(key, "/")
		if want := fmt.Sprintf("Subject: %s %s\r\n\r\nx\r\n", box, uid); content != want {
			t.Errorf("%s is %q", key, content)
		}
	}
	if len(failed) != 2 || !errors.Is(failed["box09"], mail.ErrUIDValidityChanged) || failed["missing"] == nil {
		t.Errorf("failed: %v", failed)
	}
	if turns := cl.Stats().RoundTrips - before; turns > 3 {
		t.Errorf("%d turns", turns)
	}
}

func TestFetchBodiesLarge(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	big := bytes.Repeat([]byte("0123456789abcdef0123456789abcde\r\n"), 600_000) // 20 MB
	uid := mail.UID(srv.Append("INBOX", nil, time.Time{}, big))
	_, c := connect(t, dialOptions(srv.Dial))
	got, _ := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: []mail.UID{uid}})
	if got[fmt.Sprintf("INBOX/%d", uid)] != string(big) {
		t.Error("content differs")
	}
}

func TestFetchBodiesSinkFails(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 50)
	_, c := connect(t, dialOptions(srv.Dial))
	full := errors.New("disk full")
	n := 0
	_, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: uids}}, func(b Body) error {
		if n++; n == 10 {
			return full
		}
		_, err := io.Copy(io.Discard, b)
		return err
	})
	if !errors.Is(err, full) || n != 10 {
		t.Errorf("%v after %d", err, n)
	}
	if err := c.Noop(t.Context()); mail.KindOf(err) != mail.KindConnection {
		t.Errorf("connection lives: %v", err)
	}
}

// A sink that does not read leaves nothing behind for the next message.
func TestFetchBodiesUnread(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 5)
	_, c := connect(t, dialOptions(srv.Dial))
	n := 0
	if _, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: uids}}, func(Body) error { n++; return nil }); err != nil || n != 5 {
		t.Error(n, err)
	}
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProbe(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 12)
	if err := srv.CreateMailbox("other"); err != nil {
		t.Fatal(err)
	}
	srv.Append("other", nil, time.Time{}, []byte("Subject: none\r\n\r\nwithout id\r\n"))
	cl, c := connect(t, dialOptions(srv.Dial))
	req := SampleRequest{Mailbox: "INBOX"}
	for i, u := range uids {
		req.Items = append(req.Items, SampleItem{UID: u, Offset: int64(i % 3), Length: 9})
	}
	before := cl.Stats().RoundTrips
	n := 0
	failed, err := c.FetchSamples(t.Context(), []SampleRequest{req, {Mailbox: "other", Items: []SampleItem{{UID: 1, Offset: 2, Length: 4}}}, {Mailbox: "missing", Items: []SampleItem{{UID: 1}}}},
		func(mailbox string, p Sample) error {
			n++
			if mailbox == "other" {
				if p.MessageID != "" || string(p.Part) != "bjec" {
					t.Errorf("other: %+v", p)
				}
				return nil
			}
			i := int(p.UID - uids[0])
			if want := fmt.Sprintf("<m%d@example.org>", i+1); p.MessageID != want {
				t.Errorf("uid %d: id %q", p.UID, p.MessageID)
			}
			if want := message(i + 1)[i%3 : i%3+9]; !bytes.Equal(p.Part, want) {
				t.Errorf("uid %d: part %q, want %q", p.UID, p.Part, want)
			}
			return nil
		})
	if err != nil || n != 13 || len(failed) != 1 {
		t.Errorf("%d probes, failed %v, %v", n, failed, err)
	}
	if turns := cl.Stats().RoundTrips - before; turns != 1 {
		t.Errorf("%d turns", turns)
	}
}

// TestLargeBodyBeforeItsUID: a message that is too large to be kept until its UID
// comes behind it is asked for alone, among others.
func TestLargeBodyBeforeItsUID(t *testing.T) {
	srv := newServer(t, imaptest.Options{UIDLast: true})
	fill(srv, "INBOX", 2)
	large := append(message(3), bytes.Repeat([]byte("0123456789abcdef"), maxResponse/16+1)...)
	srv.Append("INBOX", nil, time.Unix(1700000000, 0), large)
	fill(srv, "INBOX", 1)
	_, c := connect(t, dialOptions(srv.Dial))
	v, _, _ := srv.UIDState("INBOX")
	got, failed := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDValidity: mail.UIDValidity(v), UIDs: []mail.UID{1, 2, 3, 4}})
	if len(got) != 4 || len(failed) > 0 || got["INBOX/3"] != string(large) {
		t.Errorf("%d messages, the large one of %d bytes, %v", len(got), len(got["INBOX/3"]), failed)
	}
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}
