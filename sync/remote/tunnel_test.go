package remote

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
	"satchel/sync/remote/resync"
)

// TestTunnelEnd is no test: it is the other end of the tunnels of the tests
// below, which run it as a command.
func TestTunnelEnd(t *testing.T) {
	how := os.Getenv("SATCHEL_TUNNEL_END")
	if how == "" {
		t.Skip("not run by a tunnel")
	}
	srv := imaptest.NewServer(imaptest.Options{NoListen: true, Preauth: how == "preauth"})
	srv.Append("INBOX", nil, time.Time{}, message(1))
	conn, err := srv.Dial()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "welcome")
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.Close()
	}()
	_, _ = io.Copy(os.Stdout, conn)
	os.Exit(0) // before the framework writes to stdout
}

// tunnelOptions is an account behind a command that notes its process id.
func tunnelOptions(t *testing.T, how string) (o Options, pids func() []int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(t.TempDir(), "pids")
	o = Options{Tunnel: fmt.Sprintf("echo $$ >>'%s'; SATCHEL_TUNNEL_END=%s exec '%s' -test.run '^TestTunnelEnd$'", note, how, self), Timeout: 20 * time.Second}
	return o, func() []int {
		data, _ := os.ReadFile(note)
		var all []int
		for _, word := range strings.Fields(string(data)) {
			n, _ := strconv.Atoi(word)
			all = append(all, n)
		}
		return all
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestTunnel(t *testing.T) {
	checkLeaks(t)
	o, pids := tunnelOptions(t, "preauth")
	cl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			c, err := cl.Connect(t.Context())
			if err != nil {
				t.Errorf("%v (%s)", err, mail.HintOf(err))
				return
			}
			defer c.Close()
			boxes, err := c.ListMailboxes(t.Context())
			if err != nil || len(boxes) != 1 || boxes[0].Status.Messages != 1 {
				t.Errorf("%+v, %v", boxes, err)
			}
		})
	}
	wg.Wait()
	if got := pids(); len(got) != 3 {
		t.Errorf("processes %v", got)
	}
	for _, pid := range pids() {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}

// TestTunnelLogin: a greeting without PREAUTH wants a login as everywhere.
func TestTunnelLogin(t *testing.T) {
	o, _ := tunnelOptions(t, "login")
	if err := refusedLogin(t, o); !strings.Contains(err.Error(), "login to the tunnel: the server wants a login") {
		t.Error(err)
	}
	o.User, o.Password = "ann", password("secret")
	_, c := connect(t, o)
	if _, err := c.ListMailboxes(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTunnelFails(t *testing.T) {
	for command, want := range map[string]string{
		"echo 'ssh: no route' >&2; exit 255":  "connect to the tunnel: the tunnel command ended: exit status 255: ssh: no route",
		"exit 3":                              "the tunnel command ended: exit status 3",
		"true":                                "the server closed the connection",
		"echo '* BYE not today'":              "not today",
		"echo hello":                          `not an IMAP server: it says "hello"`,
		"printf '* PREAUTH'; echo broken >&2": "the tunnel command ended: broken",
		"echo '* PREAUTH hi'; echo lost >&2; sleep 0; exit 1": "the tunnel command ended: exit status 1: lost",
	} {
		t.Run(command, func(t *testing.T) {
			checkLeaks(t)
			cl, err := New(Options{Tunnel: command, Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			c, err := cl.Connect(t.Context())
			if err == nil {
				_, err = c.ListMailboxes(t.Context())
				_ = c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) || mail.KindOf(err) != mail.KindConnection {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestTunnelEnds: a command that hangs, and does not mind that its input
// ends, is gone with the connection, and its children with it.
func TestTunnelEnds(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"cancelled": time.Minute, "stalled": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			note := filepath.Join(t.TempDir(), "pids")
			cl, err := New(Options{Tunnel: fmt.Sprintf("sleep 600 & echo $$ $! >'%s'; wait", note), Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if name == "cancelled" {
				go func() {
					for !written(note) && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
			}
			if _, err = cl.Connect(ctx); err == nil {
				t.Fatal("connected")
			}
			data, _ := os.ReadFile(note)
			for _, word := range strings.Fields(string(data)) {
				pid, _ := strconv.Atoi(word)
				if running(pid) {
					t.Errorf("process %d is left", pid)
				}
			}
		})
	}
}

func written(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && strings.HasSuffix(string(data), "\n")
}

// running reports whether a process is there that is no zombie. A child whose
// parent was killed waits for init to collect it.
func running(pid int) bool {
	for range 200 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(data), ") Z ") {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}

// TestTunnelDovecot talks to Dovecot's imap program without its servers.
func TestTunnelDovecot(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	srv := dovecot.Start(t, dovecot.Options{})
	o := Options{Tunnel: srv.Tunnel(t, srv.User), Timeout: 20 * time.Second}
	_, c := connect(t, o)
	if c.Abilities().Level != resync.QResync {
		t.Errorf("level %v", c.Abilities().Level)
	}
	if err := c.Append(t.Context(), "INBOX", []AppendRequest{request(message(1))}, func(_ int, uid mail.UID, _ mail.UIDValidity, err error) {
		if err != nil || uid == 0 {
			t.Errorf("uid %d, %v", uid, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if boxes, err := c.ListMailboxes(t.Context()); err != nil || len(boxes) == 0 || boxes[0].Status.Messages != 1 {
		t.Errorf("%+v, %v", boxes, err)
	}
}
