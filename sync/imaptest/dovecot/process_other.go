//go:build !linux

package dovecot

import (
	"errors"
	"os/exec"
)

// What is here is never reached: find refuses other systems first.

type identity struct {
	user, group string
	uid, gid    int
}

func chooseIdentity() (identity, error) { return identity{}, errors.ErrUnsupported }

func (identity) own(string) error { return errors.ErrUnsupported }

func (identity) apply(*exec.Cmd) {}

type process struct{ done chan struct{} }

func startProcess(*exec.Cmd, string) (*process, error) { return nil, errors.ErrUnsupported }

func (*process) stop() {}
