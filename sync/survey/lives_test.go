package survey

import (
	"testing"

	"satchel/sync/remote"
)

func TestLivesBelow(t *testing.T) {
	var list []remote.Mailbox
	for _, name := range []string{"a", "a/b", "a b/c", "ab/c", "d/e/f", "g"} {
		b := remote.Mailbox{Name: name, Selectable: true}
		b.Status.UIDValidity = 1
		list = append(list, b)
	}
	list = append(list, remote.Mailbox{Name: "h/i", Selectable: true})
	living := withStatus(list)
	for name, want := range map[string]bool{"a": true, "a/b": false, "ab": true, "a b": true, "d": true, "d/e": true, "d/e/f": false, "g": false, "h": false, "": false} {
		if livesBelow(living, name) != want {
			t.Errorf("%q: want %t", name, want)
		}
	}
}
