package sync_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestMaildirBroughtBack: mail that arrived after a backup was made is not
// removed from the server when the backup is brought back.
func TestMaildirBroughtBack(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	must(w, w.srv.CreateMailbox("Archive"))
	for range 10 {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.sync()
	backup := w.acct.Maildir + ".backup"
	must(w, exec.Command("cp", "-a", w.acct.Maildir, backup).Run())
	for range 5 {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.srv.StoreFlags("INBOX", 3, []string{`\Flagged`}, nil)
	w.srv.Move("INBOX", 4, "Archive")
	w.sync()
	want := w.agree()

	must(w, os.RemoveAll(w.acct.Maildir))
	must(w, os.Rename(backup, w.acct.Maildir))
	w.store = nil
	rep := w.sync()
	for _, op := range []string{"remote-remove", "remote-flags", "remote-move", "upload"} {
		if rep.Counts[op] > 0 {
			t.Errorf("an old copy changed the server: %v", rep.Counts)
		}
	}
	if d := diff(w.agree(), want); d != "" {
		t.Error(d)
	}
	w.quiet()
}

// TestMaildirBroughtBackInPart: a run of one mailbox leaves what the others lack to
// a run of all; until then check finds nothing wrong, mends nothing, and no mail is
// taken for removed.
func TestMaildirBroughtBackInPart(t *testing.T) {
	for name, req := range map[string]mailsync.Request{"one mailbox": {Mailboxes: []string{"Archive"}}, "push": {Push: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			must(w, w.srv.CreateMailbox("Archive"))
			w.srv.Append("INBOX", nil, time.Now(), w.message())
			w.sync()
			backup := w.acct.Maildir + ".backup"
			must(w, exec.Command("cp", "-a", w.acct.Maildir, backup).Run())
			w.srv.Append("INBOX", nil, time.Now(), w.message())
			w.srv.StoreFlags("INBOX", 1, []string{`\Flagged`}, nil)
			w.sync()
			want := w.agree()
			must(w, os.RemoveAll(w.acct.Maildir))
			must(w, os.Rename(backup, w.acct.Maildir))
			w.store = nil
			if _, err := w.trySync(req); err != nil {
				t.Fatal(err)
			}
			for _, repair := range []bool{false, true} {
				for _, f := range w.check(mailsync.CheckRequest{Repair: repair}).Findings {
					if f.Kind == mailsync.FoundState {
						t.Errorf("check finds %+v", f)
					}
				}
			}
			rep := w.sync()
			if d := diff(w.agree(), want); d != "" || rep.Counts["remote-remove"]+rep.Counts["remote-flags"] > 0 {
				t.Errorf("did %v: %s", rep.Counts, d)
			}
			w.quiet()
		})
	}
}

// TestMailboxRenamedAndMadeAgain: the messages are found again under the new
// name, though the old name means another mailbox now.
func TestMailboxRenamedAndMadeAgain(t *testing.T) {
	for name, change := range map[string]func(*world){
		"made again": func(w *world) {
			must(w, w.srv.RenameMailbox("A", "X"))
			must(w, w.srv.CreateMailbox("A"))
		},
		"rotated": func(w *world) {
			must(w, w.srv.RenameMailbox("B", "C"))
			must(w, w.srv.RenameMailbox("A", "B"))
		},
		"inbox": func(w *world) { must(w, w.srv.RenameMailbox("INBOX", "Old")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			for _, b := range []string{"A", "B"} {
				must(w, w.srv.CreateMailbox(b))
			}
			for i := range 12 {
				w.srv.Append([]string{"A", "B", "INBOX"}[i%3], []string{`\Seen`}, time.Unix(1700000000+int64(i), 0), w.message())
			}
			w.sync()
			change(w)
			rep := w.sync()
			n := 0
			for _, l := range w.agree() {
				n += len(l)
			}
			if n != 12 || rep.Counts["upload"] > 0 || rep.Counts["download"] > 0 {
				t.Errorf("%d messages; did %v", n, rep.Counts)
			}
			w.quiet()
		})
	}
}
