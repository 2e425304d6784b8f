package look

import (
	"math"
	"testing"
)

// TestOvertold: what a server says that a mailbox holds raises no limit of ours.
func TestOvertold(t *testing.T) {
	for _, tc := range []struct {
		told  int
		holds uint32
		want  bool
	}{
		{mostUndescribed, 0, false}, {mostUndescribed + 1, 0, true}, {mostUndescribed + 7, 7, false},
		{mostOld, math.MaxUint32, false}, {mostOld + 1, math.MaxUint32, true}, {1, math.MaxUint32, false},
	} {
		if got := overtold(tc.told, tc.holds); got != tc.want {
			t.Errorf("%d told of %d: %v", tc.told, tc.holds, got)
		}
	}
}
