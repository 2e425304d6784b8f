//go:build linux

package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what one run cost, or the medians of several.
type usage struct {
	wall, cpu   time.Duration
	rss         int64 // peak, bytes
	up, down    int64 // bytes to and from the server
	turns       int   // round trips waited for, all connections together
	connections int
}

// adopt makes this process the parent of orphaned descendants, which
// [measure] relies on.
func adopt() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// launcher starts "$@" when a line arrives, and tells its process id first.
const launcher = `( exec 4>&-; read -r _ <&3; exec "$@" 3<&- ) & echo $! >&4`

// measure runs a program and returns its time, CPU and memory.
//
// Linux counts the memory of the process that started a program into that
// program's peak, and this one is large. So a small shell starts it and ends, and
// the program, an orphan, becomes our child, whose usage wait4 tells. The program
// waits at a gate until then: the shell's start is not in the time.
func measure(dir string, env []string, out *os.File, limit time.Duration, argv ...string) (usage, error) {
	gate, open, err := os.Pipe()
	if err != nil {
		return usage{}, err
	}
	defer open.Close()
	told, tell, err := os.Pipe()
	if err != nil {
		return usage{}, err
	}
	defer told.Close()
	sh := exec.Command("/bin/sh", append([]string{"-c", launcher, "sh"}, argv...)...)
	sh.Dir, sh.Env, sh.Stdout, sh.Stderr = dir, env, out, out
	sh.ExtraFiles = []*os.File{gate, tell}
	err = sh.Run()
	_ = gate.Close()
	_ = tell.Close()
	if err != nil {
		return usage{}, fmt.Errorf("start %s: %w", argv[0], err)
	}
	line, err := io.ReadAll(told)
	if err != nil {
		return usage{}, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		return usage{}, err
	}

	var status syscall.WaitStatus
	var ru syscall.Rusage
	begin := time.Now()
	if _, err := open.WriteString("\n"); err != nil {
		return usage{}, err
	}
	// The number stays the child's own until wait4 has returned.
	timer := time.AfterFunc(limit, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	for {
		_, err = syscall.Wait4(pid, &status, 0, &ru)
		if err != syscall.EINTR { //nolint:errorlint // a system call returns it bare
			break
		}
	}
	u := usage{
		wall: time.Since(begin),
		cpu:  time.Duration(ru.Utime.Nano() + ru.Stime.Nano()),
		rss:  ru.Maxrss << 10,
	}
	expired := !timer.Stop()
	switch {
	case err != nil:
		return u, fmt.Errorf("wait for %s: %w", argv[0], err)
	case expired:
		return u, fmt.Errorf("%s did not end within %v", argv[0], limit)
	case status.Signaled():
		return u, fmt.Errorf("%s ended by %v", argv[0], status.Signal())
	case status.ExitStatus() != 0:
		return u, fmt.Errorf("%s ended with exit code %d", argv[0], status.ExitStatus())
	}
	return u, nil
}
