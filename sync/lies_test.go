package sync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// levels are the three ways to bring a mailbox up to date, as capabilities.
func levels() map[string]imaptest.Caps {
	const all = imaptest.DefaultCaps
	return map[string]imaptest.Caps{
		"qresync":   all,
		"condstore": all.Without(imaptest.CapQResync),
		"plain":     all.Without(imaptest.CapQResync, imaptest.CapCondstore),
	}
}

// TestHistoriesBesideALiar runs random histories on servers that tell one lie
// each, and all of them. While the server lies, runs may report problems; once
// it is honest, both sides must be as if it had never lied.
func TestHistoriesBesideALiar(t *testing.T) {
	lies := imaptest.Lies()
	lies["all"] = imaptest.AllLies
	n := 1
	if *crashLong {
		n = 30
	}
	for _, level := range slices.Sorted(maps.Keys(levels())) {
		for _, name := range slices.Sorted(maps.Keys(lies)) {
			for i := range n {
				for _, chance := range []float64{1, 0.3} {
					if name == "all" && chance < 1 {
						continue // a server that agrees with itself on what is not so cannot be found out
					}
					t.Run(fmt.Sprintf("%s/%s/%v/%d", level, name, chance, i), func(t *testing.T) {
						t.Parallel()
						liar := imaptest.NewLiar(uint64(i), chance, 0)
						lyingHistory(t, uint64(2000+i), liar, lies[name], imaptest.Options{Caps: levels()[level]})
					})
				}
			}
		}
	}
}

// lyingHistory is a random history in which each change is synced by a server
// that lies and then by one that is honest. That is a day later where copies are
// missing, and with --full: a server that is behind looks the same.
func lyingHistory(t *testing.T, seed uint64, liar *imaptest.Liar, lies imaptest.Lie, o imaptest.Options) {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, liar.Install(o))
	w.acct.MaxDeletePct = 100
	w.opts.SearchGain = 1
	now := time.Now()
	w.opts.Now = func() time.Time { return now }
	w.acct.NoFsync = true
	boxes := []string{"INBOX", "Archive", "Work"}
	for _, b := range boxes[1:] {
		must(w, w.srv.CreateMailbox(b))
	}
	server, disk := serverSide{w}, diskSide{w, rng}
	for range 4 + rng.IntN(12) {
		server.deliver(boxes[rng.IntN(len(boxes))], w.message(), nil)
	}
	if seed%2 == 0 {
		liar.Tell(lies)
		w.besideLiar()
		liar.Tell(0)
	}
	w.sync()
	w.agree()
	for range 4 {
		ledger := newLedger(w.remoteSnapshot())
		ledger.edit(w, local, disk, w.folders(), rng, rng.IntN(8))
		ledger.edit(w, onServer, server, w.mailboxes(), rng, rng.IntN(8))
		liar.Tell(lies)
		w.besideLiar()
		w.besideLiar()
		liar.Tell(0)
		if lies&(imaptest.LieCopy|imaptest.LieCopySome) != 0 {
			now = now.Add(25 * time.Hour)
			if rep, err := w.trySync(mailsync.Request{Full: true}); err != nil || len(rep.Problems) > 0 {
				t.Fatalf("--full: %v, problems %v", err, rep.Problems)
			}
		}
		w.sync()
		end := w.agree()
		w.quiet()
		if wrong := ledger.check(end); len(wrong) > 0 {
			t.Fatalf("seed %d: %s\nafter\n%s", seed, strings.Join(wrong, "\n"), strings.Join(ledger.text, "\n"))
		}
	}
}

// besideLiar syncs with a server that lies. What comes of it is seen later;
// here it must not be an error that ends the account.
func (w *world) besideLiar() *mailsync.Report {
	w.t.Helper()
	rep, err := w.trySync(mailsync.Request{})
	if err != nil {
		w.t.Fatalf("beside a liar: %v", err)
	}
	return rep
}
