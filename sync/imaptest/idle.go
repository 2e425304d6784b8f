package imaptest

import (
	"strings"
	"sync"
)

// freeIdle pushes changes until the client says DONE, RFC 2177. The serving goroutine waits for the DONE, another one pushes.
func freeIdle(c *Conn, _ string, p *parser) string {
	if !p.end() {
		return ""
	}
	c.say("+ idling")
	done := make(chan struct{})
	var pusher sync.WaitGroup
	pusher.Go(func() {
		for {
			c.push()
			select {
			case <-c.notify:
			case <-done:
				return
			}
		}
	})
	line, bare, err := c.readLine()
	close(done)
	pusher.Wait()
	switch {
	case err != nil:
		c.ending = true
		return "BAD Input ended"
	case bare || !strings.EqualFold(string(line), "DONE"):
		return "BAD Expected DONE"
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.tell(tellAll)
	return "OK Idle completed"
}

// push sends what there is to tell. A mailbox that is gone ends the connection from here, as its client may stay silent.
func (c *Conn) push() {
	c.srv.mu.Lock()
	ended := c.sel != nil && c.sel.ended
	c.tell(tellAll)
	c.srv.mu.Unlock()
	c.flush()
	if ended {
		c.outbox.drain()
		c.abort()
	}
}
