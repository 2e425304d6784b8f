package imaptest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Server is a running server. All its methods may be called from any goroutine.
type Server struct {
	opts     Options
	commands map[string]handler // by the verb
	listener net.Listener       // nil with NoListen
	tls      *tls.Config        // nil without TLS and STARTTLS
	certPEM  []byte
	counters counters
	logMu    sync.Mutex // held while writing to opts.Log

	running sync.WaitGroup // the accept loop and all connections

	connMu sync.Mutex
	conns  map[*Conn]struct{} // guarded by connMu, as both below
	lastID int
	closed bool

	// mu guards all mailboxes, the selections of all connections and their unsent output. One lock is enough: nothing
	// blocks while it is held.
	mu     sync.Mutex
	store  store
	worded int // how often content was asked for; for Options.Words
	// past is what new connections see of it, nil: the server itself; see Lag.
	past    *Moment
	pastNth int

	spelling   Spelling
	plainNames atomic.Bool // names in UTF-8 are taken
}

// NewServer starts a server. Like httptest.NewServer it panics when it cannot listen.
func NewServer(o Options) *Server {
	o = o.withDefaults()
	s := &Server{opts: o, commands: commands(), conns: make(map[*Conn]struct{})}
	s.store = newStore(string(o.Delimiter))
	s.store.voidUIDs = o.RenameVoidsUIDs
	if o.Gmail != nil {
		s.store.beGmail(*o.Gmail)
	}
	if o.Exchange != nil {
		s.store.beExchange()
	}
	if o.TLS || o.Caps.Has(CapStartTLS) {
		cert, pem, err := selfSigned()
		if err != nil {
			panic(fmt.Sprintf("imaptest: %v", err))
		}
		s.tls, s.certPEM = &tls.Config{Certificates: []tls.Certificate{cert}}, pem
		if o.ClientCA != nil {
			s.tls.ClientAuth, s.tls.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
			s.tls.ClientCAs.AppendCertsFromPEM(o.ClientCA)
		}
	}
	if !o.NoListen {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(fmt.Sprintf("imaptest: listen: %v", err))
		}
		s.listener = l
		s.running.Go(s.accept)
	}
	return s
}

// Addr is the address to connect to, "" with NoListen.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// CertPEM is the certificate of the server, its own authority, for 127.0.0.1 and localhost; nil without TLS and STARTTLS.
func (s *Server) CertPEM() []byte { return s.certPEM }

// Close stops listening, breaks all connections and waits until their goroutines are done. Further calls do nothing.
func (s *Server) Close() {
	s.connMu.Lock()
	s.closed = true
	s.connMu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.DropConnections()
	s.running.Wait()
}

// DropConnections breaks all connections without a BYE; new ones are served as before.
func (s *Server) DropConnections() {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	for c := range s.conns {
		c.abort()
	}
}

// Dial connects in memory, without a socket and without TLS. Writes block only once some megabytes were not read.
func (s *Server) Dial() (net.Conn, error) {
	t := &turns{to: &s.counters}
	client, server := newPipe(s.opts.Latency, t)
	if !s.start(server, nil, true) {
		return nil, errors.New("imaptest: server is closed")
	}
	return client, nil
}

func (s *Server) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.start(nc, &turns{to: &s.counters}, s.opts.TLS) {
			return
		}
	}
}

// start serves a connection, unless the server is closed. t is nil when the turns are counted at the other end.
func (s *Server) start(nc net.Conn, t *turns, protected bool) bool {
	var stream net.Conn = countConn{Conn: nc, to: &s.counters}
	if _, inMemory := nc.(*pipeEnd); s.opts.TLS && !inMemory {
		stream = tls.Server(stream, s.tls)
	}
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.closed {
		_ = nc.Close()
		return false
	}
	s.lastID++
	c := newConn(s, s.lastID, nc, stream, t, protected)
	c.past = s.replica(s.lastID)
	c.excess = s.opts.MaxConnections > 0 && s.admitted() >= s.opts.MaxConnections
	s.conns[c] = struct{}{}
	s.counters.add(func(n *Stats) { n.Connections++ })
	s.running.Go(c.serve)
	return true
}

// admitted counts the connections that were not one too many. The caller holds connMu.
func (s *Server) admitted() int {
	n := 0
	for c := range s.conns {
		if !c.excess {
			n++
		}
	}
	return n
}

// letGo forgets a connection. Its client must not see the end before that: it
// may come back at once, and then not be one too many.
func (s *Server) letGo(c *Conn) {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	delete(s.conns, c)
}

// log writes one line of transcript.
func (s *Server) log(c *Conn, side, line string) {
	if s.opts.Log == nil {
		return
	}
	s.logMu.Lock()
	defer s.logMu.Unlock()
	_, _ = fmt.Fprintf(s.opts.Log, "%d %s: %s\n", c.id, side, line)
}
