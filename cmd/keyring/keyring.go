// Package keyring asks the system's keyring, and does not wait for ever: a
// locked one asks a person, who may be away.
package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"
)

// Service is the service under which satchel's entries are kept.
const Service = "satchel"

// ErrNotFound says that the keyring answered and has no such entry.
var ErrNotFound = keyring.ErrNotFound

// Get returns the entry of user.
func Get(ctx context.Context, user string) (string, error) {
	return within(ctx, func() (string, error) { return keyring.Get(Service, user) })
}

// Set stores the entry of user, in place of an older one.
func Set(ctx context.Context, user, secret string) error {
	_, err := within(ctx, func() (string, error) { return "", keyring.Set(Service, user, secret) })
	return err
}

// Delete removes the entry of user; it is no error when there is none.
func Delete(ctx context.Context, user string) error {
	_, err := within(ctx, func() (string, error) { return "", keyring.Delete(Service, user) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// within gives up when ctx ends. The call itself cannot be ended: its
// goroutine stays until the keyring answers, or the process ends.
func within(ctx context.Context, call func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := call()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-ctx.Done():
		return "", fmt.Errorf("the keyring gave no answer: %w", context.Cause(ctx))
	}
}
