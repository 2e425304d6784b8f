// Package netsim is a TCP proxy for tests that gives a loopback connection the
// latency and bandwidth of a real one, counts what crosses it, and can cut or
// stall it at a chosen byte.
//
// [New] starts a [Proxy] in front of a server and stops it with the test:
//
//	p := netsim.New(t, srv.Addr(), netsim.Options{RTT: 40 * time.Millisecond})
//	... talk to p.Addr() ...
//	if s := p.Stats(); s.Turns > 3 { t.Errorf("%d round trips", s.Turns) }
//
// Invariants: bytes arrive unchanged and in order; a fault comes at exactly the
// byte that was asked for and once; after [Proxy.Close] no goroutine of the proxy runs and
// no connection is open. It knows nothing of IMAP, keeps no global state, and
// imports nothing but the standard library.
package netsim

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Options describes the line. The zero value is a perfect one.
type Options struct {
	// RTT is the round-trip time to add: half of it to each byte's way, all of
	// it to opening a connection, as TCP's handshake does.
	RTT time.Duration

	// Bandwidth is in bytes per second each way, shared by all connections; 0 is unlimited.
	Bandwidth int64

	// CutUp and CutDown end every open connection once that many bytes went to
	// the server, or to the client; 0 is never. Later connections work: a cut
	// comes once, until [Proxy.Reset].
	CutUp, CutDown int64

	// StallUp and StallDown stop forwarding in that direction, on every
	// connection and without closing any, once that many bytes went to the
	// server, or to the client; 0 is never. A stall lasts until [Proxy.Reset].
	StallUp, StallDown int64
}

// Stats is what crossed a proxy since it began or was reset.
type Stats struct {
	Connections int   // opened
	Up, Down    int64 // bytes delivered to the server, to the client

	// Turns is how often, over all connections, the client began to send after
	// having received something, or for the first time: the round trips that a
	// client waited for. Opening a connection costs one more, not counted here.
	// MaxTurns is the largest number on one connection.
	Turns, MaxTurns int

	Cuts, Stalls int // faults that came; a test of a fault checks that it did
}

// Proxy forwards TCP connections to one server.
type Proxy struct {
	target string
	l      net.Listener
	closed chan struct{}
	wg     sync.WaitGroup // accept loop and connections

	mu       sync.Mutex // guards what follows
	opt      Options
	stats    Stats
	up, down direction
	conns    map[*conn]struct{}
}

// direction is the state of one way of the line.
type direction struct {
	total   int64 // bytes delivered
	cutAt   int64 // 0: not armed
	stallAt int64 // 0: not armed
	free    time.Time
	stalled chan struct{} // not nil while stalled; closed when that is over
}

// conn is one proxied connection.
type conn struct {
	client, server net.Conn

	// Guarded by Proxy.mu.
	received bool // the client got something since it last sent
	turns    int
}

func (c *conn) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}

// New starts a proxy to target, host:port, that ends with the test.
func New(t testing.TB, target string, opt Options) *Proxy {
	t.Helper()
	p, err := Listen(target, opt)
	if err != nil {
		t.Fatalf("netsim: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// Listen starts a proxy to target on a free loopback port, for use outside of
// a test. The caller closes it.
func Listen(target string, opt Options) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, l: l, opt: opt, closed: make(chan struct{}), conns: map[*conn]struct{}{}}
	p.arm()
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			p.wg.Add(1)
			go func() {
				defer p.wg.Done()
				p.serve(c)
			}()
		}
	}()
	return p, nil
}

// Addr is the address that clients dial, host:port.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// Stats returns the counters.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Up, s.Down = p.up.total, p.down.total
	return s
}

// Reset sets the counters to zero, arms the faults anew and ends a stall.
// Open connections stay, and their turns count from zero.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats = Stats{}
	for c := range p.conns {
		c.turns = 0
	}
	p.arm()
}

// Configure replaces the options and resets.
func (p *Proxy) Configure(opt Options) {
	p.mu.Lock()
	p.opt = opt
	p.mu.Unlock()
	p.Reset()
}

// Cut ends every open connection now, as a lost network does.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Cuts++
	p.cutAll()
}

// Close ends all connections, stops listening and waits until all is over.
// Closing twice is fine.
func (p *Proxy) Close() {
	p.mu.Lock()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	p.cutAll()
	p.mu.Unlock()
	_ = p.l.Close()
	p.wg.Wait()
}

// arm resets both directions. The caller holds mu.
func (p *Proxy) arm() {
	for _, d := range []*direction{&p.up, &p.down} {
		if d.stalled != nil {
			close(d.stalled)
		}
		*d = direction{free: d.free}
	}
	p.up.cutAt, p.up.stallAt = p.opt.CutUp, p.opt.StallUp
	p.down.cutAt, p.down.stallAt = p.opt.CutDown, p.opt.StallDown
}

// cutAll closes every connection. The caller holds mu.
func (p *Proxy) cutAll() {
	for c := range p.conns {
		c.close()
	}
}

// serve forwards one connection until both ways are at their end.
func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	rtt := p.opt.RTT
	p.mu.Unlock()
	if !p.sleepUntil(time.Now().Add(rtt)) {
		_ = client.Close()
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &conn{client: client, server: server, received: true}
	p.mu.Lock()
	select {
	case <-p.closed:
		p.mu.Unlock()
		c.close()
		return
	default:
	}
	p.conns[c] = struct{}{}
	p.stats.Connections++
	p.mu.Unlock()

	var pumps sync.WaitGroup
	pumps.Go(func() { p.pump(c, &p.up) })
	pumps.Go(func() { p.pump(c, &p.down) })
	pumps.Wait()
	c.close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// chunk is some bytes on their way, and when they arrive.
type chunk struct {
	due  time.Time
	data []byte
}

// pump carries one direction of a connection: this goroutine reads and dates,
// another one delivers.
func (p *Proxy) pump(c *conn, d *direction) {
	src, dst := c.client, c.server
	if d == &p.down {
		src, dst = c.server, c.client
	}
	// A few megabytes may be on the line; then the sender has to wait.
	line := make(chan chunk, 256)
	var delivery sync.WaitGroup
	delivery.Go(func() {
		for k := range line {
			if !p.deliver(c, d, dst, k) {
				c.close()
				for range line {
					continue // drain, so that the reader gets to its end
				}
				return
			}
		}
		if t, ok := dst.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	})
	for {
		buf := make([]byte, 16<<10)
		n, err := src.Read(buf)
		if n > 0 {
			p.mu.Lock()
			if d == &p.up && c.received {
				c.received = false
				c.turns++
				p.stats.Turns++
				p.stats.MaxTurns = max(p.stats.MaxTurns, c.turns)
			}
			due := time.Now().Add(p.opt.RTT / 2)
			p.mu.Unlock()
			line <- chunk{due, buf[:n]}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.close()
			}
			break
		}
	}
	close(line)
	delivery.Wait()
}

// deliver writes a chunk when its time has come. It reports false when the
// connection is over.
func (p *Proxy) deliver(c *conn, d *direction, dst net.Conn, k chunk) bool {
	if !p.sleepUntil(k.due) || !p.sleepUntil(p.reserve(d, len(k.data))) {
		return false
	}
	for data := k.data; len(data) > 0; {
		n, wait, cut := p.admit(c, d, len(data))
		if wait != nil {
			select {
			case <-wait:
			case <-p.closed:
				return false
			}
			continue
		}
		if _, err := dst.Write(data[:n]); err != nil {
			return false
		}
		data = data[n:]
		if cut {
			p.mu.Lock()
			p.cutAll()
			p.mu.Unlock()
			return false
		}
	}
	return true
}

// reserve takes n bytes' time of the line and returns when it is over.
func (p *Proxy) reserve(d *direction, n int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.opt.Bandwidth <= 0 {
		return now
	}
	if d.free.Before(now) {
		d.free = now
	}
	d.free = d.free.Add(time.Duration(float64(n) / float64(p.opt.Bandwidth) * float64(time.Second)))
	return d.free
}

// admit says how many of n bytes may go now, counts them, and says whether
// the line is cut after them. With wait set, nothing may go until it is closed.
func (p *Proxy) admit(c *conn, d *direction, n int) (pass int, wait <-chan struct{}, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.stalled != nil {
		return 0, d.stalled, false
	}
	pass = n
	if left := d.cutAt - d.total; d.cutAt > 0 && left <= int64(pass) {
		pass, cut = int(left), true
	}
	if left := d.stallAt - d.total; d.stallAt > 0 && left <= int64(pass) {
		pass, cut = int(left), false
		d.stallAt = 0
		d.stalled = make(chan struct{})
		p.stats.Stalls++
	}
	if cut {
		d.cutAt = 0
		p.stats.Cuts++
	}
	d.total += int64(pass)
	if d == &p.down {
		c.received = true
	}
	return pass, nil, cut
}

// sleepUntil waits, and reports false when the proxy was closed meanwhile.
func (p *Proxy) sleepUntil(when time.Time) bool {
	d := time.Until(when)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.closed:
		return false
	}
}
