package judge

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// endless is how long a run may take; most take less than a second.
const endless = 90 * time.Second

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

// fault is what befalls a run, and when, in thousandths of the last whole run.
type fault struct {
	kind string // kill or cut; empty: nothing
	at   int
}

// bytesAt is a place in a run. The first byte is the first place.
func (p *player) bytesAt(thousandths int) int64 { return 1 + p.last*int64(thousandths)/1000 }

// execute runs the program once, with what befalls it and what others do
// meanwhile; what was not reached they do afterwards.
func (p *player) execute(cmd *exec.Cmd, f fault, others []trigger) (r result, err error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	triggers := others
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	switch f.kind {
	case "kill":
		triggers = append(triggers, trigger{at: p.bytesAt(f.at), do: func() {
			kill()
			r.killed, p.wire.dead = true, true
			p.wire.cut()
		}})
	case "cut":
		triggers = append(triggers, trigger{at: p.bytesAt(f.at), do: func() {
			p.cuts++
			p.wire.cut()
		}})
	}
	err = p.wire.arm(triggers, cmd.Start)
	if err != nil {
		return r, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	timer := time.AfterFunc(endless, kill)
	err = cmd.Wait()
	r.hung = !timer.Stop()
	total, left := p.wire.disarm()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return r, fmt.Errorf("wait for %s: %w", cmd.Path, err)
	}
	kill() // what it started and left
	r.code, r.said = cmd.ProcessState.ExitCode(), brief(out.String())
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

// brief is the end of an output, in one line.
func brief(out string) string {
	out = strings.Join(strings.Fields(out), " ")
	if len(out) > 500 {
		out = "... " + out[len(out)-500:]
	}
	return out
}
