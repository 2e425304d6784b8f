package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	mailsync "satchel/sync"
)

// bars shows one line for each running account on stderr. Its zero value, for
// a run without a terminal, shows nothing.
type bars struct {
	container *mpb.Progress
	lines     []*progressLine
	bars      []*mpb.Bar
}

// startProgress shows progress where somebody is there to see it and nothing
// else is written to the same place.
func (d *deps) startProgress(targets []target) *bars {
	b := &bars{}
	f := d.flags
	if !d.stderrTTY || f.quiet || f.json || f.noProgress || f.verbose > 0 {
		return b
	}
	width := 0
	for _, t := range targets {
		width = max(width, len(t.account.Name))
	}
	b.container = mpb.New(mpb.WithOutput(d.stderr), mpb.WithWidth(64))
	for _, t := range targets {
		line := &progressLine{now: d.clock}
		b.lines = append(b.lines, line)
		b.bars = append(b.bars, b.container.New(0, mpb.BarStyle(),
			mpb.BarWidth(24),
			mpb.BarRemoveOnComplete(),
			mpb.BarFillerMiddleware(line.fill),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
				return fmt.Sprintf("%-*s %-10s ", width, t.account.Name, line.phase())
			})),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return line.numbers() })),
		))
	}
	return b
}

// of is the callback of one account, nil when nothing is shown.
func (b *bars) of(i int) func(mailsync.Progress) {
	if b.container == nil {
		return nil
	}
	return b.lines[i].update
}

// stop removes the lines, so that what follows is printed in their place.
func (b *bars) stop() {
	if b.container == nil {
		return
	}
	for _, bar := range b.bars {
		bar.SetTotal(-1, true)
	}
	b.container.Wait()
}

// progressLine holds the latest snapshot of an account. The engine calls
// update from several goroutines and must not wait, so the drawing goroutine
// fetches the numbers instead of being sent them.
type progressLine struct {
	now func() time.Time

	mu    sync.Mutex
	last  mailsync.Progress // guarded by mu, as below
	began time.Time         // when the first operation was known
	since time.Time         // when the phase began
}

// lasted is for how long the phase has been the same.
func (l *progressLine) lasted() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		return 0
	}
	return l.now().Sub(l.since)
}

func (l *progressLine) update(p mailsync.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.Phase.Over() {
		return // a snapshot that is late
	}
	if l.last.Phase != p.Phase {
		l.since = l.now()
	}
	if l.began.IsZero() && p.Total > 0 {
		l.began = l.now()
	}
	// Snapshots may arrive out of order; numbers only grow.
	p.Done, p.Total = max(p.Done, l.last.Done), max(p.Total, l.last.Total)
	p.BytesDone, p.BytesTotal = max(p.BytesDone, l.last.BytesDone), max(p.BytesTotal, l.last.BytesTotal)
	l.last = p
}

func (l *progressLine) snapshot() (mailsync.Progress, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.began
}

func (l *progressLine) phase() string {
	p, _ := l.snapshot()
	if p.Phase == "" {
		return string(mailsync.PhaseConnect)
	}
	return string(p.Phase)
}

// fill draws the bar from the snapshot instead of mpb's own counters.
func (l *progressLine) fill(inner mpb.BarFiller) mpb.BarFiller {
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		p, _ := l.snapshot()
		if p.Total == 0 {
			return nil // a bar that stands still says less than the clock beside it
		}
		s.Current, s.Total = int64(p.Done), int64(max(p.Total, 1))
		return inner.Fill(w, s)
	})
}

// numbers is "12/40  1.2 MB/3.4 MB  8s left", or before anything is planned how
// long the phase has lasted.
func (l *progressLine) numbers() string {
	p, began := l.snapshot()
	if p.Total == 0 {
		if passed := l.lasted(); passed >= time.Second && !p.Phase.Over() {
			return " " + passed.Truncate(time.Second).String()
		}
		return ""
	}
	text := fmt.Sprintf(" %d/%d", p.Done, p.Total)
	if p.BytesTotal > 0 {
		text += fmt.Sprintf("  %s/%s", byteSize(p.BytesDone), byteSize(p.BytesTotal))
	}
	if left := timeLeft(p, l.now().Sub(began)); left > 0 {
		text += "  " + left.String() + " left"
	}
	return text
}

// timeLeft extrapolates by bytes where there are any, else by operations, and
// is 0 while it would be a guess.
func timeLeft(p mailsync.Progress, passed time.Duration) time.Duration {
	done, total := float64(p.BytesDone), float64(p.BytesTotal)
	if total == 0 {
		done, total = float64(p.Done), float64(p.Total)
	}
	if passed < 2*time.Second || done <= 0 || done >= total {
		return 0
	}
	return max(time.Duration(float64(passed)*(total-done)/done).Round(time.Second), time.Second)
}
