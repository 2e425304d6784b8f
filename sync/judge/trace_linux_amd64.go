package judge

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// tracing: a program can be stopped before a chosen change of a file here.
const tracing = true

// tracer follows a program and all its threads from system call to system
// call. All its calls are made by the thread that started the program.
type tracer struct {
	leader int
	dir    string // changes below it count
	at     int    // kill before this change; the first is 1
	steps  int
	inside map[int]bool // threads that are in a system call
	killed bool
	status syscall.WaitStatus // of the leader
}

// trace runs a command up to its at-th change of a file below dir, and kills it
// there. It returns its end, and whether it was killed.
func trace(cmd *exec.Cmd, dir string, at int, start func() error) (syscall.WaitStatus, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Ptrace: true}
	if err := start(); err != nil {
		return 0, err
	}
	t := &tracer{leader: cmd.Process.Pid, dir: dir, at: at, inside: map[int]bool{}}
	err := t.follow()
	_ = cmd.Process.Release()
	return t.status, err
}

func (t *tracer) follow() error {
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(t.leader, &ws, syscall.WALL, nil); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	opts := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(t.leader, opts); err != nil {
		return fmt.Errorf("set options: %w", err)
	}
	if err := syscall.PtraceSyscall(t.leader, 0); err != nil {
		return fmt.Errorf("let it go: %w", err)
	}
	for {
		// Of its process group only: others of our children are none of our business.
		tid, err := syscall.Wait4(-t.leader, &ws, syscall.WALL, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.ECHILD:
			return nil // the last of the group is gone
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		}
		t.stopped(tid, ws)
	}
}

// stopped looks at a thread that stopped or ended, and lets it go on.
func (t *tracer) stopped(tid int, ws syscall.WaitStatus) {
	if !ws.Stopped() {
		if tid == t.leader {
			t.status = ws
		}
		return
	}
	signal := 0
	switch s := ws.StopSignal(); s {
	case syscall.SIGTRAP | 0x80:
		t.inside[tid] = !t.inside[tid]
		if t.inside[tid] && !t.killed && t.changes(tid) {
			if t.steps++; t.steps >= t.at {
				t.killed = true
				_ = syscall.Kill(-t.leader, syscall.SIGKILL)
				return
			}
		}
	case syscall.SIGTRAP, syscall.SIGSTOP:
		// An event of tracing, or the first stop of a new thread.
	default:
		signal = int(s)
	}
	_ = syscall.PtraceSyscall(tid, signal) // it may be gone: then it is waited for
}

// changes reports whether a thread is about to change a file.
func (t *tracer) changes(tid int) bool {
	var r syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &r) != nil {
		return false
	}
	switch r.Orig_rax {
	case unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINK, unix.SYS_LINKAT, unix.SYS_UNLINK, unix.SYS_UNLINKAT,
		unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_RMDIR:
		return true
	case unix.SYS_OPENAT:
		return r.Rdx&unix.O_CREAT != 0
	case unix.SYS_OPEN:
		return r.Rsi&unix.O_CREAT != 0
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV, unix.SYS_FTRUNCATE:
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, r.Rdi))
		return err == nil && strings.HasPrefix(to, t.dir)
	}
	return false
}
