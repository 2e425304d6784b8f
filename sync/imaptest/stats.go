package imaptest

import (
	"maps"
	"net"
	"sync"
	"sync/atomic"
)

// Stats counts what clients did since the server was started or [Server.ResetStats] was called.
type Stats struct {
	Connections int
	// Commands by name, UID commands as two words. A command is counted before it is executed.
	Commands map[string]int
	// BytesIn and BytesOut are counted on the wire, so after TLS and compression.
	BytesIn, BytesOut int64
	// RoundTrips counts the turns of the line: on each connection, how often the client started to send after it
	// had received something since it last sent. The greeting is received first, so a client that waits for it takes its first
	// turn with its first command. Exact for connections of [Server.Dial]; for others it is seen from the server's end, where
	// commands pipelined in several writes may count as several turns.
	RoundTrips int
}

type counters struct {
	mu  sync.Mutex
	now Stats // guarded by mu
}

func (s *counters) add(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
}

func (s *counters) command(verb string) {
	s.add(func(n *Stats) {
		if n.Commands == nil {
			n.Commands = make(map[string]int)
		}
		n.Commands[verb]++
	})
}

func (s *counters) turn() { s.add(func(n *Stats) { n.RoundTrips++ }) }

// Stats returns a copy of the counters.
func (s *Server) Stats() Stats {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	n := s.counters.now
	n.Commands = maps.Clone(n.Commands)
	if n.Commands == nil {
		n.Commands = make(map[string]int)
	}
	return n
}

// ResetStats sets all counters to zero.
func (s *Server) ResetStats() { s.counters.add(func(n *Stats) { *n = Stats{} }) }

// countConn counts bytes on their way. It counts before it writes, so that whoever has read a reply finds it in the counters.
type countConn struct {
	net.Conn
	to *counters
}

func (c countConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.to.add(func(s *Stats) { s.BytesIn += int64(n) })
	}
	return n, err
}

func (c countConn) Write(b []byte) (int, error) {
	c.to.add(func(s *Stats) { s.BytesOut += int64(len(b)) })
	return c.Conn.Write(b)
}

// turns finds the changes of direction on one connection, seen from one end.
type turns struct {
	to       *counters
	received atomic.Bool // the client was sent something since it last sent
}

func (t *turns) toClient() { t.received.Store(true) }

func (t *turns) fromClient() {
	if t.received.Swap(false) {
		t.to.turn()
	}
}
