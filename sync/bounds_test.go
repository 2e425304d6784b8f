package sync

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/sync/account"
	"satchel/sync/mail"
	"satchel/sync/report"
)

// TestReportNamesWhatEndedIt: the error that stopped the account is listed, however
// many problems of its kind were met before.
func TestReportNamesWhatEndedIt(t *testing.T) {
	e, err := New(account.Account{Name: "home", Host: "127.0.0.1", Maildir: t.TempDir(), StateDir: filepath.Join(t.TempDir(), "no")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := report.New("home", false, time.Time{})
	kind := func() error { return &mail.Error{Op: "open", Kind: mail.KindAccount, Err: errors.New("no")} }
	for i := range report.MostListed + 10 {
		r.Problem("INBOX", fmt.Sprint(i), kind())
	}
	e.conclude(r, fmt.Errorf("the last: %w", kind()))
	if first := r.Problems[0]; !strings.Contains(first.Error, "the last") {
		t.Errorf("the first problem is %q", first.Error)
	}
	if last := r.Problems[len(r.Problems)-1].Error; !strings.Contains(last, "10 more problems") {
		t.Errorf("the last is %q", last)
	}
}
