package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// damages are the ways in which a server shows that something is broken.
func damages() map[string]imaptest.Damage {
	return map[string]imaptest.Damage{"bye": imaptest.EndsAll, "closed": imaptest.ClosesAll, "no": imaptest.Refused, "bad": imaptest.RefusedBad}
}

func twoKinds() map[string]imaptest.Caps {
	return map[string]imaptest.Caps{
		"qresync": imaptest.DefaultCaps,
		"plain":   imaptest.DefaultCaps.Without(imaptest.CapCondstore, imaptest.CapQResync, imaptest.CapListStatus, imaptest.CapObjectID),
	}
}

// blamed lists what the problems of a report name.
func blamed(rep *mailsync.Report) (list []string) {
	for _, p := range rep.Problems {
		list = append(list, strings.TrimSpace(p.Mailbox+" "+p.Message))
	}
	slices.Sort(list)
	return list
}

// TestDamagedMessages: what the server cannot give is named, and nothing else
// waits for it; the next run tries each once, without looking for it again.
func TestDamagedMessages(t *testing.T) {
	for name, how := range damages() {
		for level, caps := range twoKinds() {
			t.Run(name+"/"+level, func(t *testing.T) {
				d := &imaptest.Damaged{}
				w := newWorld(t, imaptest.Options{Damaged: d, Caps: caps})
				w.acct.NoFsync = true
				for _, box := range []string{"Box", "Other"} {
					must(w, w.srv.CreateMailbox(box))
				}
				for range 30 {
					w.srv.Append("Box", nil, time.Now(), w.message())
				}
				w.srv.Append("Other", nil, time.Now(), w.message())
				bad := []uint32{1, 17, 30}
				for _, uid := range bad {
					d.Message("Box", uid, how)
				}
				want := []string{"Box 1", "Box 17", "Box 30"}
				rep, err := w.trySync(mailsync.Request{})
				if err != nil || rep.Counts["download"] != 28 || !slices.Equal(blamed(rep), want) {
					t.Fatalf("%v, did %v, blamed %v: %v", err, rep.Counts, blamed(rep), texts(rep))
				}
				for _, p := range rep.Problems {
					if mail.KindOf(p.Err()) != mail.KindMessage || p.Hint == "" {
						t.Errorf("%s: kind %s, hint %q", p.Error, p.Kind, p.Hint)
					}
				}
				if n := w.srv.Stats().Connections; n > 12 {
					t.Errorf("%d connections", n)
				}

				w.srv.Append("Box", nil, time.Now(), w.message())
				w.srv.ResetStats()
				before := d.Met("Box")
				rep, err = w.trySync(mailsync.Request{})
				if err != nil || rep.Counts["download"] != 1 || !slices.Equal(blamed(rep), want) {
					t.Fatalf("%v, did %v, blamed %v: %v", err, rep.Counts, blamed(rep), texts(rep))
				}
				if met := d.Met("Box") - before; met != 3 {
					t.Errorf("the next run met the damage %d times, want once each", met)
				}
				if n := w.srv.Stats().Connections; n > 1+3 {
					t.Errorf("%d connections in the next run", n)
				}

				for _, uid := range bad {
					d.Message("Box", uid, imaptest.Sound)
				}
				if rep := w.sync(); rep.Counts["download"] != 3 {
					t.Errorf("mended, and did %v", rep.Counts)
				}
				w.agree()
				w.quiet()
			})
		}
	}
}

// TestDamagedMessagesTakeTurns: a run tries four of the messages that it knows to be
// damaged. One that is mended comes, however many before it stay damaged.
func TestDamagedMessagesTakeTurns(t *testing.T) {
	d := &imaptest.Damaged{}
	w := newWorld(t, imaptest.Options{Damaged: d})
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	must(w, w.srv.CreateMailbox("Box"))
	for uid := range uint32(20) {
		w.srv.Append("Box", nil, now, w.message())
		if uid%2 == 0 {
			d.Message("Box", uid+1, imaptest.Refused)
		}
	}
	damaged := func() int {
		now = now.Add(time.Hour)
		rep, err := w.trySync(mailsync.Request{})
		must(w, err)
		return len(rep.Problems)
	}
	if n := damaged(); n != 10 {
		t.Fatalf("%d are named", n)
	}
	for range 2 { // also after all had their turn
		before := len(w.files("Box"))
		uid := uint32(19)
		if before > 10 {
			uid = 17
		}
		d.Message("Box", uid, imaptest.Sound)
		for range 3 {
			met := d.Met("Box")
			damaged()
			if n := d.Met("Box") - met; n > 4 {
				t.Errorf("a run tried %d", n)
			}
		}
		if n := len(w.files("Box")); n != before+1 {
			t.Errorf("message %d was mended, and there are %d files, before %d", uid, n, before)
		}
	}
}

// TestManyDamagedMessages: however many there are, a run makes a limited number
// of connections and names a limited number of messages; the mail of other
// mailboxes comes, and runs come further.
func TestManyDamagedMessages(t *testing.T) {
	d := &imaptest.Damaged{}
	w := newWorld(t, imaptest.Options{Damaged: d})
	w.acct.NoFsync = true
	must(w, w.srv.CreateMailbox("Bad"))
	must(w, w.srv.CreateMailbox("Sound"))
	for i := range 120 {
		w.srv.Append("Bad", nil, time.Now(), w.message())
		if i%3 == 0 {
			d.Message("Bad", uint32(i+1), imaptest.EndsAll)
		}
	}
	for range 3 {
		w.srv.Append("Sound", nil, time.Now(), w.message())
	}
	got := 0
	for run := range 3 {
		w.srv.ResetStats()
		rep, err := w.trySync(mailsync.Request{})
		if err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		if n := w.srv.Stats().Connections; n > 40 {
			t.Errorf("run %d: %d connections", run, n)
		}
		if n := len(rep.Problems); n == 0 || n > 40 {
			t.Errorf("run %d: %d problems", run, n)
		}
		if came := len(w.localSnapshot()["Sound"]); came != 3 {
			t.Errorf("run %d: %d messages of the other mailbox", run, came)
		}
		now := len(w.localSnapshot()["Bad"])
		if now <= got {
			t.Errorf("run %d: %d messages of the mailbox, as before", run, now)
		}
		got = now
	}
}

// TestDamagedMailbox: a mailbox that ends the session when it is opened, or
// asked for its state, is named and left alone; excluded, nothing of it is
// asked.
func TestDamagedMailbox(t *testing.T) {
	for name, how := range map[string]imaptest.Damage{"bye": imaptest.EndsAll, "closed": imaptest.ClosesAll} {
		for level, caps := range twoKinds() {
			for _, first := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/%t", name, level, first), func(t *testing.T) {
					d := &imaptest.Damaged{}
					w := newWorld(t, imaptest.Options{Damaged: d, Caps: caps})
					for _, box := range []string{"Bad", "Zoo"} {
						must(w, w.srv.CreateMailbox(box))
						w.srv.Append(box, nil, time.Now(), w.message())
					}
					if !first {
						w.sync()
					}
					d.Mailbox("Bad", how)
					for _, box := range []string{"INBOX", "Zoo", "Bad"} {
						w.srv.Append(box, nil, time.Now(), w.message())
					}
					for run := range 2 {
						w.srv.ResetStats()
						rep, err := w.trySync(mailsync.Request{})
						if err != nil || !slices.Equal(blamed(rep), []string{"Bad"}) || rep.Problems[0].Hint == "" {
							t.Fatalf("run %d: %v, blamed %v: %v", run, err, blamed(rep), texts(rep))
						}
						if n := w.srv.Stats().Connections; n > []int{6, 3}[run] {
							t.Errorf("run %d: %d connections", run, n)
						}
						if here := w.localSnapshot(); len(here["INBOX"]) != 1 || len(here["Zoo"]) != 2 {
							t.Errorf("run %d: the others wait: %v", run, here)
						}
					}

					w.acct.Exclude = []string{"Bad"}
					met := d.Met("Bad")
					w.sync()
					w.sync()
					if d.Met("Bad") != met {
						t.Errorf("excluded, and asked %d times", d.Met("Bad")-met)
					}
					w.acct.Exclude = nil
					d.Mailbox("Bad", imaptest.Sound)
					w.sync()
					w.agree()
					w.quiet()
				})
			}
		}
	}
}

// TestDamagedHeader: where the header of a message ends the session, which is asked
// for to pair it with a file, its mailbox is named and left alone, and the rest is
// synced.
func TestDamagedHeader(t *testing.T) {
	for name, how := range map[string]imaptest.Damage{"bye": imaptest.EndsAll, "closed": imaptest.ClosesAll} {
		t.Run(name, func(t *testing.T) {
			d := &imaptest.Damaged{}
			w := newWorld(t, imaptest.Options{Damaged: d})
			must(w, w.srv.CreateMailbox("Bad"))
			m := w.message()
			w.srv.Append("Bad", []string{`\Seen`}, time.Unix(1_700_000_000, 0), append([]byte("X-TUID: 123456789012\r\n"), m...))
			w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
			w.plantFile("Bad", m)
			d.Message("Bad", 1, how)
			for run := range 2 {
				rep, err := w.trySync(mailsync.Request{})
				if err != nil || len(rep.Problems) == 0 || !strings.HasPrefix(blamed(rep)[0], "Bad") {
					t.Fatalf("run %d: %v, blamed %v: %v", run, err, blamed(rep), texts(rep))
				}
				if a, b := len(w.files("INBOX")), len(w.files("Bad")); a != 1 || b != 1 {
					t.Errorf("run %d: %d files and %d in the damaged mailbox", run, a, b)
				}
			}
			d.Message("Bad", 1, imaptest.Sound)
			if rep := w.sync(); len(rep.Counts) > 0 {
				t.Errorf("mended, and did %v", rep.Counts)
			}
			w.quiet()
		})
	}
}
