package remote

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// TestTooManyConnections: however a server refuses one, it is recognised.
func TestTooManyConnections(t *testing.T) {
	for name, x := range map[string]struct {
		answer string
		want   refusal.Limit
	}{
		"at login":       {"NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded", refusal.LimitConnections},
		"by BYE":         {"* BYE Too many connections, try again later", refusal.LimitConnections},
		"without a word": {"", refusal.LimitUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{MaxConnections: 1, TooMany: x.answer})
			cl, c := connect(t, dialOptions(srv.Dial))
			_, err := cl.Connect(t.Context())
			if limit, _ := refusal.LimitOf(err); limit != x.want || mail.KindOf(err) != mail.KindConnection || mail.HintOf(err) == "" {
				t.Errorf("limit %d of %v (hint %q)", limit, err, mail.HintOf(err))
			}
			if refusal.ClosedEarly(err) != (x.answer == "") {
				t.Errorf("closed early: %t", refusal.ClosedEarly(err))
			}
			if err := c.Noop(t.Context()); err != nil {
				t.Errorf("the first connection: %v", err)
			}
		})
	}
}

// TestThrottled: whatever is refused like that, the connection ends with the
// reason, and everything else in flight with it.
func TestThrottled(t *testing.T) {
	const throttled = "BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds"
	ops := map[string]func(c *Conn) error{
		"LIST":   func(c *Conn) error { _, err := c.ListMailboxes(t.Context()); return err },
		"SELECT": func(c *Conn) error { _, err := c.Select(t.Context(), "INBOX", 0); return err },
		"UID FETCH": func(c *Conn) error {
			_, err := c.FetchBodies(t.Context(), []BodyRequest{{Mailbox: "INBOX", UIDs: []mail.UID{1, 2}}}, func(b Body) error {
				_, err := io.Copy(io.Discard, b)
				return err
			})
			return err
		},
		"APPEND": func(c *Conn) error {
			return c.Append(t.Context(), "INBOX", []AppendRequest{request([]byte("a\r\n")), request([]byte("b\r\n"))},
				func(int, mail.UID, mail.UIDValidity, error) {
					t.Error("called for a message of which nothing is known")
				})
		},
	}
	for verb, op := range ops {
		t.Run(verb, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, v, _ string) imaptest.Action {
				if v == verb {
					return imaptest.Action{Reply: throttled}
				}
				return imaptest.Action{}
			}})
			fill(srv, "INBOX", 3)
			_, c := connect(t, dialOptions(srv.Dial))
			err := op(c)
			if limit, wait := refusal.LimitOf(err); limit != refusal.LimitRate || wait != 89117*time.Millisecond || mail.KindOf(err) != mail.KindConnection {
				t.Errorf("limit %d, wait %v, %v", limit, wait, err)
			}
			if err := c.Noop(t.Context()); mail.KindOf(err) != mail.KindConnection {
				t.Errorf("not dead: %v", err)
			}
		})
	}
}

// TestAppendStopsWhenFull: what is not on its way yet is not sent.
func TestAppendStopsWhenFull(t *testing.T) {
	srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "APPEND" {
			return imaptest.Action{Reply: "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)"}
		}
		return imaptest.Action{}
	}})
	_, c := connect(t, dialOptions(srv.Dial))
	var reqs []AppendRequest
	for i := range 3000 {
		reqs = append(reqs, request(message(i)))
	}
	refused := 0
	err := c.Append(t.Context(), "INBOX", reqs, func(i int, _ mail.UID, _ mail.UIDValidity, err error) {
		if limit, _ := refusal.LimitOf(err); limit != refusal.LimitQuota || i != refused {
			t.Fatalf("message %d: %v", i, err)
		}
		refused++
	})
	if err != nil || refused != len(reqs) {
		t.Fatalf("%d refused, %v", refused, err)
	}
	if n := srv.Stats().Commands["APPEND"]; n > appendWindow {
		t.Errorf("%d messages were sent to be refused", n)
	}
}

// TestAppendLimit: no byte of a message that is too large is sent.
func TestAppendLimit(t *testing.T) {
	for name, x := range map[string]struct {
		o    imaptest.Options
		want map[string]bool // too big for the mailbox
	}{
		"of the server": {imaptest.Options{AppendLimit: 1000}, map[string]bool{"INBOX": true, "Large": true}},
		"of a mailbox":  {imaptest.Options{AppendLimits: map[string]int64{"INBOX": 1000}}, map[string]bool{"INBOX": true}},
		"without LIST-STATUS": {imaptest.Options{AppendLimits: map[string]int64{"INBOX": 1000}, Caps: imaptest.DefaultCaps.Without(imaptest.CapListStatus)},
			map[string]bool{"INBOX": true}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, x.o)
			if err := srv.CreateMailbox("Large"); err != nil {
				t.Fatal(err)
			}
			_, c := connect(t, dialOptions(srv.Dial))
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, mailbox := range []string{"INBOX", "Large"} {
				before := srv.Stats().BytesIn
				err := c.Append(t.Context(), mailbox, []AppendRequest{request([]byte(strings.Repeat("x", 5000) + "\r\n"))},
					func(_ int, _ mail.UID, _ mail.UIDValidity, err error) {
						if errors.Is(err, ErrTooBig) != x.want[mailbox] || (err != nil) != x.want[mailbox] {
							t.Errorf("%s: %v", mailbox, err)
						}
					})
				if err != nil {
					t.Fatal(err)
				}
				if sent := srv.Stats().BytesIn - before; x.want[mailbox] && sent > 0 {
					t.Errorf("%s: %d bytes were sent", mailbox, sent)
				}
			}
		})
	}
}

// TestCommandLength: whatever is in it, no command is longer than servers
// take.
func TestCommandLength(t *testing.T) {
	var mu sync.Mutex
	longest := map[string]int{}
	srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapMove), Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		mu.Lock()
		defer mu.Unlock()
		longest[verb] = max(longest[verb], len(line))
		return imaptest.Action{}
	}})
	name := strings.TrimSuffix(strings.Repeat("a long level of a name/", 130), "/")
	if err := srv.CreateMailbox(name); err != nil {
		t.Fatal(err)
	}
	fill(srv, "INBOX", 6000)
	var sparse []mail.UID
	var items []SampleItem
	for u := mail.UID(1); u < 6000; u += 2 {
		sparse = append(sparse, u)
		items = append(items, SampleItem{UID: u, Offset: 1 << 40, Length: 1 << 30})
	}
	var keywords []string
	for i := range 26 {
		keywords = append(keywords, strings.Repeat(string(rune('a'+i)), wire.MaxKeyword))
	}
	flags := mail.NewFlags(keywords...)
	tooLong := strings.Repeat("z", wire.MaxKeyword+1)
	_, c := connect(t, dialOptions(srv.Dial))
	ctx := t.Context()
	if _, err := c.ListMailboxes(ctx); err != nil {
		t.Fatal(err)
	}
	if got, _ := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: sparse}); len(got) != len(sparse) {
		t.Errorf("%d bodies", len(got))
	}
	if _, err := c.FetchSamples(ctx, []SampleRequest{{Mailbox: "INBOX", Items: items}}, func(string, Sample) error { return nil }); err != nil {
		t.Error(err)
	}
	sel := selectBox(t, c, "INBOX")
	res, err := sel.Store(ctx, []StoreRequest{{UIDs: sparse, Delta: mail.Delta{Add: flags.Union(mail.NewFlags(tooLong))}, UnchangedSince: 1 << 60}})
	if err != nil || res[0].Err != nil || !res[0].Refused.Equal(mail.NewFlags(tooLong)) {
		t.Errorf("store: %v, %v, refused %v", err, res[0].Err, res[0].Refused)
	}
	if m, _ := srv.Message("INBOX", 1); len(m.Flags) < 26 {
		t.Errorf("%d flags arrived", len(m.Flags))
	}
	if moved, err := sel.Move(ctx, sparse, name); err != nil || len(moved.Pairs) != len(sparse) {
		t.Errorf("%d moved, %v", len(moved.Pairs), err)
	}
	if err := c.Append(ctx, name, []AppendRequest{request(message(1), keywords...)}, func(_ int, _ mail.UID, _ mail.UIDValidity, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Error(err)
	}
	if err := c.Rename(ctx, name, "another/"+name); err != nil {
		t.Error(err)
	}
	if _, err := c.Create(ctx, strings.Repeat("y", 4000)); err == nil || isDead(err) {
		t.Errorf("a name that fits into no command: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, verb := range []string{"UID FETCH", "UID STORE", "UID COPY", "UID EXPUNGE", "APPEND", "RENAME"} {
		if n := longest[verb]; n > wire.MaxCommand || n < 4000 {
			t.Errorf("the longest %s has %d bytes; at most %d are allowed, and less than 4,000 tests nothing", verb, n, wire.MaxCommand)
		}
	}
}

// hangingUp is a connection that the server closes with a BYE once a command
// with verb is written. Writing notices first: the BYE is read after that.
type hangingUp struct {
	net.Conn
	verb   string
	closed chan struct{}
	said   io.Reader
}

func (h *hangingUp) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(h.verb)) {
		close(h.closed)
		_ = h.SetReadDeadline(time.Unix(1, 0))
		return 0, syscall.EPIPE
	}
	return h.Conn.Write(p)
}

func (h *hangingUp) Read(p []byte) (int, error) {
	hungUp := func() bool {
		select {
		case <-h.closed:
			return true
		default:
			return false
		}
	}
	if !hungUp() {
		if n, err := h.Conn.Read(p); !hungUp() {
			return n, err
		}
	}
	return h.said.Read(p)
}

// TestLastWords: what a server says before it hangs up counts, also when
// writing to it fails before that is read.
func TestLastWords(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	_, c := connect(t, dialOptions(func() (net.Conn, error) {
		conn, err := srv.Dial()
		return &hangingUp{Conn: conn, verb: "NOOP", closed: make(chan struct{}), said: strings.NewReader("* BYE Too many connections\r\n")}, err
	}))
	err := c.Noop(t.Context())
	if limit, _ := refusal.LimitOf(err); limit != refusal.LimitConnections || mail.KindOf(err) != mail.KindConnection {
		t.Errorf("limit %d of %v", limit, err)
	}
}
