package remote

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// TestReadOnly: no method gets a change through, and what only reads works.
func TestReadOnly(t *testing.T) {
	var mu sync.Mutex
	var told []string
	srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, verb)
		return imaptest.Action{}
	}})
	if err := srv.CreateMailbox("Work"); err != nil {
		t.Fatal(err)
	}
	srv.Append("INBOX", nil, time.Unix(1, 0), []byte("Subject: x\r\n\r\nx"))
	o := dialOptions(srv.Dial)
	o.ReadOnly = true
	flagged := mail.Delta{Add: mail.Flags{System: mail.Flagged}}
	// SELECT is refused, so a selection has to be made up.
	selected := func(c *Conn) *Selection {
		c.selected = selection{mailbox: "INBOX"}
		return &Selection{c: c, mailbox: "INBOX"}
	}
	for name, change := range map[string]func(c *Conn) error{
		"create":      func(c *Conn) error { _, err := c.Create(t.Context(), "New"); return err },
		"delete":      func(c *Conn) error { return c.Delete(t.Context(), "Work") },
		"rename":      func(c *Conn) error { return c.Rename(t.Context(), "Work", "New") },
		"subscribe":   func(c *Conn) error { return c.Subscribe(t.Context(), "Work", true) },
		"unsubscribe": func(c *Conn) error { return c.Subscribe(t.Context(), "Work", false) },
		"select":      func(c *Conn) error { _, err := c.Select(t.Context(), "INBOX", 0); return err },
		"store": func(c *Conn) error {
			_, err := selected(c).Store(t.Context(), []StoreRequest{{UIDs: []mail.UID{1}, Delta: flagged}})
			return err
		},
		"copy":    func(c *Conn) error { _, err := selected(c).Copy(t.Context(), []mail.UID{1}, "Work"); return err },
		"move":    func(c *Conn) error { _, err := selected(c).Move(t.Context(), []mail.UID{1}, "Work"); return err },
		"expunge": func(c *Conn) error { return selected(c).Expunge(t.Context(), []mail.UID{1}) },
		"append": func(c *Conn) error {
			_, err := c.SaysAbsent(t.Context(), "Gone") // begins one
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := connect(t, o)
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.Opens(t.Context(), "INBOX"); err != nil {
				t.Fatal(err)
			}
			if err := change(c); err == nil || !errors.Is(err, errReadOnly) && !strings.Contains(err.Error(), errClosed.Error()) {
				t.Error(err)
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	for _, verb := range told {
		if !onlyReads(verb) {
			t.Errorf("the server was told to %s", verb)
		}
	}
	for line, ok := range map[string]bool{
		"uid fetch 1 (FLAGS)": true, "UID STORE 1 +FLAGS (x)": false, "EXAMINE x": true, "SELECT x": false, "": false, "UID": false,
		"XSTORE 1": false, "NOOP": true, "CLOSE": false, "APPEND x {1}": false, "LIST \"\" *": true,
	} {
		if onlyReads(line) != ok {
			t.Errorf("%q: %v", line, !ok)
		}
	}
}
