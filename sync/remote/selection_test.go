package remote

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// A selection sends nothing once its connection has another mailbox open,
// however that came about.
func TestDeselected(t *testing.T) {
	elsewhere := map[string]func(c *Conn) error{
		"changes": func(c *Conn) error {
			return c.Resync(t.Context(), []resync.Request{{Mailbox: "Family", ListNew: true}}, func(*resync.Changes) error { return nil })
		},
		"select": func(c *Conn) error { _, err := c.Select(t.Context(), "Family", 0); return err },
		"bodies": func(c *Conn) error {
			_, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "Family", UIDs: []mail.UID{1}}}, func(Body) error { return nil })
			return err
		},
		"there": func(c *Conn) error {
			_, err := c.ExistingUIDs(t.Context(), "Family", 0, mail.UIDSetOf([]mail.UID{1}))
			return err
		},
		"delete": func(c *Conn) error { return c.Delete(t.Context(), "Other") },
		"failed": func(c *Conn) error { _, _ = c.Select(t.Context(), "nowhere", 0); return nil },
		"there, back": func(c *Conn) error {
			_, _ = c.Select(t.Context(), "Family", 0)
			_, err := c.Select(t.Context(), "Work", 0)
			return err
		},
	}
	for name, leave := range elsewhere {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			for _, box := range []string{"Work", "Family", "Other"} {
				if err := srv.CreateMailbox(box); err != nil {
					t.Fatal(err)
				}
			}
			fill(srv, "Work", 3)
			fill(srv, "Family", 3)
			_, c := connect(t, dialOptions(srv.Dial))
			sel := selectBox(t, c, "Work")
			if err := leave(c); err != nil {
				t.Fatal(err)
			}
			uids := []mail.UID{1, 2}
			_, store := sel.Store(t.Context(), []StoreRequest{{UIDs: uids, Delta: mail.Delta{Add: mail.NewFlags(`\Seen`)}}})
			_, move := sel.Move(t.Context(), uids, "Other")
			_, cp := sel.Copy(t.Context(), uids, "Other")
			_, proven := sel.CopyProven(t.Context(), uids, "Other")
			_, discard := sel.Discard(t.Context(), uids, 1)
			_, flags := sel.Flags(t.Context(), uids)
			for op, err := range map[string]error{"store": store, "move": move, "copy": cp, "copy proven": proven, "discard": discard,
				"flags": flags, "remove": sel.Remove(t.Context(), uids), "expunge": sel.Expunge(t.Context(), uids)} {
				if !errors.Is(err, ErrDeselected) {
					t.Errorf("%s: %v", op, err)
				}
			}
			if n := len(srv.Messages("Family")) + len(srv.Messages("Work")); n != 6 {
				t.Errorf("%d messages left", n)
			}
		})
	}
}

// What go-imap writes unasked is not sent: it made COPY, STORE and EXPUNGE of a
// MOVE when the server's capabilities changed behind its back.
func TestGoIMAPUnasked(t *testing.T) {
	for name, call := range map[string]func(c *Conn) error{
		"a command of its own": func(c *Conn) error { c.imap.Expunge(); return c.Noop(t.Context()) },
		"more than was asked": func(c *Conn) error {
			return c.runThrough("move", "INBOX", &command{line: "UID MOVE 1 x"}, func() { c.imap.Move(imap.UIDSetNum(1), "x") })
		},
		"behind what was asked": func(c *Conn) error {
			return c.runThrough("noop", "", &command{line: "NOOP"}, func() { c.imap.Noop(); c.imap.Expunge() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapUIDPlus)})
			fill(srv, "INBOX", 3)
			for _, m := range srv.Messages("INBOX") {
				srv.StoreFlags("INBOX", m.UID, []string{`\Deleted`}, nil)
			}
			_, c := connect(t, dialOptions(srv.Dial))
			selectBox(t, c, "INBOX")
			err := call(c)
			if mail.KindOf(err) != mail.KindConnection {
				err = c.Noop(t.Context()) // the answer was faster than the second command
			}
			if mail.KindOf(err) != mail.KindConnection || !strings.Contains(err.Error(), "nobody asked for") {
				t.Errorf("not ended: %v", err)
			}
			st := srv.Stats().Commands
			if n := st["EXPUNGE"] + st["UID COPY"] + st["UID STORE"]; n != 0 || len(srv.Messages("INBOX")) != 3 {
				t.Errorf("%d commands that nobody asked for, %d messages left", n, len(srv.Messages("INBOX")))
			}
		})
	}
}

// Capabilities that change while a session lasts do not make a MOVE anything
// else.
func TestCapabilitiesChange(t *testing.T) {
	srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "NOOP" {
			return imaptest.Action{Before: "* CAPABILITY IMAP4rev1\r\n"}
		}
		return imaptest.Action{}
	}})
	uids := fill(srv, "INBOX", 4)
	srv.StoreFlags("INBOX", uint32(uids[3]), []string{`\Deleted`}, nil) // somebody else's
	if err := srv.CreateMailbox("dest"); err != nil {
		t.Fatal(err)
	}
	_, c := connect(t, dialOptions(srv.Dial))
	sel := selectBox(t, c, "INBOX")
	if err := c.Noop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sel.Move(t.Context(), uids[:1], "dest"); !errors.Is(err, ErrOthersDeleted) {
		t.Errorf("move: %v", err)
	}
	if n := len(srv.Messages("INBOX")); n != 4 {
		t.Errorf("%d messages left", n)
	}
}
