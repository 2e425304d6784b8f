package sync_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// otherForm is a message of the same Message-ID that nothing proves to be the same.
func otherForm(content []byte) []byte {
	head, _, _ := bytes.Cut(content, []byte("\r\n\r\n"))
	return fmt.Appendf(nil, "%s\r\nX-Converted: yes\r\n\r\nanother body of another length, as a converter writes it\r\n", head)
}

// TestBrakeOnDoubles: what would be there twice stops a first sync before anything
// is transferred; with a few of them, with other Message-IDs, or when the user says
// so, it goes on.
func TestBrakeOnDoubles(t *testing.T) {
	for _, tc := range []struct {
		name   string
		n      int
		folder string // of the files; the messages are in Work
		form   func([]byte) []byte
		brake  bool
	}{
		{"another folder", 30, "Old", bytes.Clone, true},
		{"another form", 30, "Work", otherForm, true},
		{"few", 20, "Old", bytes.Clone, false},
		{"paired", 30, "Work", bytes.Clone, false},
		{"other mail", 30, "Old", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("Message-ID: <"), []byte("Message-ID: <x")) }, false},
	} {
		for _, pull := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/pull=%v", tc.name, pull), func(t *testing.T) {
				w := newWorld(t, imaptest.Options{})
				w.acct.NoFsync = true
				must(w, w.srv.CreateMailbox("Work"))
				for i := range tc.n {
					m := w.message()
					w.srv.Append("Work", nil, time.Unix(1_700_000_000, 0), m)
					w.plant(tc.folder, fmt.Sprintf("new/1700000000.%d.elsewhere", i), tc.form(m))
				}
				there, here := w.remoteSnapshot(), w.localSnapshot()
				for _, req := range []mailsync.Request{{DryRun: true, Pull: pull}, {Pull: pull}} {
					_, err := w.trySync(req)
					if braked := mail.KindOf(err) == mail.KindBrake; braked != tc.brake {
						t.Fatalf("dry run %v: %v", req.DryRun, err)
					}
					if !tc.brake {
						return
					}
					var e *mail.Error
					if !errors.As(err, &e) || !strings.Contains(e.Err.Error(), fmt.Sprintf("%d new files", tc.n)) || !strings.Contains(e.Hint, "--allow-doubles test") {
						t.Errorf("the brake says %v", err)
					}
					if d := diff(w.remoteSnapshot(), there) + diff(w.localSnapshot(), here); d != "" {
						t.Errorf("a run that was stopped changed something: %s", d)
					}
				}
				if _, err := w.trySync(mailsync.Request{AllowDoubles: true}); err != nil {
					t.Fatal(err)
				}
				if n := len(w.agree()); n == 0 {
					t.Error("nothing is there")
				}
				w.quiet()
			})
		}
	}
}

// TestBrakeOnDoublesAnew: so does a run after which all UIDs are void and the server
// has other forms of its mail.
func TestBrakeOnDoublesAnew(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.acct.NoFsync = true
	var forms [][]byte
	for range 30 {
		m := w.message()
		w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), m)
		forms = append(forms, otherForm(m))
	}
	w.sync()
	must(w, w.srv.RenameMailbox("INBOX", "Before"))
	must(w, w.srv.DeleteMailbox("Before"))
	v, _, _ := w.srv.UIDState("INBOX")
	w.srv.SetUIDValidity("INBOX", v+1)
	for _, f := range forms {
		w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), f)
	}
	before := w.localSnapshot()
	if _, err := w.trySync(mailsync.Request{}); mail.KindOf(err) != mail.KindBrake {
		t.Fatalf("no brake: %v", err)
	}
	if d := diff(w.localSnapshot(), before); d != "" {
		t.Error(d)
	}
}
