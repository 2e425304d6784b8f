package remote

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// scripted is a server that says exactly what a test wants.
type scripted struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

// script returns a dialler; play is the server's part of each connection.
func script(t *testing.T, play func(s *scripted)) func() (net.Conn, error) {
	t.Helper()
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	return func() (net.Conn, error) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		wg.Add(1)
		accepted := make(chan net.Conn, 1)
		go func() {
			defer wg.Done()
			conn := <-accepted
			if conn == nil {
				return
			}
			defer conn.Close()
			play(&scripted{t: t, conn: conn, br: bufio.NewReader(conn)})
		}()
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			accepted <- nil
			return nil, err
		}
		conn, err := ln.Accept()
		if err != nil {
			accepted <- nil
			return nil, err
		}
		accepted <- conn
		return client, nil
	}
}

func (s *scripted) raw(text string) { _, _ = io.WriteString(s.conn, text) }

func (s *scripted) send(lines ...string) {
	for _, l := range lines {
		s.raw(l + "\r\n")
	}
}

// command reads a command that must start with verb and returns its tag;
// empty when the client has gone.
func (s *scripted) command(verb string) string {
	line, err := s.br.ReadString('\n')
	if err != nil {
		return ""
	}
	tag, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if !strings.HasPrefix(rest, verb) {
		s.t.Errorf("client sent %q, want %s", rest, verb)
	}
	return tag
}

// expect answers a command; the last line is the tagged one.
func (s *scripted) expect(verb string, answer ...string) {
	tag := s.command(verb)
	for i, a := range answer {
		if i == len(answer)-1 {
			a = tag + " " + a
		}
		s.send(a)
	}
}

func (s *scripted) login(caps string) {
	s.send("* OK [CAPABILITY " + caps + "] ready")
	s.expect("LOGIN", "OK [CAPABILITY "+caps+"] in")
}

func (s *scripted) logout() {
	if tag := s.command("LOGOUT"); tag != "" {
		s.send("* BYE", tag+" OK bye")
	}
}

// drain reads until the client goes away.
func (s *scripted) drain() { _, _ = io.Copy(io.Discard, s.br) }
