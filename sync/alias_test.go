package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// growth runs a few times and fails the test unless each run ends, the server
// holds no more than before, and nothing on disk went. It returns the last
// report and counts the CREATEs.
func (w *world) growth(runs int) (rep *mailsync.Report, creates int) {
	w.t.Helper()
	count := func() (n int) {
		for _, name := range w.srv.Mailboxes() {
			n += len(w.srv.Messages(name))
		}
		return n
	}
	there, here := count(), w.onDisk()
	w.srv.ResetStats()
	for i := range runs {
		var err error
		rep, err = w.trySync(mailsync.Request{})
		must(w, err)
		if n := count(); n > there {
			w.t.Fatalf("run %d: %d messages on the server became %d; problems: %v", i+1, there, n, rep.Problems)
		}
	}
	for path := range here {
		if _, err := os.Stat(path); err != nil {
			w.t.Errorf("a file is gone: %v", err)
		}
	}
	return rep, int(w.srv.Stats().Commands["CREATE"])
}

// onDisk returns the paths of all message files.
func (w *world) onDisk() map[string]bool {
	files := map[string]bool{}
	for _, pattern := range []string{"*", "*/*", "*/*/*"} {
		for _, sub := range []string{"cur", "new"} {
			list, err := filepath.Glob(filepath.Join(w.acct.Maildir, pattern, sub, "*"))
			must(w, err)
			for _, p := range list {
				files[p] = true
			}
		}
	}
	return files
}

// deliverNew makes a folder on disk with so many new messages.
func (w *world) deliverNew(folder string, n int) {
	disk := diskSide{w, rand.New(rand.NewPCG(1, uint64(n)))}
	disk.create(folder)
	for range n {
		disk.deliver(folder, w.message(), []string{`\Seen`})
	}
}

// said reports whether a problem names a mailbox, and has a hint.
func said(rep *mailsync.Report, mailbox string) bool {
	return slices.ContainsFunc(rep.Problems, func(p mailsync.Problem) bool { return p.Mailbox == mailbox && p.Hint != "" })
}

// TestAliases: a folder whose name leads to a mailbox that has a name of its
// own is told of in every run, nothing of it goes up, and the server is not asked
// again to make it. The mailbox itself goes on.
func TestAliases(t *testing.T) {
	lower := func(s string) string {
		if strings.EqualFold(s, "Work") {
			return "Work"
		}
		return s
	}
	for _, tc := range []struct {
		name     string
		o        imaptest.Options
		mailbox  string // on the server
		folder   string // on disk
		creates  int    // how often it may be tried to make it: what nobody lists, in two runs
		canonic  string // of mailbox
		makesNew string // what CREATE makes instead
	}{
		{"namespace", imaptest.Options{Prefix: "INBOX.", Delimiter: '.'}, "INBOX.Work", "INBOX/Work", 0, "Work", ""},
		{"namespace of slashes", imaptest.Options{Prefix: "INBOX/"}, "INBOX/Work", "INBOX/Work", 0, "Work", ""},
		{"case", imaptest.Options{Spell: lower}, "Work", "work", 2, "Work", ""},
		{"case, echoed", imaptest.Options{Spell: lower, EchoNames: true}, "Work", "work", 1, "Work", ""},
		{"blank", imaptest.Options{Spell: strings.TrimSpace}, "Work", "Work ", 2, "Work", ""},
		{"alias", imaptest.Options{Spell: func(s string) string { return strings.Replace(s, "Sent Items", "Sent", 1) }}, "Sent", "Sent Items", 2, "Sent", ""},
		{"another name is stored", imaptest.Options{Spell: func(s string) string { return strings.ReplaceAll(s, "!", "_") }}, "Work", "a!b", 2, "Work", "a_b"},
	} {
		for _, caps := range []imaptest.Caps{imaptest.DefaultCaps, imaptest.DefaultCaps.Without(imaptest.CapListStatus, imaptest.CapListExtended)} {
			t.Run(fmt.Sprintf("%s, %v", tc.name, caps.Has(imaptest.CapListStatus)), func(t *testing.T) {
				tc.o.Caps = caps
				w := newWorld(t, tc.o)
				must(w, w.srv.CreateMailbox(tc.mailbox))
				for range 3 {
					w.srv.Append(tc.mailbox, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				}
				w.sync()
				w.deliverNew(tc.folder, 1)
				rep, creates := w.growth(4)
				if !said(rep, tc.folder) {
					t.Errorf("nothing is said of %q: %v", tc.folder, rep.Problems)
				}
				if creates > tc.creates {
					t.Errorf("%d CREATEs", creates)
				}
				if tc.makesNew != "" && len(w.srv.Messages(tc.makesNew)) > 0 {
					t.Errorf("%s got mail", tc.makesNew)
				}
				// What the name leads to is synced as ever.
				w.srv.Append(tc.mailbox, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				if _, err := w.trySync(mailsync.Request{}); err != nil || len(w.files(tc.canonic)) != 4 {
					t.Errorf("%v, %d files in %s", err, len(w.files(tc.canonic)), tc.canonic)
				}
				// A name of its own, and all is well.
				from, err := w.disk().Dir(tc.folder)
				must(w, err)
				to, err := w.disk().Dir("Elsewhere")
				must(w, err)
				must(w, os.Rename(from, to))
				w.sync()
				w.quiet()
				if n := len(w.srv.Messages(w.wire("Elsewhere"))); n != 1 {
					t.Errorf("%d messages went up in the end", n)
				}
			})
		}
	}
}

// TestAliasedMove: files that are moved into such a folder stay on the server
// where they were.
func TestAliasedMove(t *testing.T) {
	w := newWorld(t, imaptest.Options{Prefix: "INBOX.", Delimiter: '.'})
	must(w, w.srv.CreateMailbox("INBOX.Sent"))
	must(w, w.srv.CreateMailbox("INBOX.Other"))
	for range 5 {
		w.srv.Append("INBOX.Sent", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	}
	w.sync()
	must(w, os.MkdirAll(filepath.Join(w.acct.Maildir, "INBOX"), 0o700))
	must(w, os.Rename(filepath.Join(w.acct.Maildir, "Sent"), filepath.Join(w.acct.Maildir, "INBOX", "Sent")))
	planned, err := w.trySync(mailsync.Request{DryRun: true})
	must(w, err)
	if len(planned.Operations) > 0 || !said(planned, "INBOX/Sent") {
		t.Errorf("planned %v; %v", planned.Operations, planned.Problems)
	}
	rep, _ := w.growth(3)
	if !said(rep, "INBOX/Sent") || len(w.srv.Messages("INBOX.Sent")) != 5 {
		t.Errorf("%d messages; %v", len(w.srv.Messages("INBOX.Sent")), rep.Problems)
	}
}

// TestNamesOffline: status knows without the network which names the server can have.
func TestNamesOffline(t *testing.T) {
	for _, o := range []imaptest.Options{{Prefix: "INBOX.", Delimiter: '.'}, {}, {Caps: imaptest.DefaultCaps.Without(imaptest.CapNamespace)}} {
		w := newWorld(t, o)
		must(w, w.srv.CreateMailbox(w.wire("Work")))
		w.sync()
		w.write("New/Deep", []string{string(w.message())})
		if st := w.status(); st.Problem != "" || st.LocalChanges != 2 { // a mailbox and a message
			t.Errorf("%q: %d local changes, %q", o.Prefix, st.LocalChanges, st.Problem)
		}
		if o.Prefix == "" {
			continue
		}
		w.write("INBOX/Work", []string{string(w.message())})
		_, err := w.trySync(mailsync.Request{})
		must(w, err)
		if st := w.status(); !strings.Contains(st.Problem, `the server would take it for "INBOX.Work"`) || st.LocalChanges > 0 {
			t.Errorf("%d local changes, %q", st.LocalChanges, st.Problem)
		}
	}
}

// TestAlikeNames: of two mailboxes of the server that have one name here, the
// same one is synced whatever the order of the list, and the other one is
// told of, and left alone.
func TestAlikeNames(t *testing.T) {
	for _, tc := range []struct {
		name          string
		o             imaptest.Options
		first, second string // on the server
		folder        string
		late          bool // the first comes later, when the second has the name already
	}{
		{"shared", imaptest.Options{Prefix: "INBOX.", Delimiter: '.'}, "INBOX.Work", "Work", "Work", false},
		{"composed", imaptest.Options{}, "Caf\u00e9", "Cafe\u0301", "Caf\u00e9", false},
		{"shared, late", imaptest.Options{Prefix: "INBOX.", Delimiter: '.'}, "INBOX.Work", "Work", "Work", true},
		{"composed, late", imaptest.Options{}, "Caf\u00e9", "Cafe\u0301", "Caf\u00e9", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			held, turn := "", false
			tc.o.Mangle = func(_ *imaptest.Conn, line string) string {
				name := line[strings.LastIndexByte(line, ' ')+1:]
				isList := strings.HasPrefix(line, "* LIST ") && strings.Contains(line, "HasNoChildren") && name != `"INBOX"`
				switch {
				case isList && turn && held == "":
					held = line
					return ""
				case held != "" && (isList || !strings.HasPrefix(line, "* ")):
					line, held = line+"\r\n"+held, ""
					if !isList { // one row only
						rest, tagged, _ := strings.Cut(line, "\r\n")
						line = tagged + "\r\n" + rest
					}
				}
				return line
			}
			w := newWorld(t, tc.o)
			wins, loses := tc.first, tc.second
			if tc.late {
				wins, loses = loses, wins
			}
			for i, name := range []string{wins, loses} {
				if tc.late && i == 1 {
					w.sync()
				}
				must(w, w.srv.CreateMailbox(name))
				w.srv.Append(name, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			}
			_, err := w.trySync(mailsync.Request{})
			must(w, err)
			for i := range 4 {
				turn = i%2 == 1
				w.srv.Append(wins, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				w.deliverNew(tc.folder, 1)
				rep, err := w.trySync(mailsync.Request{})
				must(w, err)
				if !said(rep, loses) {
					t.Errorf("nothing is said of %q: %v", loses, rep.Problems)
				}
				if a, b, l := len(w.srv.Messages(wins)), len(w.srv.Messages(loses)), len(w.files(tc.folder)); a != 3+2*i || b != 1 || l != a {
					t.Fatalf("run %d: %d messages in %q, %d in %q, %d files", i+1, a, wins, b, loses, l)
				}
			}
		})
	}
}

// TestIncompleteList: a list that leaves mailboxes out once, as a proxy does,
// doubles and removes nothing.
func TestIncompleteList(t *testing.T) {
	for _, how := range []string{"known", "first sync", "always, for LIST of all"} {
		for _, policy := range []conflict.MailboxRemoval{conflict.WhenEmpty, conflict.Always} {
			t.Run(fmt.Sprintf("%s, %v", how, policy), func(t *testing.T) {
				lose, rows, lost := 0, 0, 0
				w := newWorld(t, imaptest.Options{
					Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
						if verb == "LIST" && strings.Contains(line, `"*"`) {
							rows = lose
							lose--
						} else if verb == "LIST" {
							rows = 0
						}
						return imaptest.Action{}
					},
					Mangle: func(_ *imaptest.Conn, line string) string {
						if rows > 0 && (strings.HasPrefix(line, "* LIST ") || strings.HasPrefix(line, "* STATUS ")) && strings.Contains(line, "Box") {
							lost++
							return ""
						}
						return line
					},
				})
				w.acct.Policy.MailboxDelete = policy
				for i := range 5 {
					name := fmt.Sprintf("Box%d", i)
					must(w, w.srv.CreateMailbox(name))
					for range 5 {
						w.srv.Append(name, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
					}
				}
				w.sync()
				if how == "first sync" {
					must(w, os.RemoveAll(w.acct.StateDir))
				}
				lose = 1
				if how == "always, for LIST of all" {
					lose = 1000
				}
				w.growth(3)
				if lost == 0 {
					t.Fatal("the list was complete")
				}
				lose = 0
				w.sync()
				w.quiet()
				if r := w.agree(); len(r["Box3"]) != 5 {
					t.Errorf("Box3 has %d", len(r["Box3"]))
				}
			})
		}
	}
}

// TestExistsAfterAll: CREATE says that there is one already, though neither
// the list nor LIST of its name had shown it. It is used as it is.
func TestExistsAfterAll(t *testing.T) {
	var srv *imaptest.Server
	var body []byte
	w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "CREATE" && srv.CreateMailbox("Late") == nil { // another client was faster
			srv.Append("Late", []string{`\Seen`}, time.Unix(1_700_000_000, 0), body)
		}
		return imaptest.Action{}
	}})
	srv, body = w.srv, w.message()
	w.sync()
	disk := diskSide{w, rand.New(rand.NewPCG(1, 1))}
	disk.create("Late")
	disk.deliver("Late", body, []string{`\Seen`})
	w.sync()
	w.quiet()
	if r := w.agree(); len(r["Late"]) != 1 {
		t.Errorf("Late has %d", len(r["Late"]))
	}
}

// TestLevelsAbove: a server that makes the mailboxes above a new one gets the
// sides to agree in the same run.
func TestLevelsAbove(t *testing.T) {
	var srv *imaptest.Server
	w := newWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if verb == "CREATE" && strings.Contains(line, "a/b") {
			_ = srv.CreateMailbox("a")
		}
		return imaptest.Action{}
	}})
	srv = w.srv
	w.sync()
	w.deliverNew("a/b", 1)
	w.sync()
	if r := w.agree(); len(r) != 3 {
		t.Errorf("mailboxes: %v", r)
	}
	w.quiet()
}
