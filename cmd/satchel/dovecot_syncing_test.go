package main

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// besides runs sync after sync while others work on both sides, until it is
// told to stop.
type besides struct {
	runs atomic.Int64 // ended
	stop chan struct{}
	done chan struct{}
	bad  []string // runs that did not end well; read after done
	said map[string]int
}

// syncing starts the loop. What the test does meanwhile is done beside a
// running sync most of the time: only the start of a process lies between two.
func (r *rig) syncing() *besides {
	b := &besides{stop: make(chan struct{}), done: make(chan struct{}), said: map[string]int{}}
	go func() {
		defer close(b.done)
		for {
			select {
			case <-b.stop:
				return
			case <-r.Context().Done():
				return
			default:
			}
			cmd, stdout, stderr := r.command("sync")
			err := cmd.Run()
			b.runs.Add(1)
			if out := stdout.String() + stderr.String(); err != nil || out != "" {
				b.said[out]++
				if code := cmd.ProcessState.ExitCode(); code != 0 {
					b.bad = append(b.bad, fmt.Sprintf("run %d: exit %d: %s", b.runs.Load(), code, out))
				}
			}
		}
	}()
	r.Cleanup(b.end)
	return b
}

// end stops the loop when the present run is done.
func (b *besides) end() {
	select {
	case <-b.stop:
	default:
		close(b.stop)
	}
	<-b.done
}

// judge ends the loop and fails the test when a run did not end well.
func (b *besides) judge(t *testing.T) {
	t.Helper()
	b.end()
	t.Logf("%d runs, which said %q", b.runs.Load(), slices.Sorted(maps.Keys(b.said)))
	for _, s := range b.bad {
		t.Error(s)
	}
}

// waitFor polls until the condition holds.
func (r *rig) waitFor(what string, holds func() bool) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			r.Fatalf("never: %s", what)
		}
	}
}
