package judge

import (
	"net"
	"slices"
	"sync"
)

// trigger is something to be done when a number of bytes went over the line.
type trigger struct {
	at     int64
	do     func()
	others bool // done by others: afterwards, when the place was not reached
}

// wire is a line to a server, always at the same address. It counts what the
// program sends and receives, over all connections. While a trigger acts,
// nothing goes over it.
type wire struct {
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu       sync.Mutex // guards what follows, and is held while a trigger acts
	total    int64
	triggers []trigger
	dead     bool // nothing goes over it until the next run
	conns    map[net.Conn]bool
}

func newWire(target string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{target: target, l: l, conns: map[net.Conn]bool{}}
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			w.wg.Go(func() { w.serve(c) })
		}
	})
	return w, nil
}

func (w *wire) port() int { return w.l.Addr().(*net.TCPAddr).Port }

func (w *wire) close() {
	_ = w.l.Close()
	w.hangUp()
	w.wg.Wait()
}

// arm begins a run. Nothing goes over the line before the start is complete.
func (w *wire) arm(triggers []trigger, start func() error) error {
	slices.SortStableFunc(triggers, func(a, b trigger) int { return int(a.at - b.at) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total, w.triggers, w.dead = 0, triggers, false
	return start()
}

// disarm ends a run and returns what went over the line, and the triggers that
// were not reached.
func (w *wire) disarm() (total int64, left []trigger) {
	w.mu.Lock()
	total, left, w.triggers = w.total, w.triggers, nil
	w.mu.Unlock()
	w.hangUp()
	return total, left
}

// cut ends all connections; a program may open others. It is for triggers, so
// the lock is held.
func (w *wire) cut() {
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

func (w *wire) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	w.cut()
}

// hold notes the two ends of a connection, unless the line is dead.
func (w *wire) hold(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return false
	}
	for _, c := range conns {
		w.conns[c] = true
	}
	return true
}

func (w *wire) serve(client net.Conn) {
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = client.Close()
		return
	}
	if w.hold(client, server) {
		var both sync.WaitGroup
		both.Go(func() { w.copy(server, client) })
		both.Go(func() { w.copy(client, server) })
		both.Wait()
	}
	_ = client.Close()
	_ = server.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, client)
	delete(w.conns, server)
}

// copy passes one direction on.
func (w *wire) copy(dst, src net.Conn) {
	defer func() { _ = dst.(*net.TCPConn).CloseWrite() }()
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		for data := buf[:n]; len(data) > 0; {
			pass, ok := w.admit(dst, len(data))
			if !ok {
				return
			}
			if _, err := dst.Write(data[:pass]); err != nil {
				return
			}
			data = data[pass:]
		}
		if err != nil {
			return
		}
	}
}

// admit says how many of n bytes may go now: up to the next trigger, which
// acts when they have gone and more are to follow.
func (w *wire) admit(dst net.Conn, n int) (pass int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.triggers) > 0 && w.triggers[0].at <= w.total {
		act := w.triggers[0].do
		w.triggers = w.triggers[1:]
		act()
	}
	if w.dead || !w.conns[dst] {
		return 0, false
	}
	if len(w.triggers) > 0 {
		n = int(min(int64(n), w.triggers[0].at-w.total))
	}
	w.total += int64(n)
	return n, true
}
