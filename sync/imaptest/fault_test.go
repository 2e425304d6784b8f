package imaptest

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestHook(t *testing.T) {
	faults := make(chan Action, 1)
	s := start(t, Options{Hook: func(_ *Conn, _, verb, line string) Action {
		if verb != "UID STORE" || line != `x UID STORE 1 +FLAGS.SILENT \Seen` {
			return Action{}
		}
		return <-faults
	}})
	fill(s, "INBOX", 1)
	store := `x UID STORE 1 +FLAGS.SILENT \Seen`
	connect := func() *client {
		s.StoreFlags("INBOX", 1, nil, []string{`\Seen`})
		c := login(t, s)
		c.script("C: s SELECT INBOX\nS: ...\nS: s OK ...")
		return c
	}
	seen := func() bool {
		m, _ := s.Message("INBOX", 1)
		return len(m.Flags) == 1
	}

	c := connect()
	faults <- Action{Before: "* 1 FETCH (FLAGS (X))\r\n", Reply: "NO [LIMIT] Enough"}
	c.script("C: " + store + "\nS: * 1 FETCH (FLAGS (X))\nS: x NO [LIMIT] Enough\nC: y NOOP\nS: y OK ...")
	if seen() {
		t.Error("a command that was answered by the hook was executed")
	}
	for _, tc := range []struct {
		fault Fault
		seen  bool
	}{{DropBefore, false}, {DropAfter, true}, {StallBefore, false}, {StallAfter, true}} {
		c := connect()
		faults <- Action{Fault: tc.fault, Delay: time.Millisecond}
		c.send("w NOOP")
		c.send(store)
		c.script("S: w OK ...")
		_ = c.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := c.r.ReadByte()
		if err == nil {
			t.Errorf("fault %d: the client got an answer", tc.fault)
		}
		stalled := strings.Contains(err.Error(), "timeout")
		if want := tc.fault >= StallBefore; stalled != want {
			t.Errorf("fault %d: read ended with %v", tc.fault, err)
		}
		if seen() != tc.seen {
			t.Errorf("fault %d: executed %t", tc.fault, !tc.seen)
		}
	}
}

func TestMangleAndLog(t *testing.T) {
	var transcript bytes.Buffer
	s := NewServer(Options{Log: &transcript, Mangle: func(_ *Conn, line string) string {
		if strings.Contains(line, "RECENT") {
			return ""
		}
		return strings.Replace(line, "APPENDUID 1 1", "APPENDUID 1 0", 1)
	}})
	defer s.Close()
	c := login(t, s)
	c.script(`
		C: a SELECT INBOX
		S: * FLAGS ...
		S: * OK [PERMANENTFLAGS ...
		S: * 0 EXISTS
		S: * OK [UIDVALIDITY ...
		S: ...
		S: a OK ...
		C: b APPEND INBOX {3+}|abc
		S: * 1 EXISTS
		S: b OK [APPENDUID 1 0] ...
		C: c UID FETCH 1 BODY[]
		S: * 1 FETCH (BODY[] <abc> UID 1 FLAGS (\Seen \Recent))
		S: c OK ...
	`)
	s.Close()
	for _, want := range []string{"1 C: b APPEND INBOX {3+}\n", "1 S: * 1 EXISTS\n", "1 S: * 1 FETCH (BODY[] {3}\r\nabc UID 1"} {
		if !strings.Contains(transcript.String(), want) {
			t.Errorf("transcript lacks %q:\n%s", want, transcript.String())
		}
	}
}

func TestDropConnections(t *testing.T) {
	s := start(t, Options{})
	c := login(t, s)
	s.DropConnections()
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("connection survived")
	}
	login(t, s).script("C: a NOOP\nS: a OK ...")
	s.Close()
	if _, err := s.Dial(); err == nil {
		t.Error("a closed server takes connections")
	}
}
