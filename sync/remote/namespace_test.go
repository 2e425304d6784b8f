package remote

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/remote/names"
)

// TestNamespaceNotJudged: where the mailboxes that are known cannot be learned, a
// server that tells another namespace than before keeps its names, and what was
// remembered.
func TestNamespaceNotJudged(t *testing.T) {
	srv := newServer(t, imaptest.Options{Prefix: "INBOX.", Delimiter: '.', Mangle: func(_ *imaptest.Conn, line string) string {
		if strings.HasPrefix(line, "* NAMESPACE") {
			return `* NAMESPACE (("" ".")) NIL NIL`
		}
		return line
	}})
	if err := srv.CreateMailbox("INBOX.Work"); err != nil {
		t.Fatal(err)
	}
	cl, c := connect(t, dialOptions(srv.Dial))
	before := names.Namespace{Prefix: "INBOX.", Delim: "."}.String()
	if err := cl.Remember(before, func() (map[string]bool, error) { return nil, errors.New("damaged") }); err != nil {
		t.Fatal(err)
	}
	list, err := c.ListMailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list, func(m Mailbox) bool { return m.Name == "Work" }) || cl.Namespace() != before {
		t.Errorf("%+v, remembered %q", list, cl.Namespace())
	}
}
