package remote

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// FuzzSession feeds whatever bytes to a session under way. It must end, with
// or without an error, and deliver a message only whole.
func FuzzSession(f *testing.F) {
	f.Add([]byte("* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {3}\r\nabc)\r\n"))
	f.Add([]byte("* 1 FETCH (BODY[] {3}\r\nabc UID 5)\r\nX1 OK\r\n"))
	f.Add([]byte("* LIST () \"/\" {3}\r\nabc\r\n* VANISHED 1:5\r\n+ go\r\nT9 BAD x\r\n"))
	f.Add([]byte("* 1 FETCH (X {5}\r\nabcde BODY[] {2}\r\nab UID 5)\r\n* BYE x\r\n"))
	f.Fuzz(func(t *testing.T, noise []byte) {
		dial := script(t, func(s *scripted) {
			s.login("IMAP4rev1")
			tag, fetch := s.command("EXAMINE"), s.command("UID FETCH")
			s.raw("* OK [UIDVALIDITY 3] x\r\n" + tag + " OK x\r\n")
			s.raw(string(noise))
			s.raw("\r\n" + fetch + " OK x\r\n")
		})
		o := dialOptions(dial)
		cl, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, err := cl.Connect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.FetchBodies(ctx, []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{5}}}, func(b Body) error {
			data, err := io.ReadAll(b)
			if err == nil && (int64(len(data)) != b.Size || b.UID != 5) {
				t.Errorf("uid %d: %d of %d bytes", b.UID, len(data), b.Size)
			}
			return err
		})
		if ctx.Err() != nil {
			t.Error("did not end")
		}
	})
}

func BenchmarkFetchBodies(b *testing.B) {
	srv := imaptest.NewServer(imaptest.Options{NoListen: true})
	defer srv.Close()
	content := append([]byte("Subject: x\r\n\r\n"), bytes.Repeat([]byte("0123456789\r\n"), 420)...)
	var uids []mail.UID
	for range 2000 {
		uids = append(uids, mail.UID(srv.Append("INBOX", nil, time.Unix(1, 0), content)))
	}
	cl, err := New(dialOptions(srv.Dial))
	if err != nil {
		b.Fatal(err)
	}
	c, err := cl.Connect(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.FetchBodies(b.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: uids}}, func(body Body) error {
			_, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{body}, buf)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(uids)*b.N)/b.Elapsed().Seconds(), "msg/s")
}
