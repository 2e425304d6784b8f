package pool

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

func answered(code, text string) error {
	return &mail.Error{Op: "login", Kind: mail.KindConnection, Err: &remote.ResponseError{Code: code, Text: text}}
}

// TestPatience runs on the clock of synctest: waits are exact, and take no
// time.
func TestPatience(t *testing.T) {
	const s = time.Second
	for name, x := range map[string]struct {
		err   error
		waits []time.Duration // until it gives up
	}{
		"its own guess":         {answered("UNAVAILABLE", "Later"), []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s}},
		"as the server asks":    {answered("", "Request is throttled. Suggested Backoff Time: 25000 milliseconds"), []time.Duration{25 * s, 25 * s}},
		"longer than it may":    {answered("", "Request is throttled. Suggested Backoff Time: 299923 milliseconds"), nil},
		"wrong password":        {answered("AUTHENTICATIONFAILED", "No"), nil},
		"no room does not pass": {answered("OVERQUOTA", "Full"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewBackoff(time.Minute, nil, slog.New(slog.DiscardHandler))
				var waits []time.Duration
				for {
					start := time.Now()
					err := p.Wait(t.Context(), x.err)
					if err != nil {
						if !errors.Is(err, x.err) || mail.KindOf(err) != mail.KindConnection || time.Since(start) > 0 {
							t.Errorf("ends with %v after %v", err, time.Since(start))
						}
						break
					}
					waits = append(waits, time.Since(start))
				}
				if len(waits) != len(x.waits) {
					t.Fatalf("waited %v, want %v", waits, x.waits)
				}
				for i := range waits {
					if waits[i] != x.waits[i] {
						t.Errorf("waited %v, want %v", waits, x.waits)
					}
				}
			})
		})
	}
}

func TestPatienceIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBackoff(time.Hour, nil, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := p.Wait(ctx, answered("", "Request is throttled. Suggested Backoff Time: 299923 milliseconds"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
