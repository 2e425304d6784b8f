package sync_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/sync/imaptest"
)

// TestCountsWithoutUIDs: what a server took is counted once, also where it does not
// say under which UID.
func TestCountsWithoutUIDs(t *testing.T) {
	for i, caps := range []imaptest.Caps{
		imaptest.DefaultCaps,
		imaptest.DefaultCaps.Without(imaptest.CapUIDPlus),
		imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove),
		imaptest.DefaultCaps.Without(imaptest.CapMove),
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: caps})
			must(w, w.srv.CreateMailbox("Work"))
			for range 6 {
				w.srv.Append("INBOX", nil, time.Unix(1_700_000_000, 0), w.message())
			}
			w.sync()
			disk := diskSide{w, rand.New(rand.NewPCG(1, 1))}
			list := disk.list("INBOX")
			disk.move(list[0], "Work")
			disk.move(list[1], "Work")
			disk.remove(list[2])
			disk.copy(list[3], "Work")
			disk.deliver("INBOX", w.message(), nil)
			rep := w.sync()
			want := map[string]int{"upload": 1, "remote-move": 2, "remote-copy": 1, "remote-remove": 1}
			if d := cmp.Diff(want, rep.Counts); d != "" {
				t.Error(d)
			}
			w.agree()
		})
	}
}
