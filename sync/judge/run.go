package judge

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// endless is how long a run may take; most take less than a second, and no server here
// keeps a program waiting.
const endless = 3 * time.Minute

// result is how a run ended.
type result struct {
	code   int // -1: by a signal
	killed bool
	hung   bool
	said   string
}

func (r result) String() string {
	s := fmt.Sprintf("exit %d", r.code)
	switch {
	case r.hung:
		s = "no end"
	case r.killed:
		s = "killed"
	}
	if r.said != "" {
		s += ": " + r.said
	}
	return s
}

// fault is what befalls a run, and when: kill and cut in thousandths of the last
// whole run, stop (which kills too) before a change of a file.
type fault struct {
	kind string // kill, stop or cut; empty: nothing
	at   int    // of stop: which change of a file
}

// bytesAt is a place in a run. The first byte is the first place.
func (p *player) bytesAt(thousandths int) int64 { return 1 + p.last*int64(thousandths)/1000 }

// execute runs the program once, with what befalls it and what others do
// meanwhile; what was not reached they do afterwards.
func (p *player) execute(cmd *exec.Cmd, f fault, others []trigger) (r result, err error) {
	out, err := os.Create(filepath.Join(p.place.Dir, "output"))
	if err != nil {
		return r, err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	kill := func() { _ = cmd.Process.Kill() }
	triggers := slices.Clone(others)
	switch f.kind {
	case "kill":
		triggers = append(triggers, trigger{at: p.bytesAt(f.at), do: func() {
			kill()
			p.wire.dead = true
			p.wire.cut()
		}})
	case "cut":
		triggers = append(triggers, trigger{at: p.bytesAt(f.at), do: func() {
			p.result.Cuts++
			p.wire.cut()
		}})
	}
	var timer *time.Timer
	start := func() error {
		return p.wire.arm(triggers, func() error {
			err := cmd.Start()
			if err == nil {
				timer = time.AfterFunc(endless, kill)
			}
			return err
		})
	}
	status, err := p.wait(cmd, f, start)
	r.hung = timer != nil && !timer.Stop()
	total, left := p.wire.disarm()
	if err != nil {
		return r, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	said, err := os.ReadFile(out.Name())
	if err != nil {
		return r, err
	}
	r.code, r.killed, r.said = status.ExitStatus(), status.Signaled(), brief(string(said))
	if f.kind == "" && len(others) == 0 && r.code == 0 {
		p.last = max(total, 1)
	}
	for _, t := range left {
		if t.others {
			t.do()
		}
	}
	return r, nil
}

// wait starts a program and waits for its end.
func (p *player) wait(cmd *exec.Cmd, f fault, start func() error) (syscall.WaitStatus, error) {
	if f.kind == "stop" {
		return trace(cmd, p.place.Dir, f.at, start)
	}
	if err := start(); err != nil {
		return 0, err
	}
	var failed *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &failed) {
		return 0, err
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus), nil
}

// brief is the end of an output, in one line.
func brief(out string) string {
	out = strings.Join(strings.Fields(out), " ")
	if len(out) > 500 {
		out = "... " + out[len(out)-500:]
	}
	return out
}
