package dial

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// tunnelGrace is how long a tunnel command has to end by itself once its
	// input is closed.
	tunnelGrace = time.Second
	// tunnelSaid is how much is kept of the end of what it says on stderr.
	tunnelSaid = 2 << 10
)

// tunnel is a net.Conn whose other end is a command. The command lives as
// long as the connection: Close returns when no process of it is left.
type tunnel struct {
	in    *os.File // our end of its standard input
	out   *os.File // our end of its standard output
	cmd   *exec.Cmd
	said  *tail
	ended chan struct{} // closed when it was waited for; err is final then
	err   error

	closing sync.Once
}

// startTunnel runs the command with a shell, in a process group of its own so
// that all of it can be ended.
func startTunnel(command string) (net.Conn, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), in.Close())
	}
	t := &tunnel{in: in, out: out, said: &tail{}, ended: make(chan struct{})}
	t.cmd = exec.Command("sh", "-c", command)
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = theirIn, theirOut, t.said
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Who keeps stderr open after the command is gone is not waited for.
	t.cmd.WaitDelay = tunnelGrace
	err = t.cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close()) // the command has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the tunnel: %w", err), in.Close(), out.Close())
	}
	go func() {
		defer close(t.ended)
		if t.err = t.cmd.Wait(); errors.Is(t.err, exec.ErrWaitDelay) {
			t.err = nil // it ended well; somebody else holds its stderr
		}
	}()
	return t, nil
}

// Read reads what the command writes. The end of it is an error that says why
// the command ended, unless it ended well.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.out.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		err = t.why(io.EOF)
	}
	return n, err
}

func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.in.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = t.why(io.ErrUnexpectedEOF)
	}
	return n, err
}

// why waits a moment for the command, which has closed its side, and says how
// it ended; well stands for a command that ended without a complaint.
func (t *tunnel) why(well error) error {
	select {
	case <-t.ended:
	case <-time.After(tunnelGrace):
		return well
	}
	said := t.said.String()
	switch {
	case t.err == nil && said == "":
		return well
	case t.err == nil:
		return fmt.Errorf("the tunnel command ended: %s", said)
	case said == "":
		return fmt.Errorf("the tunnel command ended: %w", t.err)
	}
	return fmt.Errorf("the tunnel command ended: %w: %s", t.err, said)
}

// Close closes the command's input, which ends a well-behaved one, and after
// a moment kills what is left of it.
func (t *tunnel) Close() error {
	t.closing.Do(func() {
		// A reader or writer that waits is woken by this.
		_ = t.in.Close()
		_ = t.out.Close()
		select {
		case <-t.ended:
		case <-time.After(tunnelGrace):
			// The number is its group's as long as it was not waited for. An
			// error means that it has just ended.
			_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	<-t.ended
	return nil
}

// SetDeadline sets both deadlines.
func (t *tunnel) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}

// SetReadDeadline sets the deadline of the command's output.
func (t *tunnel) SetReadDeadline(at time.Time) error { return t.out.SetReadDeadline(at) }

// SetWriteDeadline sets the deadline of the command's input.
func (t *tunnel) SetWriteDeadline(at time.Time) error { return t.in.SetWriteDeadline(at) }

// LocalAddr is no address.
func (t *tunnel) LocalAddr() net.Addr { return tunnelAddr{} }

// RemoteAddr is no address.
func (t *tunnel) RemoteAddr() net.Addr { return tunnelAddr{} }

// tunnelAddr is the address of a pipe, which has none.
type tunnelAddr struct{}

func (tunnelAddr) Network() string { return "pipe" }
func (tunnelAddr) String() string  { return "the tunnel" }

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tunnelSaid; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// String is the last lines, as one.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.FieldsFunc(strings.ToValidUTF8(string(t.text), "?"), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
