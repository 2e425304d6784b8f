package sync_test

import (
	"fmt"
	"testing"

	"satchel/sync/remote/imaptest"
)

// TestHistoriesOnEveryServer runs random histories on servers that lack one
// extension or another.
func TestHistoriesOnEveryServer(t *testing.T) {
	const all = imaptest.DefaultCaps
	servers := map[string]imaptest.Options{
		"condstore only": {Caps: all.Without(imaptest.CapQResync)},
		"plain":          {Caps: all.Without(imaptest.CapCondstore, imaptest.CapQResync)},
		"objectid":       {Caps: all.With(imaptest.CapObjectID)},
		"compressed":     {Caps: all.With(imaptest.CapCompress)},
		"late caps":      {NoGreetingCaps: true, NoLoginCaps: true},
	}
	for name, c := range map[string]imaptest.Caps{
		"move": imaptest.CapMove, "list-extended": imaptest.CapListExtended,
		"list-status": imaptest.CapListStatus, "literal+": imaptest.CapLiteralPlus, "namespace": imaptest.CapNamespace,
		"enable": imaptest.CapEnable, "esearch": imaptest.CapESearch, "sasl-ir": imaptest.CapSASLIR, "id": imaptest.CapID,
	} {
		servers["without "+name] = imaptest.Options{Caps: all.Without(c)}
	}
	n := 4
	if testing.Short() {
		n = 1
	}
	for name, o := range servers {
		for i := range n {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				t.Parallel()
				history(t, uint64(1000+i), o)
			})
		}
	}
}
