package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/resync"
)

func dovecotOptions(srv *dovecot.Server, user string) Options {
	host, port, _ := net.SplitHostPort(srv.Addr())
	n, _ := strconv.Atoi(port)
	return Options{Host: host, Port: n, TLS: dial.Clear, User: user, Password: password(srv.Password), Timeout: 20 * time.Second}
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

// walker does with one connection all that a sync does.
type walker struct {
	*testing.T
	ctx   context.Context
	c     *Conn
	uids  []mail.UID      // of 100 messages
	first *resync.Changes // what was listed of them
}

func (w *walker) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v (%s)", err, mail.HintOf(err))
	}
}

func walk(t *testing.T, cl *Client, c *Conn) {
	w := &walker{T: t, ctx: t.Context(), c: c}
	_, err := c.ListMailboxes(w.ctx)
	w.must(err)
	if s := cl.Stats(); s.RoundTrips > 4 { // three of them are SCRAM's
		t.Errorf("opening took %d turns", s.RoundTrips)
	}
	for _, name := range []string{"Entwürfe/a b", "Entwürfe/a b", "dest"} {
		_, err := c.Create(w.ctx, name)
		w.must(err)
	}
	w.must(c.Subscribe(w.ctx, "dest", true))
	w.appends()
	w.fetches()
	w.changes()
	w.seesChanges()
	w.lists()
	w.must(c.Rename(w.ctx, "Entwürfe/a b", "Archive/a"))
	w.must(c.Delete(w.ctx, "Archive/a"))
	w.must(c.Delete(w.ctx, "dest"))
	w.must(c.Noop(w.ctx))
}

// appends appends 100 messages, one of them large, and lists them.
func (w *walker) appends() {
	w.Helper()
	var reqs []AppendRequest
	for i := range 100 {
		reqs = append(reqs, request(message(i), `\Flagged`, "$Forwarded", "kw"))
	}
	reqs[50] = request(bytes.Repeat([]byte("large line of text\r\n"), 150_000))
	w.must(w.c.Append(w.ctx, "Entwürfe/a b", reqs, func(_ int, uid mail.UID, _ mail.UIDValidity, err error) {
		w.must(err)
		w.uids = append(w.uids, uid)
	}))
	w.first = one(w.T, w.c, resync.Request{Mailbox: "Entwürfe/a b", ListNew: true})
	if len(w.first.New) != 100 || w.first.New[50].Size != reqs[50].Size || w.first.New[3].Date != 1700000000 ||
		w.first.New[3].Flags.String() != `$Forwarded \Flagged kw` && !w.first.New[3].Flags.Equal(mail.NewFlags(`\Flagged`, "$Forwarded", "kw")) {
		w.Fatalf("%d new, %+v", len(w.first.New), w.first.New[3])
	}
}

// fetches fetches all bodies, and parts of two.
func (w *walker) fetches() {
	w.Helper()
	got := map[mail.UID][]byte{}
	failed, err := w.c.FetchBodies(w.ctx, []BodyRequest{{Mailbox: "Entwürfe/a b", UIDValidity: w.first.Cursor.UIDValidity, UIDs: w.uids}}, func(b Body) error {
		data, err := io.ReadAll(b)
		got[b.UID] = data
		return err
	})
	w.must(err)
	if len(got) != 100 || len(failed) != 0 || !bytes.Equal(got[w.uids[7]], message(7)) {
		w.Errorf("%d bodies, failed %v", len(got), failed)
	}
	_, err = w.c.FetchSamples(w.ctx, []SampleRequest{{Mailbox: "Entwürfe/a b", Items: []SampleItem{{w.uids[1], 0, 20}, {w.uids[2], 5, 10}}}}, func(_ string, p Sample) error {
		if i := int(p.UID - w.uids[0]); p.MessageID != fmt.Sprintf("<m%d@example.org>", i) || len(p.Part) == 0 || !bytes.Contains(message(i), p.Part) {
			w.Errorf("sample %+v", p)
		}
		return nil
	})
	w.must(err)
}

// changes changes flags, moves and removes.
func (w *walker) changes() {
	w.Helper()
	sel := selectBox(w.T, w.c, "Entwürfe/a b")
	res, err := sel.Store(w.ctx, []StoreRequest{
		{UIDs: w.uids[:10], Delta: mail.Delta{Add: mail.NewFlags(`\Seen`), Remove: mail.NewFlags(`\Flagged`)}, UnchangedSince: w.first.Cursor.HighestModSeq},
		{UIDs: w.uids[:5], Delta: mail.Delta{Add: mail.NewFlags("late")}, UnchangedSince: w.first.Cursor.HighestModSeq},
	})
	w.must(err)
	if res[0].Err != nil || len(res[0].Modified) != 0 || w.c.Abilities().Level > resync.Plain && len(res[1].Modified) != 5 {
		w.Errorf("store %+v", res)
	}
	mv, err := sel.Move(w.ctx, []mail.UID{w.uids[20], w.uids[22], w.uids[21], w.uids[40]}, "dest")
	w.must(err)
	if len(mv.Pairs) != 4 {
		w.Errorf("move %+v", mv)
	}
	w.must(sel.Remove(w.ctx, []mail.UID{w.uids[60], w.uids[61]}))
}

// seesChanges checks that a second listing names what changed.
func (w *walker) seesChanges() {
	w.Helper()
	second := one(w.T, w.c, resync.Request{Mailbox: "Entwürfe/a b", Known: w.first.Cursor, ListNew: true, Expunges: true})
	seen := 0
	for _, f := range second.Flags {
		if f.Flags.Has(mail.NewFlags(`\Seen`)) && !f.Flags.Has(mail.NewFlags(`\Flagged`)) {
			seen++
		}
	}
	if seen != 10 || len(second.New) != 0 {
		w.Errorf("%d seen, %d new", seen, len(second.New))
	}
	if w.c.Abilities().Level == resync.QResync {
		if got := text(second.Vanished); got != "21:23,41,61:62" {
			w.Errorf("vanished %s", got)
		}
	} else if got := text(second.Present); got != "1:20,24:40,42:60,63:100" {
		w.Errorf("present %s", got)
	}
}

// lists checks what is listed of one mailbox.
func (w *walker) lists() {
	w.Helper()
	boxes, err := w.c.ListMailboxes(w.ctx)
	w.must(err)
	found := false
	for _, m := range boxes {
		if m.Name == "dest" {
			found = m.Subscribed && m.Status.Messages == 4 && m.Wire == "INBOX.dest"
		}
	}
	if !found {
		w.Errorf("list %+v", boxes)
	}
}

// Twenty mailboxes changed by somebody else cost two turns: one to learn of
// it, one to hear what.
func TestDovecotTurns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	srv := dovecot.Start(t, dovecot.Options{})
	cl, c := connect(t, dovecotOptions(srv, srv.User))
	if _, err := c.ListMailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	var reqs []resync.Request
	for i := range 16 {
		name := fmt.Sprintf("box%d", i)
		if _, err := c.Create(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := c.Append(t.Context(), name, []AppendRequest{request(message(1)), request(message(2))}, func(int, mail.UID, mail.UIDValidity, error) {}); err != nil {
			t.Fatal(err)
		}
		reqs = append(reqs, resync.Request{Mailbox: name, ListNew: true})
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
