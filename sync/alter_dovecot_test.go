package sync_test

import (
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest/dovecot"
)

// TestDovecotAlters: Dovecot drops the CR at the end of a message and a CR before
// CRLF, and ends every line in CRLF. What goes up there, and what another client put
// there and comes down, is there once after a lost state, and no check or repair
// changes that.
func TestDovecotAlters(t *testing.T) {
	w := onDovecot(t, dovecot.Options{})
	w.acct.NoFsync = true
	w.sync()
	files := w.written()
	for range 3 {
		files = append(files, strings.ReplaceAll(string(w.message()), "\r\n", "\n")+"\r", string(w.message())+"\r\r\n\r")
	}
	w.write("INBOX", files)
	rep := w.sync()
	if rep.Counts["upload"] != len(files) || rep.Counts["download"] > 0 {
		t.Fatalf("did %v", rep.Counts)
	}
	// The mirror has what Dovecot made of them.
	m := w.mirror("mirror")
	m.sync()
	same := func(w *world, when string) {
		t.Helper()
		w.quiet()
		if n := len(w.files("INBOX")); n != len(files) {
			t.Errorf("%s: %d files, want %d", when, n, len(files))
		}
		if rep := w.check(mailsync.CheckRequest{Repair: true}); len(rep.Findings) > 0 {
			t.Errorf("%s: findings %+v", when, rep.Findings)
		}
		w.quiet()
	}
	same(w, "the uploads")
	same(m, "the mirror")
	for _, w := range []*world{w, m} {
		w.lose(0)
		same(w, "after a lost state")
	}
	same(m, "the mirror in the end")
}
