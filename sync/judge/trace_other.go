//go:build !(linux && amd64)

package judge

import (
	"errors"
	"os/exec"
	"syscall"
)

// tracing: elsewhere programs are killed by the bytes of the line only.
const tracing = false

func trace(*exec.Cmd, string, int, func() error) (syscall.WaitStatus, error) {
	return 0, errors.New("programs cannot be traced here")
}
