package remote

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
)

func dovecotOptions(srv *dovecot.Server, user string) Options {
	host, port, _ := net.SplitHostPort(srv.Addr())
	n, _ := strconv.Atoi(port)
	return Options{Host: host, Port: n, TLS: TLSNone, User: user, Password: password(srv.Password), Timeout: 20 * time.Second}
}

// TestDovecot walks the whole API against a real server, once for each user
// and level.
func TestDovecot(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	srv := dovecot.Start(t, dovecot.Options{Delimiter: ".", Prefix: "INBOX.", Users: []string{"ann", "bob", "carol"}})
	for user, level := range map[string]string{"ann": "qresync", "bob": "condstore", "carol": "plain"} {
		t.Run(level, func(t *testing.T) {
			o := dovecotOptions(srv, user)
			o.Without = lowered()[level]
			cl, c := connect(t, o)
			walk(t, cl, c)
		})
	}
}

func walk(t *testing.T, cl *Client, c *Conn) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v (%s)", err, mail.HintOf(err))
		}
	}
	_, err := c.Overview(ctx)
	must(err)
	if s := cl.Stats(); s.RoundTrips > 4 { // three of them are SCRAM's
		t.Errorf("opening took %d turns", s.RoundTrips)
	}
	for _, name := range []string{"Entwürfe/a b", "Entwürfe/a b", "dest"} {
		_, err := c.Create(ctx, name)
		must(err)
	}
	must(c.Subscribe(ctx, "dest", true))

	var reqs []AppendRequest
	for i := range 100 {
		reqs = append(reqs, request(message(i), `\Flagged`, "$Forwarded", "kw"))
	}
	reqs[50] = request(bytes.Repeat([]byte("large line of text\r\n"), 150_000))
	var uids []mail.UID
	must(c.Append(ctx, "Entwürfe/a b", reqs, func(_ int, uid mail.UID, _ mail.UIDValidity, err error) {
		must(err)
		uids = append(uids, uid)
	}))
	first := one(t, c, ChangesRequest{Mailbox: "Entwürfe/a b", ListNew: true})
	if len(first.New) != 100 || first.New[50].Size != reqs[50].Size || first.New[3].Date != 1700000000 ||
		first.New[3].Flags.String() != `$Forwarded \Flagged kw` && !first.New[3].Flags.Equal(mail.NewFlags(`\Flagged`, "$Forwarded", "kw")) {
		t.Fatalf("%d new, %+v", len(first.New), first.New[3])
	}
	got := map[mail.UID][]byte{}
	failed, err := c.FetchBodies(ctx, []BodyRequest{{Mailbox: "Entwürfe/a b", UIDValidity: first.Cursor.UIDValidity, UIDs: uids}}, func(b Body) error {
		data, err := io.ReadAll(b)
		got[b.UID] = data
		return err
	})
	must(err)
	if len(got) != 100 || len(failed) != 0 || !bytes.Equal(got[uids[7]], message(7)) {
		t.Errorf("%d bodies, failed %v", len(got), failed)
	}
	_, err = c.Probe(ctx, []ProbeRequest{{Mailbox: "Entwürfe/a b", Items: []ProbeItem{{uids[1], 0, 20}, {uids[2], 5, 10}}}}, func(_ string, p Probe) error {
		if i := int(p.UID - uids[0]); p.MessageID != fmt.Sprintf("<m%d@example.org>", i) || len(p.Part) == 0 || !bytes.Contains(message(i), p.Part) {
			t.Errorf("probe %+v", p)
		}
		return nil
	})
	must(err)

	sel := selectBox(t, c, "Entwürfe/a b")
	res, err := sel.Store(ctx, []StoreRequest{
		{UIDs: uids[:10], Delta: mail.Delta{Add: mail.NewFlags(`\Seen`), Remove: mail.NewFlags(`\Flagged`)}, UnchangedSince: first.Cursor.HighestModSeq},
		{UIDs: uids[:5], Delta: mail.Delta{Add: mail.NewFlags("late")}, UnchangedSince: first.Cursor.HighestModSeq},
	})
	must(err)
	if res[0].Err != nil || len(res[0].Modified) != 0 || c.Level() > Plain && len(res[1].Modified) != 5 {
		t.Errorf("store %+v", res)
	}
	mv, err := sel.Move(ctx, []mail.UID{uids[20], uids[22], uids[21], uids[40]}, "dest")
	must(err)
	if len(mv.Pairs) != 4 {
		t.Errorf("move %+v", mv)
	}
	must(sel.Remove(ctx, []mail.UID{uids[60], uids[61]}))

	second := one(t, c, ChangesRequest{Mailbox: "Entwürfe/a b", Known: first.Cursor, ListNew: true, Expunges: true})
	seen := 0
	for _, f := range second.Flags {
		if f.Flags.Has(mail.NewFlags(`\Seen`)) && !f.Flags.Has(mail.NewFlags(`\Flagged`)) {
			seen++
		}
	}
	if seen != 10 || len(second.New) != 0 {
		t.Errorf("%d seen, %d new", seen, len(second.New))
	}
	if c.Level() == QResync {
		if got := text(second.Vanished); got != "21:23,41,61:62" {
			t.Errorf("vanished %s", got)
		}
	} else if got := text(second.Present); got != "1:20,24:40,42:60,63:100" {
		t.Errorf("present %s", got)
	}

	boxes, err := c.Overview(ctx)
	must(err)
	found := false
	for _, m := range boxes {
		if m.Name == "dest" {
			found = m.Subscribed && m.Status.Messages == 4 && m.Wire == "INBOX.dest"
		}
	}
	if !found {
		t.Errorf("overview %+v", boxes)
	}
	must(c.Rename(ctx, "Entwürfe/a b", "Archive/a"))
	must(c.Delete(ctx, "Archive/a"))
	must(c.Delete(ctx, "dest"))
	must(c.Noop(ctx))
}

// Twenty mailboxes changed by somebody else cost two turns: one to learn of
// it, one to hear what.
func TestDovecotTurns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	srv := dovecot.Start(t, dovecot.Options{})
	cl, c := connect(t, dovecotOptions(srv, srv.User))
	if _, err := c.Overview(t.Context()); err != nil {
		t.Fatal(err)
	}
	var reqs []ChangesRequest
	for i := range 16 {
		name := fmt.Sprintf("box%d", i)
		if _, err := c.Create(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := c.Append(t.Context(), name, []AppendRequest{request(message(1)), request(message(2))}, func(int, mail.UID, mail.UIDValidity, error) {}); err != nil {
			t.Fatal(err)
		}
		reqs = append(reqs, ChangesRequest{Mailbox: name, ListNew: true})
	}
	for i, ch := range changes(t, c, reqs...) {
		if ch.Err != nil || len(ch.New) != 2 {
			t.Fatalf("%+v", ch)
		}
		reqs[i].Known = ch.Cursor
	}
	before := cl.Stats().RoundTrips
	for _, ch := range changes(t, c, reqs...) {
		if ch.Err != nil || len(ch.New)+len(ch.Flags)+len(ch.Vanished) != 0 {
			t.Errorf("%+v", ch)
		}
	}
	if turns := cl.Stats().RoundTrips - before; turns != 1 {
		t.Errorf("%d turns", turns)
	}
}
