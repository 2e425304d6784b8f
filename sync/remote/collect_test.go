package remote

import (
	"testing"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// TestNamedBeyondWindow: what was asked for about messages of ours is kept, wherever the
// window of new messages ends; the rest is left for later.
func TestNamedBeyondWindow(t *testing.T) {
	co := collector{firstNew: 1, last: 2, ours: mail.UIDSetOf([]mail.UID{4})}
	for _, f := range []wire.Fetch{
		{UID: 1, HasFlags: true, HasSize: true, Size: 10},
		{UID: 3, HasFlags: true, HasSize: true, Size: 30},
		{UID: 4, HasSize: true, Size: 40},
	} {
		co.take(&f)
	}
	var ch Changes
	co.result(&ch)
	if len(ch.New) != 1 || ch.New[0].UID != 1 {
		t.Errorf("new %+v", ch.New)
	}
	if len(ch.Named) != 1 || ch.Named[0].UID != 4 || ch.Named[0].Size != 40 {
		t.Errorf("named %+v", ch.Named)
	}
}
