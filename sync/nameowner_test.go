package sync_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// switchable is what a hook reads while a test changes it.
type switchable struct {
	mu sync.Mutex
	on bool
}

func (s *switchable) set(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.on = on }

func (s *switchable) is() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.on }

// TestSharedTakesName: where a personal mailbox goes, a shared one that has
// its name without the prefix does not become it: nothing of the one goes into
// the other. The personal one comes back with what the Maildir has of it.
func TestSharedTakesName(t *testing.T) {
	w := newWorld(t, imaptest.Options{Prefix: "INBOX.", Delimiter: '.', Mangle: func(_ *imaptest.Conn, line string) string {
		if strings.HasPrefix(line, "* NAMESPACE") {
			return `* NAMESPACE (("INBOX." ".")) NIL (("" "."))`
		}
		return line
	}})
	w.acct.MaxDeletePct = 100
	must(w, w.srv.CreateMailbox("INBOX.Work"))
	for range 3 {
		w.srv.Append("INBOX.Work", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	}
	w.sync()
	must(w, w.srv.DeleteMailbox("INBOX.Work"))
	must(w, w.srv.CreateMailbox("Work"))
	w.srv.Append("Work", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	for range 3 {
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if !said(rep, "Work") {
			t.Errorf("nothing is said: %v", rep.Problems)
		}
		if a, b, files := len(w.srv.Messages("Work")), len(w.srv.Messages("INBOX.Work")), len(w.files("Work")); a != 1 || b != 3 || files != 3 {
			t.Fatalf("%d messages in the shared mailbox, %d in the personal one, %d files", a, b, files)
		}
	}
}

// TestNamespaceForgotten: a server that does not tell its namespaces, or tells
// others for a while, keeps its names here.
func TestNamespaceForgotten(t *testing.T) {
	for name, answer := range map[string]string{
		"none":  "",
		"empty": `* NAMESPACE (("" ".")) NIL NIL`,
		"nil":   `* NAMESPACE NIL NIL NIL`,
	} {
		t.Run(name, func(t *testing.T) {
			var forgets switchable
			w := newWorld(t, imaptest.Options{Prefix: "INBOX.", Delimiter: '.', Mangle: func(_ *imaptest.Conn, line string) string {
				if forgets.is() && strings.HasPrefix(line, "* NAMESPACE") {
					return answer
				}
				return line
			}})
			w.acct.MaxDeletePct = 100
			for _, box := range []string{"INBOX.Work", "INBOX.Lists.go"} {
				must(w, w.srv.CreateMailbox(box))
				for range 3 {
					w.srv.Append(box, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
				}
			}
			w.sync()
			for _, on := range []bool{true, true, false} {
				forgets.set(on)
				w.srv.Append("INBOX.Work", nil, time.Unix(1_700_000_000, 0), w.message())
				w.deliverNew("Lists/go", 1)
				rep := w.sync()
				if rep.Counts["download"] != 1 || rep.Counts["upload"] != 1 || len(rep.Counts) > 2 {
					t.Fatalf("forgets %v: did %v", on, rep.Counts)
				}
				w.quiet()
			}
			w.agree()
		})
	}
}

// oddRename is a server that does something else than it was told.
type oddRename struct {
	name, to string
	o        imaptest.Options
	nothing  bool // the server says OK and does nothing
}

// TestRenameVerified: a RENAME that the server carries out otherwise, or not
// at all, is found out by its list. No message is lost or doubled.
func TestRenameVerified(t *testing.T) {
	for _, tc := range []oddRename{
		{"another name is stored", "a!b", imaptest.Options{Spell: func(s string) string { return strings.ReplaceAll(s, "!", "_") }}, false},
		{"nothing is renamed", "Other", imaptest.Options{}, true},
		{"case", "work", imaptest.Options{Spell: func(s string) string {
			if strings.EqualFold(s, "work") {
				return "Work"
			}
			return s
		}}, false},
	} {
		for _, id := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %v", tc.name, id), func(t *testing.T) { tc.isVerified(t, id) })
		}
	}
}

func (tc oddRename) isVerified(t *testing.T, id bool) {
	o := tc.o
	o.Caps = imaptest.DefaultCaps
	if id {
		o.Caps = o.Caps.With(imaptest.CapObjectID)
	}
	renames := 0
	var mu sync.Mutex
	o.Hook = func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		mu.Lock()
		defer mu.Unlock()
		if verb == "RENAME" {
			renames++
			if tc.nothing {
				return imaptest.Action{Reply: "OK done"}
			}
		}
		return imaptest.Action{}
	}
	w := newWorld(t, o)
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	must(w, w.srv.CreateMailbox("Work"))
	for range 3 {
		w.srv.Append("Work", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	}
	w.sync()
	w.mv("Work", tc.to)
	for range 4 {
		_, err := w.trySync(mailsync.Request{})
		must(w, err)
	}
	if tc.nothing { // the server may be behind, for a day
		if n := len(w.srv.Messages("Work")); n != 3 {
			t.Errorf("%d messages are where they were", n)
		}
		now = now.Add(25 * time.Hour)
		for range 2 {
			w.sync()
		}
		if n := len(w.srv.Messages(tc.to)); n != 3 {
			t.Errorf("%d messages have followed", n)
		}
	}
	w.threeOnBoth()
	mu.Lock()
	defer mu.Unlock()
	if renames == 0 || renames > 2 {
		t.Errorf("%d RENAMEs", renames)
	}
}

// threeOnBoth checks that three messages are on each side, wherever.
func (w *world) threeOnBoth() {
	w.t.Helper()
	there := 0
	for _, box := range w.srv.Mailboxes() {
		there += len(w.srv.Messages(box))
	}
	here := 0
	for _, folder := range w.folders() {
		here += len(w.files(folder))
	}
	if there != 3 || here != 3 {
		w.t.Errorf("%d messages on the server, %d on disk: %v", there, here, w.srv.Mailboxes())
	}
}

// TestNameWithoutUIDValidity: of a mailbox that came to the name of another one and
// of which the server refuses to tell the UIDVALIDITY it is not known whether it is
// that one: it is left as it is, and none is made in its place.
func TestNameWithoutUIDValidity(t *testing.T) {
	var refuses switchable
	w := newWorld(t, imaptest.Options{Prefix: "INBOX.", Delimiter: '.', Caps: imaptest.DefaultCaps.Without(imaptest.CapListStatus),
		Mangle: func(_ *imaptest.Conn, line string) string {
			if strings.HasPrefix(line, "* NAMESPACE") {
				return `* NAMESPACE (("INBOX." ".") ("" ".")) NIL NIL`
			}
			return line
		},
		Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
			if verb == "STATUS" && refuses.is() && strings.Contains(line, "Work") && !strings.Contains(line, "INBOX.Work") {
				return imaptest.Action{Reply: "NO not now"}
			}
			return imaptest.Action{}
		}})
	w.acct.MaxDeletePct = 100
	must(w, w.srv.CreateMailbox("INBOX.Work"))
	for range 3 {
		w.srv.Append("INBOX.Work", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	}
	w.sync()
	must(w, w.srv.DeleteMailbox("INBOX.Work"))
	must(w, w.srv.CreateMailbox("Work"))
	w.srv.Append("Work", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
	refuses.set(true)
	for range 2 {
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		if boxes, files := w.srv.Mailboxes(), len(w.files("Work")); files != 3 || len(boxes) != 2 || !said(rep, "Work") {
			t.Fatalf("the server has %q, %d files: %v", boxes, files, texts(rep))
		}
	}
	refuses.set(false)
	_, err := w.trySync(mailsync.Request{})
	must(w, err)
	if a, b, files := len(w.srv.Messages("Work")), len(w.srv.Messages("INBOX.Work")), len(w.files("Work")); a != 1 || b != 3 || files != 3 {
		t.Fatalf("%d messages in the one mailbox, %d in the other, %d files", a, b, files)
	}
}
