package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"satchel/sync/mail"
)

// TestReportHasAnEnd: of many problems some are listed, at least one of each kind,
// and the rest is counted; long texts are cut.
func TestReportHasAnEnd(t *testing.T) {
	r := New("home", false, time.Time{})
	for range 2 { // the same ones again are none
		for i := range 5000 {
			r.Problem("INBOX", fmt.Sprint(i), &mail.Error{Op: "fetch", Kind: mail.KindMessage, Err: errors.New("not sent")})
		}
	}
	r.Problem("Work", "", &mail.Error{Op: "open", Kind: mail.KindBrake, Err: errors.New(strings.Repeat("é", 1<<20))})
	for i := range 1000 {
		r.Notice("fact %d", i)
	}
	r.Finish(time.Time{})
	if n := len(r.Problems); n != MostListed+2 {
		t.Fatalf("%d problems", n)
	}
	if last := r.Problems[MostListed+1].Error; !strings.Contains(last, "4800 more problems") {
		t.Errorf("the last is %q", last)
	}
	brake := r.Problems[MostListed]
	if brake.Kind != mail.KindBrake.String() || len(brake.Error) > mostText+100 || !strings.Contains(brake.Error, "bytes]") || mail.KindOf(brake.Err()) != mail.KindBrake {
		t.Errorf("the brake is %.80q of %d bytes", brake.Error, len(brake.Error))
	}
	if n := len(r.Notices); n != MostListed {
		t.Errorf("%d notices", n)
	}
}
