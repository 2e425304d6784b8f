package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestUploadsInEachOthersWay: a server that cannot take messages over several
// connections at once gets them over one, in the same run; what it still refuses
// then is reported, and not sent for ever.
func TestUploadsInEachOthersWay(t *testing.T) {
	for _, refusal := range []string{"NO database is locked", "NO [INUSE] Mailbox is locked", "NO Message could not be stored"} {
		for _, always := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", refusal, always), func(t *testing.T) {
				r := &refusing{}
				w := newWorld(t, imaptest.Options{Hook: r.hook, Caps: imaptest.DefaultCaps.Without(imaptest.CapMultiAppend)})
				w.acct.NoFsync = true
				w.waits()
				must(w, w.srv.CreateMailbox("A"))
				must(w, w.srv.CreateMailbox("B"))
				w.sync()
				_, disk := w.hands()
				for _, box := range []string{"INBOX", "A", "B"} {
					for range 6 {
						disk.deliver(box, append(w.message(), strings.Repeat(filler, 8000)...), nil)
					}
				}
				first, others, main := 0, 0, 0
				r.arm(func(c *imaptest.Conn, verb, _ string) imaptest.Action {
					if verb == "LIST" && main == 0 {
						main = c.ID()
					}
					if verb != "APPEND" {
						return imaptest.Action{}
					}
					if c.ID() == main {
						first++
					} else {
						others++
					}
					if always && first+others > 3 || !always && c.ID() != main {
						return imaptest.Action{Reply: refusal}
					}
					return imaptest.Action{}
				})
				rep, err := w.trySync(mailsync.Request{})
				if err != nil {
					t.Fatal(err)
				}
				r.mu.Lock()
				sent, beside := first+others, others
				r.mu.Unlock()
				if beside == 0 {
					t.Fatal("one connection did all, so nothing was refused")
				}
				if !always {
					if rep.Counts["upload"] != 18 || len(rep.Problems) > 0 {
						t.Errorf("did %v, %v", rep.Counts, texts(rep))
					}
					w.agree()
					w.quiet()
					return
				}
				if len(rep.Problems) == 0 || sent > 6*18 {
					t.Errorf("sent %d messages, %d problems", sent, len(rep.Problems))
				}
				r.arm(nil)
				w.sync()
				w.agree()
			})
		}
	}
}

// TestRefusedAlone: what one connection is refused without a reason is refused.
func TestRefusedAlone(t *testing.T) {
	r := &refusing{}
	w := newWorld(t, imaptest.Options{Hook: r.hook})
	w.sync()
	_, disk := w.hands()
	disk.deliver("INBOX", w.message(), nil)
	r.arm(func(_ *imaptest.Conn, verb, _ string) imaptest.Action {
		if verb == "APPEND" {
			return imaptest.Action{Reply: "NO Message could not be stored"}
		}
		return imaptest.Action{}
	})
	rep, err := w.trySync(mailsync.Request{})
	if err != nil || !slices.ContainsFunc(texts(rep), func(s string) bool { return strings.Contains(s, "could not be stored") }) {
		t.Errorf("%v, %v", err, texts(rep))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls["APPEND"] != 1 {
		t.Errorf("sent %d times", r.calls["APPEND"])
	}
}
