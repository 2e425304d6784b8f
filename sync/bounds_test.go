package sync

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

// TestReportHasAnEnd: of many problems some are listed, at least one of each kind,
// and the rest is counted; long texts are cut.
func TestReportHasAnEnd(t *testing.T) {
	r := newReport("home", false, time.Time{})
	for range 2 { // the same ones again are none
		for i := range 5000 {
			r.problem("INBOX", fmt.Sprint(i), &mail.Error{Op: "fetch", Kind: mail.KindMessage, Err: errors.New("not sent")})
		}
	}
	r.problem("Work", "", &mail.Error{Op: "open", Kind: mail.KindBrake, Err: errors.New(strings.Repeat("é", 1<<20))})
	for i := range 1000 {
		r.notice("fact %d", i)
	}
	r.finish(time.Time{})
	if n := len(r.Problems); n != mostListed+2 {
		t.Fatalf("%d problems", n)
	}
	if last := r.Problems[mostListed+1].Error; !strings.Contains(last, "4800 more problems") {
		t.Errorf("the last is %q", last)
	}
	brake := r.Problems[mostListed]
	if brake.Kind != mail.KindBrake.String() || len(brake.Error) > mostText+100 || !strings.Contains(brake.Error, "bytes]") || mail.KindOf(brake.Err()) != mail.KindBrake {
		t.Errorf("the brake is %.80q of %d bytes", brake.Error, len(brake.Error))
	}
	if n := len(r.Notices); n != mostListed {
		t.Errorf("%d notices", n)
	}
}

func TestLivesBelow(t *testing.T) {
	var list []remote.Mailbox
	for _, name := range []string{"a", "a/b", "a b/c", "ab/c", "d/e/f", "g"} {
		b := remote.Mailbox{Name: name, Selectable: true}
		b.Status.UIDValidity = 1
		list = append(list, b)
	}
	list = append(list, remote.Mailbox{Name: "h/i", Selectable: true})
	living := withStatus(list)
	for name, want := range map[string]bool{"a": true, "a/b": false, "ab": true, "a b": true, "d": true, "d/e": true, "d/e/f": false, "g": false, "h": false, "": false} {
		if livesBelow(living, name) != want {
			t.Errorf("%q: want %t", name, want)
		}
	}
}

// TestReportNamesWhatEndedIt: the error that stopped the account is listed, however
// many problems of its kind were met before.
func TestReportNamesWhatEndedIt(t *testing.T) {
	e, err := New(Account{Name: "home", Host: "127.0.0.1", Maildir: t.TempDir(), StateDir: filepath.Join(t.TempDir(), "no")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := newReport("home", false, time.Time{})
	kind := func() error { return &mail.Error{Op: "open", Kind: mail.KindAccount, Err: errors.New("no")} }
	for i := range mostListed + 10 {
		r.problem("INBOX", fmt.Sprint(i), kind())
	}
	e.conclude(r, fmt.Errorf("the last: %w", kind()))
	if first := r.Problems[0]; !strings.Contains(first.Error, "the last") {
		t.Errorf("the first problem is %q", first.Error)
	}
	if last := r.Problems[len(r.Problems)-1].Error; !strings.Contains(last, "10 more problems") {
		t.Errorf("the last is %q", last)
	}
}
