package sync_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// filler is what large bodies are made of; it tells them from protocol.
const filler = "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\r\n"

// traffic is a session of some hundred kilobytes with everything in it.
func traffic() scenario {
	body := func(w *world, lines int) []byte {
		return append(w.message(), []byte(strings.Repeat(filler, lines))...)
	}
	return scenario{
		name: "traffic",
		past: func(w *world) {
			server := serverSide{w}
			server.create("Archive")
			server.create("Work")
			for i := range 30 {
				server.deliver([]string{"INBOX", "Archive", "Work"}[i%3], w.message(), [][]string{nil, {`\Seen`}}[i%2])
			}
			w.sync()
		},
		change: func(w *world) *ledger {
			server, disk := serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 2))}
			for _, lines := range []int{1000, 100, 30, 3} {
				disk.deliver("INBOX", body(w, lines), []string{`\Seen`})
				server.deliver("INBOX", body(w, lines), nil)
				server.deliver("Work", body(w, lines/10), []string{`\Flagged`})
			}
			for i, h := range server.list("Archive") {
				switch i {
				case 0, 1:
					server.move(h, "Work")
				case 2:
					server.remove(h)
				case 3:
					server.flag(h, []string{`\Answered`, "word"}, nil)
				case 4:
					server.copy(h, "INBOX")
				}
			}
			for i, h := range disk.list("Work") {
				switch i {
				case 0, 1:
					disk.move(h, "Archive")
				case 2:
					disk.remove(h)
				case 3:
					disk.flag(h, []string{`\Flagged`}, nil)
				case 4:
					disk.copy(h, "INBOX")
				}
			}
			return nil
		},
	}
}

var (
	errCut   = errors.New("the line was cut")
	errStall = errors.New("the line is still") // what comes is swallowed
)

// breaker ends or stalls the line after byte n of one direction.
type breaker struct {
	mu     sync.Mutex
	up     bool
	n      int64 // 0: never
	stall  bool
	passed [2]int64
	broken bool
}

func (b *breaker) gate(up bool, n int) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := errCut
	if b.stall {
		end = errStall
	}
	if b.broken {
		if b.stall && up != b.up {
			return n, nil
		}
		return 0, end
	}
	i := 0
	if up {
		i = 1
	}
	if b.n > 0 && up == b.up && b.passed[i]+int64(n) >= b.n {
		b.broken = true
		return int(b.n - b.passed[i]), end
	}
	b.passed[i] += int64(n)
	return n, nil
}

// cut is a place in one direction of a connection at which it breaks, or says nothing more.
type cut struct {
	up, stall, sure bool // sure: it is reached in every run
	n               int64
}

// streamsOf records what goes through the connections of one run: down, and up.
func streamsOf(t *testing.T, s scenario) (streams [2][]byte) {
	b := &breaker{}
	w, _ := s.open(t)
	defer w.close()
	var mu sync.Mutex
	w.lines.tap = func(up bool, p []byte) {
		mu.Lock()
		defer mu.Unlock()
		i := 0
		if up {
			i = 1
		}
		streams[i] = append(streams[i], p...)
	}
	w.lines.through(b.gate, nil)
	w.sync()
	w.lines.idle()
	return streams
}

// cutsOf chooses places in a stream.
func cutsOf(stream []byte, up bool) (list []cut) {
	total := int64(len(stream))
	for n := int64(1); n <= total; n++ {
		switch {
		case !*crashLong:
		case stream[n-1] == '~' && n%61 != 0:
			continue // within a body one byte is like another
		case stream[n-1] != '~' && n%*crashStep != 0:
			continue
		}
		list = append(list, cut{up, false, surely(int(n), int(total)), n})
	}
	list = spread(list, 0, share(30, 12))
	for _, n := range points(int(total-2), min(300, share(6, 3)), 2) {
		list = append(list, cut{up, true, surely(n, int(total)), int64(n)})
	}
	return list
}

// TestWireBroken cuts a session after each byte, both ways, and stalls it at
// some.
func TestWireBroken(t *testing.T) {
	s := traffic()
	want, _ := s.wantFor(t)
	var list []cut
	for i, stream := range streamsOf(t, s) {
		t.Logf("%d bytes, up %v", len(stream), i == 1)
		list = append(list, cutsOf(stream, i == 1)...)
	}
	before := runtime.NumGoroutine()
	each(t, list, func(x cut) string {
		w, _ := s.open(t)
		defer w.close()
		return x.happensTo(w, want)
	})
	// Whoever is still about is given time to leave.
	for range 100 {
		if runtime.NumGoroutine() <= before+2 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}

// happensTo is a run with the cut, and says what is wrong with its end.
func (x cut) happensTo(w *world, want *outcome) string {
	b := &breaker{up: x.up, n: x.n, stall: x.stall}
	if x.stall {
		w.acct.Timeout = 200 * time.Millisecond
	}
	w.lines.through(b.gate, nil)
	start := time.Now()
	rep, err := w.trySync(mailsync.Request{})
	took := time.Since(start)
	w.lines.through(nil, nil)
	w.acct.Timeout = 20 * time.Second
	what := fmt.Sprintf("broken at byte %d, up %v, stall %v", x.n, x.up, x.stall)
	if x.stall {
		covered.stalls.Add(1)
	} else {
		covered.cuts.Add(1)
	}
	b.mu.Lock()
	reached := b.broken
	b.mu.Unlock()
	if x.sure && !reached {
		return what + ": it was not reached"
	}
	if took > time.Minute { // it hangs; a stall ends after 200 ms
		return fmt.Sprintf("%s: it took %v", what, took)
	}
	if err != nil && mail.KindOf(err) != mail.KindConnection {
		return fmt.Sprintf("%s: an error of kind %v: %v", what, mail.KindOf(err), err)
	}
	if msg := w.afterFault(rep, err, want); msg != "" {
		return fmt.Sprintf("%s; the run said %v:\n%s", what, err, msg)
	}
	return ""
}
