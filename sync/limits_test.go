package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// refusing is a hook that a test can arm.
type refusing struct {
	mu    sync.Mutex
	ask   func(c *imaptest.Conn, verb, line string) imaptest.Action // nil: everything is executed
	calls map[string]int
}

func (r *refusing) hook(c *imaptest.Conn, _, verb, line string) imaptest.Action {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ask == nil {
		return imaptest.Action{}
	}
	if r.calls == nil {
		r.calls = map[string]int{}
	}
	r.calls[verb]++
	return r.ask(c, verb, line)
}

func (r *refusing) arm(ask func(c *imaptest.Conn, verb, line string) imaptest.Action) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ask, r.calls = ask, nil
}

// TestQuota: uploads stop, everything else goes on, and it is told once.
func TestQuota(t *testing.T) {
	r := &refusing{}
	w := newWorld(t, imaptest.Options{Hook: r.hook})
	w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
	for range 4 {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.sync()
	const many = 1500
	_, disk := w.hands()
	for range many {
		disk.deliver("INBOX", w.message(), nil)
	}
	before := w.srv.Messages("INBOX")
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	w.srv.StoreFlags("INBOX", before[1].UID, []string{`\Flagged`}, nil)
	w.srv.Expunge("INBOX", before[0].UID)
	r.arm(func(_ *imaptest.Conn, verb, _ string) imaptest.Action {
		if verb == "APPEND" {
			return imaptest.Action{Reply: "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)"}
		}
		return imaptest.Action{}
	})
	rep, err := w.trySync(mailsync.Request{})
	if err != nil || len(rep.Problems) != 1 || mail.KindOf(rep.Problems[0].Err()) != mail.KindAccount || rep.Problems[0].Hint == "" ||
		!strings.Contains(rep.Problems[0].Error, fmt.Sprint(many)) {
		t.Errorf("%v, %d problems, first %.300q", err, len(rep.Problems), texts(rep))
	}
	if r.calls["APPEND"] > 4*256 {
		t.Errorf("%d messages were sent to be refused", r.calls["APPEND"])
	}
	if rep.Counts["download"] != 1 || rep.Counts["local-remove"] != 1 || rep.Counts["local-flags"] != 1 {
		t.Errorf("did %v", rep.Counts)
	}
	r.arm(nil)
	if rep := w.sync(); rep.Counts["upload"] != many {
		t.Errorf("the next run did %v", rep.Counts)
	}
	w.agree()
	w.quiet()
}

// TestQuotaFreedByRemoval: removals come after uploads, and when they make
// room the uploads are tried once more in the same run.
func TestQuotaFreedByRemoval(t *testing.T) {
	r := &refusing{}
	w := newWorld(t, imaptest.Options{Hook: r.hook})
	w.acct.MaxDeletePct = 100
	for range 4 {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.sync()
	_, disk := w.hands()
	disk.remove(disk.list("INBOX")[0])
	disk.deliver("INBOX", w.message(), nil)
	disk.deliver("INBOX", w.message(), nil)
	r.arm(func(_ *imaptest.Conn, verb, _ string) imaptest.Action {
		if verb == "APPEND" && r.calls["UID EXPUNGE"] == 0 {
			return imaptest.Action{Reply: "NO [OVERQUOTA] Full"}
		}
		return imaptest.Action{}
	})
	if rep := w.sync(); rep.Counts["upload"] != 2 || rep.Counts["remote-remove"] != 1 {
		t.Errorf("did %v", rep.Counts)
	}
	w.agree()
	w.quiet()
}

// TestInUse: a mailbox that somebody else has locked is tried a few times and
// then left to the next run; the others are synced.
func TestInUse(t *testing.T) {
	for _, refusal := range []string{"NO [INUSE] Mailbox is locked", "NO [UNAVAILABLE] Index server is down"} {
		for _, times := range []int{2, 1000} {
			for level, caps := range map[string]imaptest.Caps{"qresync": imaptest.DefaultCaps,
				"plain": imaptest.DefaultCaps.Without(imaptest.CapCondstore, imaptest.CapQResync)} {
				t.Run(fmt.Sprintf("%s/%d/%s", refusal, times, level), func(t *testing.T) {
					r := &refusing{}
					w := newWorld(t, imaptest.Options{Caps: caps, Hook: r.hook})
					waits := w.waits()
					must(w, w.srv.CreateMailbox("Locked"))
					w.srv.Append("Locked", nil, time.Now(), w.message())
					w.sync()
					w.srv.Append("INBOX", nil, time.Now(), w.message())
					w.srv.StoreFlags("Locked", w.srv.Messages("Locked")[0].UID, []string{`\Seen`}, nil)
					_, disk := w.hands()
					disk.deliver("Locked", w.message(), nil)
					left := times
					r.arm(func(_ *imaptest.Conn, verb, line string) imaptest.Action {
						if (verb == "SELECT" || verb == "APPEND") && strings.Contains(line, "Locked") && left > 0 {
							left--
							return imaptest.Action{Reply: refusal}
						}
						return imaptest.Action{}
					})
					rep, err := w.trySync(mailsync.Request{})
					if err != nil {
						t.Fatal(err)
					}
					if rep.Counts["download"] != 1 {
						t.Errorf("INBOX was held up: %v", rep.Counts)
					}
					if times == 2 {
						if len(rep.Problems) > 0 || !slices.Equal(*waits, []time.Duration{time.Second}) { // once it tried while it was busy elsewhere
							t.Errorf("%v, waited %v", texts(rep), *waits)
						}
					} else if len(rep.Problems) != 1 || rep.Problems[0].Mailbox != "Locked" || rep.Problems[0].Hint == "" || len(*waits) != 3 {
						t.Errorf("%v, waited %v", texts(rep), *waits)
					}
					r.arm(nil)
					w.sync()
					w.agree()
					w.quiet()
				})
			}
		}
	}
}

// TestThrottled: the server's own hint is the wait when it fits; otherwise
// the run ends at once, and a timer may try later.
func TestThrottled(t *testing.T) {
	for _, verb := range []string{"LOGIN", "LIST", "SELECT", "UID FETCH", "APPEND"} {
		for _, ms := range []int{3000, 299923} {
			t.Run(fmt.Sprintf("%s/%d", verb, ms), func(t *testing.T) {
				r := &refusing{}
				w := newWorld(t, imaptest.Options{Hook: r.hook})
				waits := w.waits()
				w.srv.Append("INBOX", nil, time.Now(), w.message())
				w.sync()
				w.srv.Append("INBOX", nil, time.Now(), w.message())
				_, disk := w.hands()
				disk.deliver("INBOX", w.message(), nil)
				hit := false
				r.arm(func(_ *imaptest.Conn, v, _ string) imaptest.Action {
					if !hit && (v == verb || verb == "LOGIN" && v == "AUTHENTICATE") {
						hit = true
						return imaptest.Action{Reply: fmt.Sprintf("BAD Request is throttled. Suggested Backoff Time: %d milliseconds", ms)}
					}
					return imaptest.Action{}
				})
				rep, err := w.trySync(mailsync.Request{})
				if !hit {
					t.Fatal("never reached")
				}
				if ms == 3000 {
					if err != nil || len(rep.Problems) > 0 || !slices.Equal(*waits, []time.Duration{3 * time.Second}) {
						t.Errorf("%v, %v, waited %v", err, texts(rep), *waits)
					}
				} else {
					if mail.KindOf(err) != mail.KindConnection || len(*waits) > 0 || !strings.Contains(mail.HintOf(err), "5m0s") {
						t.Errorf("%v (hint %q), waited %v", err, mail.HintOf(err), *waits)
					}
					r.arm(nil)
					w.sync()
				}
				w.agree()
				w.quiet()
			})
		}
	}
}

// TestWaitIsInterrupted: a run that waits can be stopped.
func TestWaitIsInterrupted(t *testing.T) {
	w := newWorld(t, imaptest.Options{MaxConnections: 1, TooMany: "* BYE Too many connections"})
	other, err := w.srv.Dial()
	must(w, err)
	defer other.Close()
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	w.opts.Sleep = func(ctx context.Context, _ time.Duration) error {
		cancel(stopped)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	e, err := mailsync.New(w.acct, w.opts)
	must(w, err)
	if _, err := e.Sync(ctx, mailsync.Request{}); !errors.Is(err, stopped) {
		t.Errorf("ended with %v", err)
	}
}

// TestAppendLimitOfMailbox: a message that is too large stays, and is told of, and no
// byte of it is sent.
func TestAppendLimitOfMailbox(t *testing.T) {
	w := newWorld(t, imaptest.Options{AppendLimit: 2000})
	w.sync()
	_, disk := w.hands()
	disk.deliver("INBOX", append(w.message(), strings.Repeat(filler, 100)...), nil)
	disk.deliver("INBOX", w.message(), nil)
	w.srv.ResetStats()
	rep, err := w.trySync(mailsync.Request{})
	if err != nil || len(rep.Problems) != 1 || rep.Counts["upload"] != 1 || mail.KindOf(rep.Problems[0].Err()) != mail.KindMessage {
		t.Errorf("%v, %v, did %v", err, texts(rep), rep.Counts)
	}
	if st := w.srv.Stats(); st.BytesIn > 3000 {
		t.Errorf("%d bytes were sent", st.BytesIn)
	}
}
