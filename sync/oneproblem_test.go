package sync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestRevokedShare: a mailbox that cannot be opened or changed any more makes
// one problem, whatever is to be done in it.
func TestRevokedShare(t *testing.T) {
	for _, refusal := range []string{"NO [NOPERM] Permission denied", "NO [NONEXISTENT] Mailbox doesn't exist", "NO [TRYCREATE] No such mailbox"} {
		for level, caps := range twoKinds() {
			for _, verbs := range []string{"SELECT EXAMINE APPEND STATUS UID", "SELECT EXAMINE", "APPEND UID", "CREATE DELETE SELECT APPEND"} {
				t.Run(fmt.Sprintf("%s/%s/%s", refusal, level, verbs), func(t *testing.T) {
					r := &refusing{}
					w := newWorld(t, imaptest.Options{Caps: caps, Hook: r.hook})
					w.waits()
					must(w, w.srv.CreateMailbox("Shared/team"))
					must(w, w.srv.CreateMailbox("Sound"))
					for range 6 {
						w.srv.Append("Shared/team", nil, time.Now(), w.message())
					}
					w.sync()
					server, disk := w.hands()
					files := disk.list("Shared/team")
					disk.flag(files[0], []string{`\Flagged`}, nil)
					disk.remove(files[1])
					disk.move(files[2], "Sound")
					disk.move(files[3], "INBOX")
					for range 3 {
						disk.deliver("Shared/team", w.message(), nil)
					}
					server.deliver("Shared/team", w.message(), nil)
					r.arm(func(c *imaptest.Conn, verb, line string) imaptest.Action {
						named := strings.Contains(line, "Shared/team") || c.Mailbox() == "Shared/team" && strings.HasPrefix(verb, "UID") && verb != "UID FETCH" && verb != "UID SEARCH"
						first, _, _ := strings.Cut(verb, " ")
						if named && strings.Contains(verbs, first) {
							return imaptest.Action{Reply: refusal}
						}
						return imaptest.Action{}
					})
					for run := range 2 {
						rep, err := w.trySync(mailsync.Request{})
						if err != nil || len(rep.Problems) > 1 {
							t.Errorf("run %d: %v, %d problems:\n%s", run, err, len(rep.Problems), strings.Join(texts(rep), "\n"))
						}
					}
					r.arm(nil)
					w.sync()
					w.sync()
					w.agree()
				})
			}
		}
	}
}

// TestNestedMailbox: a new mailbox below one that the server makes along with
// it is there on both sides after one run.
func TestNestedMailbox(t *testing.T) {
	for _, bare := range []bool{false, true} {
		for level, caps := range twoKinds() {
			t.Run(fmt.Sprintf("%t/%s", bare, level), func(t *testing.T) {
				w := newWorld(t, imaptest.Options{Caps: caps, BareParents: bare})
				w.sync()
				_, disk := w.hands()
				must(w, w.disk().CreateFolder(t.Context(), "a/b/c"))
				disk.deliver("a/b/c", w.message(), nil)
				must(w, w.srv.CreateMailbox("x/y/z"))
				w.sync()
				w.agree()
				w.quiet()
			})
		}
	}
}
