package sync_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// crowded is a world with n messages in INBOX that both sides hold. Its parts
// are filled in bulk, so that a million take seconds: copies of one message on the
// server, rows in the state and, where files is set, links to one file on disk.
// Without files the folder is empty, which a run that trusts the stamps never
// learns.
func crowded(b testing.TB, n int, files bool) *world {
	b.Helper()
	w := newWorld(b, imaptest.Options{})
	w.acct.NoFsync = true
	content := w.message()
	w.srv.Append("INBOX", []string{`\Seen`}, time.Unix(1_700_000_000, 0), content)
	w.sync() // makes the folder and the state
	w.quiet()
	for range n - 1 {
		w.srv.Copy("INBOX", 1, "INBOX")
	}

	db, err := state.Open(context.Background(), filepath.Join(w.acct.StateDir, w.acct.Name+".db"), state.Options{})
	must(w, err)
	list, err := db.Mailboxes(context.Background())
	must(w, err)
	inbox := list[0]
	first, err := db.ByUID(context.Background(), inbox.ID, 1)
	must(w, err)
	cur := filepath.Join(w.acct.Maildir, "INBOX", "cur")
	const perCommit = 50_000
	for from := 2; from <= n; from += perCommit {
		rows := make([]*state.Message, 0, perCommit)
		for uid := from; uid < min(n+1, from+perCommit); uid++ {
			m := *first
			m.ID, m.UID, m.Base = 0, mail.UID(uid), fmt.Sprintf("1700000000.M%06dP1Q%d.host", uid%1_000_000, uid)
			binary.BigEndian.PutUint64(m.Digest[:], uint64(uid)<<32) // as if no two were the same
			rows = append(rows, &m)
			if files {
				must(w, os.Link(filepath.Join(cur, first.Base+first.Info), filepath.Join(cur, m.Base+m.Info)))
			}
		}
		must(w, db.Update(context.Background(), func(tx *state.Tx) error { return tx.PutMessages(rows) }))
	}
	validity, next, modseq := w.srv.UIDState("INBOX")
	// The folder is old, and its stamp known, so that it is trusted at once.
	w.age()
	seen, _, err := w.disk().Survey(context.Background(), nil)
	must(w, err)
	stamp := seen[0].Stamp
	inbox.DirMTime, inbox.CurMTime, inbox.NewMTime, inbox.Inode = stamp.Dir, stamp.Cur, stamp.New, stamp.Inode
	inbox.Cursor = mail.Cursor{UIDValidity: mail.UIDValidity(validity), UIDNext: mail.UID(next), HighestModSeq: mail.ModSeq(modseq), Messages: uint32(n)}
	must(w, db.Update(context.Background(), func(tx *state.Tx) error { return tx.PutMailbox(inbox) }))
	must(w, db.Close())
	w.quiet()
	w.srv.ResetStats()
	return w
}

// BenchmarkNothingToDo is a whole run, from lock to logout. Its time, memory and
// bytes must not depend on the size.
func BenchmarkNothingToDo(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := crowded(b, n, false)
			b.ReportAllocs()
			for b.Loop() {
				w.quiet()
			}
			st := w.srv.Stats()
			b.ReportMetric(float64(st.BytesIn+st.BytesOut)/float64(b.N), "wire-bytes/op")
			b.ReportMetric(float64(st.RoundTrips)/float64(b.N), "round-trips/op")
		})
	}
}

// BenchmarkCompare distrusts what is remembered of one side or of both, so
// that all of it is compared with the base and found to be the same.
func BenchmarkCompare(b *testing.B) {
	sizes := []int{1_000, 100_000}
	if os.Getenv("BENCH_MILLION") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := crowded(b, n, true)
			tmp := filepath.Join(w.acct.Maildir, "INBOX", "new", "passing")
			b.Run("local", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					must(w, os.WriteFile(tmp, nil, 0o600)) // moves the stamp
					must(w, os.Remove(tmp))
					w.quiet()
				}
			})
			b.Run("full", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rep, err := w.trySync(mailsync.Request{Full: true})
					if err != nil || rep.Changed() {
						b.Fatal(rep.Counts, err)
					}
				}
			})
		})
	}
}

// BenchmarkStatus is what satchel status does for an account of 500 mailboxes,
// and for one mailbox of each size.
func BenchmarkStatus(b *testing.B) {
	bench := func(w *world) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.status()
			}
		}
	}
	w := newWorld(b, imaptest.Options{})
	w.acct.NoFsync = true
	agreed(500, 2)(w)
	b.Run("500-mailboxes", bench(w))
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { bench(crowded(b, n, false))(b) })
	}
}

// status asks the engine without the network.
func (w *world) status() *mailsync.Status {
	w.t.Helper()
	e, err := mailsync.New(w.acct, w.opts)
	must(w, err)
	defer e.Close()
	st, err := e.Status(context.Background())
	must(w, err)
	return st
}
