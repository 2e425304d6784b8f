package remote

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// TestDeleteEmpty: a mailbox goes only right behind an answer that says that it holds
// nothing, whatever a list said before, and its subscription goes with it.
func TestDeleteEmpty(t *testing.T) {
	for name, x := range map[string]struct {
		status string // what is answered in place of the server's STATUS; empty: that
		filled bool
		gone   bool
	}{
		"empty":         {"", false, true},
		"new mail":      {"", true, false},
		"not answered":  {"* OK later", false, false},
		"tells nothing": {"* STATUS Work ()", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var verbs []string
			srv := newServer(t, imaptest.Options{
				Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
					mu.Lock()
					defer mu.Unlock()
					verbs = append(verbs, verb)
					return imaptest.Action{}
				},
				Mangle: func(_ *imaptest.Conn, line string) string {
					if x.status != "" && strings.HasPrefix(line, "* STATUS") {
						return x.status
					}
					return line
				}})
			if err := srv.CreateMailbox("Work"); err != nil {
				t.Fatal(err)
			}
			_, c := connect(t, dialOptions(srv.Dial))
			selectBox(t, c, "INBOX")
			if err := c.Subscribe(t.Context(), "Work", true); err != nil {
				t.Fatal(err)
			}
			if x.filled {
				srv.Append("Work", nil, time.Time{}, []byte("Subject: x\r\n\r\n"))
			}
			err := c.DeleteEmpty(t.Context(), "Work")
			if gone := !slices.Contains(srv.Mailboxes(), "Work"); gone != x.gone || gone != (err == nil) || !gone && !errors.Is(err, mail.ErrChanged) {
				t.Errorf("gone %v: %v", gone, err)
			}
			if srv.Subscribed("Work") == x.gone {
				t.Errorf("subscribed %v", !x.gone)
			}
			if err := c.Noop(t.Context()); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if i := slices.Index(verbs, "DELETE"); i >= 0 != x.gone || i > 0 && verbs[i-1] != "STATUS" {
				t.Errorf("sent %v", verbs)
			}
		})
	}
}
