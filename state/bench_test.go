package state_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"satchel/state"
	"satchel/sync/mail"
)

// sizes of mailboxes in the benchmarks.
var sizes = []int{1_000, 100_000, 1_000_000}

// rows makes the messages from..to-1 of a mailbox. Digests that ascend are
// what no mail has, but a million of them are soon inserted.
func rows(mb *state.Mailbox, from, to int, scattered bool) []*state.Message {
	list := make([]*state.Message, 0, to-from)
	for n := from; n < to; n++ {
		m := message(mb, mail.UID(n), fmt.Sprintf("%d.M%06dP1Q%d.host", 1_700_000_000+n/1000, n%1_000_000, n))
		binary.BigEndian.PutUint64(m.Digest[:], uint64(n)<<32)
		if scattered {
			binary.BigEndian.PutUint64(m.Digest[:], uint64(n)*0x9e3779b97f4a7c15)
		}
		list = append(list, m)
	}
	return list
}

func insert(b testing.TB, db *state.DB, list []*state.Message) {
	b.Helper()
	write(b, db, func(tx *state.Tx) error { return tx.PutMessages(list) })
}

// openPlain opens a state without the checks of [open], which take longer than
// what is measured.
func openPlain(b testing.TB, path string) *state.DB {
	b.Helper()
	db, err := state.Open(context.Background(), path, state.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

// filled is a state with one mailbox of n messages.
func filled(b testing.TB, n int) (*state.DB, *state.Mailbox, string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "home.db")
	db := openPlain(b, path)
	mb := putMailbox(b, db, "INBOX")
	const perCommit = 50_000
	for from := 1; from <= n; from += perCommit {
		insert(b, db, rows(mb, from, min(n+1, from+perCommit), false))
	}
	return db, mb, path
}

// BenchmarkState works on a mailbox of each size.
func BenchmarkState(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			db, mb, path := filled(b, n)
			b.Run("idle", func(b *testing.B) { benchmarkIdle(b, path) })
			b.Run("names", func(b *testing.B) { benchmarkNames(b, db, mb, n) })
			b.Run("update", func(b *testing.B) { benchmarkUpdate(b, db, mb, n) })
			b.Run("commit", func(b *testing.B) { benchmarkCommit(b, db, mb) })
		})
	}
}

// benchmarkIdle opens a state and reads what a run with nothing to do reads.
func benchmarkIdle(b *testing.B, path string) {
	b.ReportAllocs()
	for b.Loop() {
		db, err := state.Open(b.Context(), path, state.Options{})
		if err != nil {
			b.Fatal(err)
		}
		readIdle(b, db)
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkNames goes through a whole mailbox, as a comparison with its folder
// does.
func benchmarkNames(b *testing.B, db *state.DB, mb *state.Mailbox, n int) {
	b.ReportAllocs()
	for b.Loop() {
		got := 0
		if err := db.Names(b.Context(), mb.ID, func(*state.Name) error { got++; return nil }); err != nil || got != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/message")
}

// benchmarkUpdate changes 100 messages that lie far apart.
func benchmarkUpdate(b *testing.B, db *state.DB, mb *state.Mailbox, n int) {
	var some []*state.Message
	for i := range 100 {
		m, err := db.ByUID(b.Context(), mb.ID, mail.UID(1+i*(n/100)))
		if err != nil || m == nil {
			b.Fatal(m, err)
		}
		some = append(some, m)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range some {
			m.Date++
		}
		write(b, db, func(tx *state.Tx) error { return tx.PutMessages(some) })
	}
}

// benchmarkCommit adds 1,000 messages, durably.
func benchmarkCommit(b *testing.B, db *state.DB, mb *state.Mailbox) {
	const perCommit = 1000
	next := 1 << 24 // above all that were filled in
	b.ReportAllocs()
	for b.Loop() {
		insert(b, db, rows(mb, next, next+perCommit, true))
		next += perCommit
	}
	b.ReportMetric(perCommit*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// readIdle is what survey and engine ask before they know that nothing changed.
func readIdle(b testing.TB, db *state.DB) {
	b.Helper()
	ctx := b.Context()
	if _, err := db.Meta(ctx, state.MetaRoot); err != nil {
		b.Fatal(err)
	}
	if list, err := db.Mailboxes(ctx); err != nil || len(list) == 0 {
		b.Fatal(list, err)
	}
	if _, err := db.Intents(ctx); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Unfinished(ctx); err != nil {
		b.Fatal(err)
	}
}

// TestAllocs holds the ways through many rows to what they may allocate for
// each, which is what memory and much of the time of a large sync depend on.
func TestAllocs(t *testing.T) {
	const n = 1000
	db, mb, _ := filled(t, n)
	all := mail.UIDRange{Start: 1, Stop: n}
	next := n + 1
	for _, x := range []struct {
		name string
		most float64 // for each row
		run  func() error
	}{
		{"names", 5, func() error { return db.Names(t.Context(), mb.ID, func(*state.Name) error { return nil }) }},
		{"range", 21, func() error {
			return db.Range(t.Context(), mb.ID, all, func(*state.Message) error { return nil })
		}},
		{"uids", 3, func() error { return db.UIDs(t.Context(), mb.ID, 0, func(mail.UID) {}) }},
		{"insert", 17, func() error { // the rows themselves included
			insert(t, db, rows(mb, next, next+n, true))
			next += n
			return nil
		}},
	} {
		got := testing.AllocsPerRun(5, func() {
			if err := x.run(); err != nil {
				t.Fatal(err)
			}
		}) / n
		if got > x.most {
			t.Errorf("%s: %.2f allocations for each row, at most %v", x.name, got, x.most)
		}
	}
}
