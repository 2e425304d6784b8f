package remote

import (
	"strings"
	"testing"

	"satchel/sync/remote/resync"
)

// TestAbilities: what a server announces, what it confirmed and what it was caught at
// decide together.
func TestAbilities(t *testing.T) {
	var (
		qresync = func(a Abilities) bool { return a.Level == resync.QResync }
		plain   = func(a Abilities) bool { return a.Level == resync.Plain }
		moves   = func(a Abilities) bool { return !a.EmulatesMove && a.MovesExactly }
		asks    = func(items string) func(Abilities) bool { return func(a Abilities) bool { return a.identity == items } }
		enables = func(what string) func(Abilities) bool { return func(a Abilities) bool { return a.enable == what } }
	)
	for name, x := range map[string]struct {
		caps string
		ev   evidence
		want func(Abilities) bool
	}{
		"nothing is plain":               {"", evidence{}, plain},
		"nothing emulates":               {"", evidence{}, func(a Abilities) bool { return a.EmulatesMove && !a.MovesExactly && !a.ExpungesExactly }},
		"nothing waits for a go-ahead":   {"", evidence{}, func(a Abilities) bool { return a.atOnce == 0 && !a.GroupsAppends }},
		"QRESYNC before ENABLE":          {"QRESYNC", evidence{}, qresync},
		"QRESYNC confirmed":              {"QRESYNC", evidence{enableTried: true, enabled: true}, qresync},
		"QRESYNC not confirmed":          {"QRESYNC", evidence{enableTried: true}, func(a Abilities) bool { return a.Level == resync.Condstore && a.OffersQResync }},
		"CONDSTORE":                      {"CONDSTORE", evidence{}, func(a Abilities) bool { return a.Level == resync.Condstore && a.modSeqs && a.enable == "" }},
		"ENABLE asks for the highest":    {"CONDSTORE ENABLE QRESYNC", evidence{}, enables("QRESYNC")},
		"ENABLE CONDSTORE":               {"CONDSTORE ENABLE", evidence{}, enables("CONDSTORE")},
		"MOVE":                           {"MOVE", evidence{}, moves},
		"MOVE that does nothing":         {"MOVE UIDPLUS", evidence{moveWrong: true}, func(a Abilities) bool { return a.EmulatesMove && a.MovesExactly }},
		"UIDPLUS":                        {"UIDPLUS", evidence{}, func(a Abilities) bool { return a.EmulatesMove && a.MovesExactly && a.ExpungesExactly }},
		"LIST-STATUS":                    {"LIST-STATUS", evidence{}, func(a Abilities) bool { return a.listStatus }},
		"LIST-STATUS that ends sessions": {"LIST-STATUS", evidence{statusWrong: true}, func(a Abilities) bool { return !a.listStatus }},
		"Gmail":                          {"X-GM-EXT-1", evidence{}, func(a Abilities) bool { return a.HasLabels && a.identity == itemGmail }},
		"OBJECTID comes first":           {"X-GM-EXT-1 OBJECTID", evidence{dovecot: true}, asks(itemEmailID)},
		"Dovecot":                        {"", evidence{dovecot: true}, asks(itemGUID)},
		"an identity that was refused":   {"OBJECTID", evidence{noIdentity: true}, asks("")},
		"groups":                         {"MULTIAPPEND LITERAL+", evidence{}, func(a Abilities) bool { return a.GroupsAppends && a.atOnce > 1<<40 }},
		"short literals":                 {"MULTIAPPEND LITERAL-", evidence{}, func(a Abilities) bool { return !a.GroupsAppends && a.atOnce == 4096 }},
	} {
		if a := abilitiesOf(strings.Fields(x.caps), x.ev); !x.want(a) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
