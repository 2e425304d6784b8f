package sync

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"satchel/sync/mail"
)

// A full disk is no mistake in the configuration, also where the lock is.
func TestNoRoomForLock(t *testing.T) {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := noLock("lock", "/state/x.lock", fmt.Errorf("write: %w", full))
		if mail.KindOf(err) != mail.KindAccount || !strings.Contains(mail.HintOf(err), "make room") {
			t.Errorf("%v: %v, hint %q", err, mail.KindOf(err), mail.HintOf(err))
		}
	}
	if err := noLock("lock", "/state/x.lock", syscall.EACCES); mail.KindOf(err) != mail.KindConfig {
		t.Errorf("%v: %v", err, mail.KindOf(err))
	}
}
