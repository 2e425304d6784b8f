package imaptest

import (
	"bytes"
	"compress/flate"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (s *Server) clientTLS(t *testing.T) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CertPEM()) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

func TestTLS(t *testing.T) {
	s := start(t, Options{TLS: true, Caps: DefaultCaps.With(CapLoginDisabled)})
	conn, err := tls.Dial("tcp", s.Addr(), s.clientTLS(t))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.line()
	c.script("C: a LOGIN ann secret\nS: a OK ...\nC: b LOGOUT\nS: * BYE ...\nS: b OK ...")
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("connection ended with %v", err)
	}
	if got := s.Stats().RoundTrips; got != 2 {
		t.Errorf("%d round trips", got)
	}
}

func TestStartTLSAndCompress(t *testing.T) {
	s := start(t, Options{Caps: DefaultCaps.With(CapStartTLS, CapLoginDisabled, CapCompress)})
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.script(`
		S: * OK [CAPABILITY ... LOGINDISABLED ... STARTTLS ...] ...
		C: a LOGIN ann secret
		S: a NO [PRIVACYREQUIRED] ...
		C: b STARTTLS
		S: b OK ...
	`)
	secure := tls.Client(conn, s.clientTLS(t))
	c = newClient(t, secure)
	c.script(`
		C: c LOGIN ann secret
		S: c OK ...
		C: d STARTTLS
		S: d BAD ...
		C: e COMPRESS DEFLATE
		S: e OK ...
	`)
	w, _ := flate.NewWriter(secure, flate.BestSpeed)
	c = newClient(t, deflated{secure, flate.NewReader(secure), w})
	c.script("C: f CREATE x\nS: f OK ...\nC: g COMPRESS DEFLATE\nS: g NO [COMPRESSIONACTIVE] ...")

	conn, err = net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c = newClient(t, conn)
	c.line()
	c.send("a STARTTLS\r\nb NOOP")
	c.script("S: a BAD Pipelining ...")
}

type deflated struct {
	net.Conn
	r io.Reader
	w *flate.Writer
}

func (d deflated) Read(b []byte) (int, error) { return d.r.Read(b) }
func (d deflated) Write(b []byte) (int, error) {
	n, err := d.w.Write(b)
	return n, errors.Join(err, d.w.Flush())
}

// A client may write all its commands before it reads the first reply, however long the replies are.
func TestPipelining(t *testing.T) {
	s := start(t, Options{})
	s.Append("INBOX", nil, day(1), bytes.Repeat([]byte("0123456789abcdef"), 1<<14))
	for name, connect := range map[string]func() (net.Conn, error){
		"pipe": s.Dial,
		"tcp":  func() (net.Conn, error) { return net.Dial("tcp", s.Addr()) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, conn)
			c.send("a LOGIN ann secret\r\nb SELECT INBOX")
			const n = 400
			for i := range n {
				c.send(fmt.Sprintf("t%d UID FETCH 1 BODY.PEEK[]", i))
			}
			done := 0
			for done < n {
				if strings.HasPrefix(c.line(), fmt.Sprintf("t%d OK", done)) {
					done++
				}
			}
		})
	}
}

func TestStats(t *testing.T) {
	s := start(t, Options{})
	c := login(t, s) // greeting, then one turn
	c.send("a NOOP")
	c.send("b NOOP")
	c.script("S: a OK ...\nS: b OK ...\nC: c UID FETCH 1 FLAGS\nS: c BAD ...")
	got := s.Stats()
	if got.Connections != 1 || got.RoundTrips != 3 || got.Commands["NOOP"] != 2 || got.Commands["UID FETCH"] != 1 {
		t.Errorf("%+v", got)
	}
	if want := int64(len("l LOGIN ann secret\r\na NOOP\r\nb NOOP\r\nc UID FETCH 1 FLAGS\r\n")); got.BytesIn != want || got.BytesOut < 100 {
		t.Errorf("bytes %d in (want %d), %d out", got.BytesIn, want, got.BytesOut)
	}
	s.ResetStats()
	if got := s.Stats(); got.Connections != 0 || len(got.Commands) != 0 {
		t.Errorf("after reset: %+v", got)
	}
}

// With latency and a pretended clock, time is a measure of round trips.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{NoListen: true, Latency: 50 * time.Millisecond})
		defer s.Close()
		begin := time.Now()
		c := login(t, s)
		c.send("a NOOP")
		c.send("b NOOP")
		c.script("S: a OK ...\nS: b OK ...")
		if got := time.Since(begin); got != 250*time.Millisecond {
			t.Errorf("took %v", got)
		}
		_ = c.conn.Close()
	})
}

// The clock is a pretended one, or a busy machine would be late for the deadlines.
func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe(0, &turns{to: &counters{}})
		_ = client.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		_ = client.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := client.Write(make([]byte, pipeBuffer+1)); n != pipeBuffer || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d: %v", n, err)
		}
		_ = client.Close()
		if n, err := io.Copy(io.Discard, server); n != pipeBuffer || err != nil {
			t.Errorf("read %d: %v", n, err)
		}
		if _, err := server.Write([]byte("x")); err == nil {
			t.Error("wrote to a closed pipe")
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	})
}

func TestLargeMailbox(t *testing.T) {
	s := start(t, Options{})
	const n = 100_000
	body := []byte("Subject: x\r\n\r\nx\r\n")
	for range n {
		s.Append("INBOX", nil, day(1), body)
	}
	begin := time.Now()
	c := login(t, s)
	c.script("C: a ENABLE QRESYNC\nS: ...\nS: a OK ...\nC: b SELECT INBOX\nS: ...\nS: b OK ...\nC: c UID FETCH 1:* (UID FLAGS RFC822.SIZE)")
	c.script(`
		S: ...
		S: c OK ...
		C: d UID STORE 1:50000 +FLAGS.SILENT (\Deleted)
		S: ...
		S: d OK ...
		C: e EXPUNGE
		S: * VANISHED 1:50000
		S: e OK ...
		C: f SELECT INBOX (QRESYNC (1 100000))
		S: ...
		S: * VANISHED (EARLIER) 1:50000
		S: ...
		S: f OK ...
	`)
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}
