package keyring

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"
)

func TestEntries(t *testing.T) {
	keyring.MockInit()
	ctx := t.Context()
	if _, err := Get(ctx, "ann"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := Set(ctx, "ann", "hunter2"); err != nil {
		t.Error(err)
	}
	if got, err := Get(ctx, "ann"); got != "hunter2" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := errors.Join(Delete(ctx, "ann"), Delete(ctx, "ann")); err != nil {
		t.Error(err)
	}
}

// TestLocked: a keyring that waits for a person is not waited for.
func TestLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		unlocked := make(chan struct{})
		_, err := within(ctx, func() (string, error) {
			<-unlocked
			return "", nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(unlocked)
	})
}
