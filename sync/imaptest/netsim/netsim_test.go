package netsim_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"satchel/sync/imaptest/netsim"
)

// server starts a TCP server that runs serve for each connection.
func server(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

func dial(t *testing.T, p *netsim.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, c net.Conn, s string) {
	t.Helper()
	b := make([]byte, len(s))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != s {
		t.Fatalf("got %q, %v; want %q", b, err, s)
	}
}

// closed checks that nothing but the end comes.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	b, err := io.ReadAll(c)
	if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v; want the end", b, err)
	}
}

// quiet checks that nothing comes, and no end either.
func quiet(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d bytes, %v; want silence", n, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
}

func TestBytesUnchanged(t *testing.T) {
	p := netsim.New(t, server(t, echo), netsim.Options{RTT: time.Millisecond})
	data := make([]byte, 3<<20)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data)
	var wg sync.WaitGroup
	for range 3 {
		c := dial(t, p)
		wg.Go(func() {
			_, _ = c.Write(data)
			_ = c.(*net.TCPConn).CloseWrite() // the other way goes on
		})
		wg.Go(func() {
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes came back, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	s := p.Stats()
	if n := int64(3 * len(data)); s.Up != n || s.Down != n || s.Connections != 3 {
		t.Errorf("stats %+v, want %d bytes each way", s, n)
	}
}

func TestTurns(t *testing.T) {
	// The server answers each line with two lines, after a greeting.
	addr := server(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "hello\n")
		for in := bufio.NewScanner(c); in.Scan(); {
			_, _ = fmt.Fprintf(c, "%s\n%s\n", in.Text(), in.Text())
		}
	})
	p := netsim.New(t, addr, netsim.Options{})
	c := dial(t, p)
	want(t, c, "hello\n")
	send(t, c, "a\n")
	want(t, c, "a\na\n")
	send(t, c, "b\nc\n") // two commands at once are one turn
	want(t, c, "b\nb\nc\nc\n")
	other := dial(t, p)
	want(t, other, "hello\n")
	send(t, other, "d\n")
	want(t, other, "d\nd\n")
	got := p.Stats()
	if w := (netsim.Stats{Connections: 2, Up: 8, Down: 28, Turns: 3, MaxTurns: 2}); got != w {
		t.Errorf("got %+v, want %+v", got, w)
	}
	p.Reset()
	send(t, c, "e\n")
	want(t, c, "e\ne\n")
	if got, w := p.Stats(), (netsim.Stats{Up: 2, Down: 4, Turns: 1, MaxTurns: 1}); got != w {
		t.Errorf("after reset %+v, want %+v", got, w)
	}
}

// TestPipelinedSendIsNoTurn: bytes that the client sent while an answer was on
// its way did not wait for it.
func TestPipelinedSendIsNoTurn(t *testing.T) {
	p := netsim.New(t, server(t, echo), netsim.Options{RTT: 100 * time.Millisecond})
	c := dial(t, p)
	send(t, c, "a")
	time.Sleep(20 * time.Millisecond) // until the proxy has read it, no answer yet
	send(t, c, "b")
	want(t, c, "ab")
	if s := p.Stats(); s.Turns != 1 {
		t.Errorf("%d turns, want 1", s.Turns)
	}
}

func TestLatency(t *testing.T) {
	const rtt = 60 * time.Millisecond
	p := netsim.New(t, server(t, echo), netsim.Options{RTT: rtt})
	begin := time.Now()
	c := dial(t, p)
	for range 3 {
		send(t, c, "x")
		want(t, c, "x")
	}
	if d := time.Since(begin); d < 4*rtt || d > 40*rtt {
		t.Errorf("a handshake and three turns took %v, want some %v", d, 4*rtt)
	}
}

func TestBandwidth(t *testing.T) {
	p := netsim.New(t, server(t, echo), netsim.Options{Bandwidth: 1 << 20})
	begin := time.Now()
	var wg sync.WaitGroup
	for range 2 { // they share the line
		c := dial(t, p)
		wg.Go(func() {
			_, _ = c.Write(make([]byte, 100<<10))
			_ = c.(*net.TCPConn).CloseWrite()
		})
		wg.Go(func() { _, _ = io.Copy(io.Discard, c) })
	}
	wg.Wait()
	if d := time.Since(begin); d < 180*time.Millisecond || d > 10*time.Second {
		t.Errorf("200 KiB at 1 MiB/s took %v", d)
	}
}

func TestCutDown(t *testing.T) {
	p := netsim.New(t, server(t, echo), netsim.Options{CutDown: 5})
	idle, c := dial(t, p), dial(t, p)
	send(t, idle, "1")
	want(t, idle, "1")
	send(t, c, "23456789")
	want(t, c, "2345")
	closed(t, c)
	closed(t, idle) // the network is gone for all
	if s := p.Stats(); s.Down != 5 || s.Cuts != 1 {
		t.Errorf("stats %+v", s)
	}
	again := dial(t, p) // and back
	send(t, again, "hello world")
	want(t, again, "hello world")
	p.Reset()
	send(t, again, "hello world")
	want(t, again, "hello")
	closed(t, again)
}

func TestCutUp(t *testing.T) {
	got := make(chan string, 1)
	addr := server(t, func(c net.Conn) {
		b, _ := io.ReadAll(c)
		got <- string(b)
	})
	p := netsim.New(t, addr, netsim.Options{CutUp: 3})
	c := dial(t, p)
	send(t, c, "abcdef")
	closed(t, c)
	if s := <-got; s != "abc" {
		t.Errorf("the server got %q", s)
	}
}

func TestCutNow(t *testing.T) {
	p := netsim.New(t, server(t, echo), netsim.Options{})
	c := dial(t, p)
	send(t, c, "x")
	want(t, c, "x")
	p.Cut()
	closed(t, c)
	if s := p.Stats(); s.Cuts != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestStall(t *testing.T) {
	for name, opt := range map[string]netsim.Options{
		"down": {StallDown: 4},
		"up":   {StallUp: 4},
	} {
		t.Run(name, func(t *testing.T) {
			p := netsim.New(t, server(t, echo), opt)
			c := dial(t, p)
			send(t, c, "abcdef")
			want(t, c, "abcd")
			quiet(t, c)
			if s := p.Stats(); s.Stalls != 1 || s.Down != 4 {
				t.Errorf("stats %+v", s)
			}
			p.Configure(netsim.Options{})
			want(t, c, "ef")
			send(t, c, "on and on")
			want(t, c, "on and on")
		})
	}
}

func TestCloseWhileBusy(t *testing.T) {
	for name, opt := range map[string]netsim.Options{
		"streaming":  {},
		"far away":   {RTT: time.Hour},
		"narrow":     {Bandwidth: 1},
		"stalled":    {StallDown: 1},
		"everything": {RTT: time.Millisecond, Bandwidth: 1 << 20, StallUp: 1 << 19},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := netsim.New(t, server(t, echo), opt)
			for range 4 {
				c := dial(t, p)
				go func() {
					for {
						if _, err := c.Write(make([]byte, 1<<16)); err != nil {
							return
						}
					}
				}()
				go func() { _, _ = io.Copy(io.Discard, c) }()
			}
			time.Sleep(20 * time.Millisecond)
			p.Close()
			p.Close()
			if c, err := net.Dial("tcp", p.Addr()); err == nil {
				_ = c.Close()
				t.Error("still listens")
			}
		})
	}
}

func TestServerGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	p := netsim.New(t, addr, netsim.Options{})
	closed(t, dial(t, p))
	if s := p.Stats(); s != (netsim.Stats{}) {
		t.Errorf("stats %+v", s)
	}
}
