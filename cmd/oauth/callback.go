package oauth

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// The port that a browser comes back to is open to every user of this machine.
// None of them may hold up the browser: each connection has to say soon what it
// wants, and of too many that say nothing the oldest are closed.

const (
	// guestTime is how long a connection may take to ask, and to take the answer.
	guestTime = 5 * time.Second
	// maxGuests is how many may be open that have not asked yet.
	maxGuests = 32
	// maxAsked bounds what a request may say, in bytes.
	maxAsked = 16 << 10
	// farewell is how long a page may take that is being sent when all is over.
	farewell = time.Second
)

// callback is what the browser brings back (RFC 6749 §4.1.2).
type callback struct {
	code   string
	failed error
}

// handleCallback takes the first request that knows the state, and tells all
// others that they are none of its business.
func handleCallback(state string, back chan<- callback) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		known := subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state)) == 1
		if r.Method != http.MethodGet || r.URL.Path != "/" || !known {
			http.NotFound(w, r)
			return
		}
		got := callback{code: query.Get("code")}
		page := "satchel has the permission. This page can be closed."
		if got.code == "" {
			got.failed = &oauth2.RetrieveError{ErrorCode: query.Get("error"), ErrorDescription: query.Get("error_description"),
				Response: &http.Response{Status: "without a code"}}
			page = "satchel was not given the permission. The terminal says why."
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, page) // a browser that is gone needs no page
		select {
		case back <- got:
		default: // it came twice
		}
	})
}

// newDoor is the server that the browser comes back to.
func newDoor(h http.Handler) *http.Server {
	var waiting guests
	s := &http.Server{Handler: h, ReadTimeout: guestTime, WriteTimeout: guestTime, IdleTimeout: guestTime, MaxHeaderBytes: maxAsked, ConnState: waiting.note}
	s.SetKeepAlivesEnabled(false)
	return s
}

// shut lets the page be sent, and closes what is left.
func shut(ctx context.Context, s *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_ = s.Shutdown(ctx)
	_ = s.Close()
}

// guests are the connections on which nothing was asked yet, the oldest first.
type guests struct {
	mu   sync.Mutex
	open []net.Conn
}

func (g *guests) note(c net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if state == http.StateNew {
		g.open = append(g.open, c)
		if len(g.open) > maxGuests {
			_ = g.open[0].Close()
			g.open = slices.Delete(g.open, 0, 1)
		}
		return
	}
	// One that has begun to speak counts on: a line may drip. It goes when it has
	// been answered, or closed.
	if state == http.StateClosed || state == http.StateIdle {
		g.open = slices.DeleteFunc(g.open, func(o net.Conn) bool { return o == c })
	}
}
