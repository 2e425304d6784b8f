package sync_test

import (
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// TestIncludeOfNothing: a configuration that chooses no mailbox is wrong, and says
// which names are near; one name of several that stands for nothing is a problem.
func TestIncludeOfNothing(t *testing.T) {
	for _, x := range []struct {
		include, exclude []string
		kind             mail.Kind // of the error; with none, of the problem
		fails            bool
		problems         int
		hint             string
	}{
		{[]string{"INBX"}, nil, mail.KindConfig, true, 0, "INBOX"},
		{[]string{"List/*"}, nil, mail.KindConfig, true, 0, "Lists"},
		{[]string{"*"}, []string{"*"}, mail.KindConfig, true, 0, ""},
		{[]string{"INBOX", "Lists.go", "Wark"}, nil, mail.KindMailbox, false, 2, "Lists/go"},
		{[]string{"inbox", "Nothing/*", "Lists/%"}, nil, 0, false, 0, ""},
		{[]string{"INBOX", "Work"}, []string{"Work"}, 0, false, 0, ""},
	} {
		t.Run(strings.Join(x.include, " "), func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			for _, name := range []string{"Work", "Lists", "Lists/go"} {
				must(w, w.srv.CreateMailbox(name))
			}
			w.acct.Include, w.acct.Exclude = x.include, x.exclude
			for _, dry := range []bool{true, false, false} {
				rep, err := w.trySync(mailsync.Request{DryRun: dry})
				if x.fails {
					if mail.KindOf(err) != x.kind || !strings.Contains(mail.HintOf(err), x.hint) {
						t.Errorf("error %v, hint %q", err, mail.HintOf(err))
					}
					continue
				}
				must(w, err)
				if len(rep.Problems) != x.problems {
					t.Fatalf("problems %+v", rep.Problems)
				}
				if x.problems > 0 && (mail.KindOf(rep.Problems[0].Err()) != x.kind || !strings.Contains(rep.Problems[0].Hint, x.hint)) {
					t.Errorf("%+v", rep.Problems[0])
				}
			}
		})
	}
}
