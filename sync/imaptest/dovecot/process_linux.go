package dovecot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long Dovecot may take to end by itself.
const stopGrace = 5 * time.Second

// identity is the user that Dovecot runs as.
type identity struct {
	user, group string
	uid, gid    int
	switched    bool // another one than the user who runs the test
}

// chooseIdentity takes nobody in place of root, and the present user otherwise.
func chooseIdentity() (identity, error) {
	id := identity{uid: os.Getuid(), gid: os.Getgid()}
	if id.uid == 0 {
		u, err := user.Lookup("nobody")
		if err != nil {
			return id, fmt.Errorf("dovecot must not run as root: %w", err)
		}
		id.switched = true
		if id.uid, err = strconv.Atoi(u.Uid); err != nil {
			return id, err
		}
		if id.gid, err = strconv.Atoi(u.Gid); err != nil {
			return id, err
		}
	}
	u, err := user.LookupId(strconv.Itoa(id.uid))
	if err != nil {
		return id, fmt.Errorf("dovecot knows users by name: %w", err)
	}
	g, err := user.LookupGroupId(strconv.Itoa(id.gid))
	if err != nil {
		return id, fmt.Errorf("dovecot knows groups by name: %w", err)
	}
	id.user, id.group = u.Username, g.Name
	return id, nil
}

// own gives a file to the user.
func (id identity) own(path string) error {
	if !id.switched {
		return nil
	}
	return os.Lchown(path, id.uid, id.gid)
}

// apply makes a command run as the user, in a process group of its own, and
// end with the test process even if that is killed.
func (id identity) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if id.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(id.uid), Gid: uint32(id.gid)}
	}
}

// process is a running Dovecot master.
type process struct {
	pid  int
	done chan struct{} // closed when the master has ended
}

// startProcess starts the master, its output going to a file.
func startProcess(cmd *exec.Cmd, output string) (*process, error) {
	out, err := os.Create(output)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The death signal is sent when the thread that started the child
		// ends, so that thread has to stay as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = out.Close()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// stop asks the whole process group to end, which is orderly too (clients get
// a BYE) and takes a few milliseconds; the master alone would wait a second, and
// leave processes that still have a client. It returns when the group is empty.
func (p *process) stop() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.pid, syscall.SIGTERM)
	}
	deadline := time.Now().Add(stopGrace)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
	}
	// The group keeps its number as long as one process is in it, so this can
	// only reach what the master started.
	for p.groupAlive() {
		if time.Now().After(deadline) {
			_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		}
		time.Sleep(2 * time.Millisecond)
	}
	<-p.done
}

// groupAlive reports whether a process of the group still runs. One that has
// ended and waits for a parent to notice, which in a container without an
// init may be for ever, does not count.
func (p *process) groupAlive() bool {
	if errors.Is(syscall.Kill(-p.pid, 0), syscall.ESRCH) {
		return false
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return false
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (command) state ppid pgrp ...; the command may hold anything.
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) > 2 && f[0] != "Z" && f[0] != "X" && f[2] == strconv.Itoa(p.pid) {
			return true
		}
	}
	return false
}
