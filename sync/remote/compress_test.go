package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/resync"
)

func compressing(t *testing.T, o imaptest.Options) (*imaptest.Server, Options) {
	o.Caps = o.Caps.With(imaptest.CapCompress)
	srv := newServer(t, o)
	opts := dialOptions(srv.Dial)
	opts.Compress = CompressAlways
	return srv, opts
}

// TestCompressCostsNoTurn: COMPRESS rides in the flight of LIST.
func TestCompressCostsNoTurn(t *testing.T) {
	for _, m := range []Compression{CompressNever, CompressAlways} {
		t.Run(string(m), func(t *testing.T) {
			srv, o := compressing(t, imaptest.Options{})
			o.Compress = m
			cl, c := connect(t, o)
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			if st := cl.Stats(); st.RoundTrips != 2 {
				t.Errorf("%d turns for login and list, want 2", st.RoundTrips)
			}
			if got, want := srv.Stats().Commands["COMPRESS"], map[Compression]int{CompressAlways: 1}[m]; got != want {
				t.Errorf("COMPRESS was sent %d times, want %d", got, want)
			}
			// And again: it is asked for once.
			if err := c.Compress(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.ListMailboxes(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := srv.Stats().Commands["COMPRESS"]; got > 1 {
				t.Errorf("COMPRESS was sent %d times", got)
			}
		})
	}
}

// TestCompressedSession sends everything both ways over a compressed
// connection, and counts what is on the wire.
func TestCompressedSession(t *testing.T) {
	srv, o := compressing(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 500)
	large := append(message(1000), strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 20000)...)
	uids = append(uids, mail.UID(srv.Append("INBOX", nil, time.Unix(1, 0), large)))
	cl, c := connect(t, o)
	if err := c.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true}); len(got.New) != len(uids) {
		t.Fatalf("%d messages", len(got.New))
	}
	got, failed := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: uids})
	if len(failed) > 0 || len(got) != len(uids) || got[fmt.Sprintf("INBOX/%d", uids[500])] != string(large) {
		t.Fatalf("%d bodies, %v", len(got), failed)
	}
	reqs := make([]AppendRequest, 300)
	for i := range reqs {
		msg := message(i)
		if i == 150 {
			msg = large
		}
		reqs[i] = AppendRequest{Size: int64(len(msg)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(msg)), nil }}
	}
	sent := 0
	err := c.Append(t.Context(), "INBOX", reqs, func(_ int, uid mail.UID, _ mail.UIDValidity, err error) {
		if err != nil || uid == 0 {
			t.Errorf("append: %d, %v", uid, err)
		}
		sent++
	})
	if err != nil || sent != len(reqs) {
		t.Fatalf("%d sent: %v", sent, err)
	}
	if all := srv.Messages("INBOX"); string(all[len(uids)+150].Content) != string(large) {
		t.Error("the large message arrived as another one")
	}
	// The server counts on the wire, and so do we.
	st, wire := cl.Stats(), srv.Stats()
	if st.BytesIn != wire.BytesOut || st.BytesOut != wire.BytesIn {
		t.Errorf("we count %d in, %d out; the server %d and %d", st.BytesIn, st.BytesOut, wire.BytesOut, wire.BytesIn)
	}
	if st.BytesIn > int64(len(large))/5 || st.BytesOut > int64(len(large))/5 {
		t.Errorf("%d bytes in, %d out: that is not compressed", st.BytesIn, st.BytesOut)
	}
}

func TestCompressRefused(t *testing.T) {
	for _, reply := range []string{"NO [COMPRESSIONACTIVE] DEFLATE active via TLS", "BAD Unknown command"} {
		t.Run(reply, func(t *testing.T) {
			srv, o := compressing(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if verb == "COMPRESS" {
					return imaptest.Action{Reply: reply}
				}
				return imaptest.Action{}
			}})
			fill(srv, "INBOX", 3)
			_, c := connect(t, o)
			boxes, err := c.ListMailboxes(t.Context())
			if err != nil || len(boxes) != 1 || boxes[0].Status.Messages != 3 {
				t.Fatalf("%v, %v", boxes, err)
			}
			if err := c.Compress(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, _ := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: []mail.UID{1, 2, 3}}); len(got) != 3 {
				t.Errorf("%d bodies", len(got))
			}
		})
	}
}

// TestCompressLies: a server that says it compresses and does not, and one
// that breaks off in the middle.
func TestCompressLies(t *testing.T) {
	for name, x := range map[string]struct {
		behind string
		want   error // nil: any of the connection
	}{
		"clear text": {"* 3 EXISTS\r\n* 0 RECENT\r\nX2 OK done\r\n", errDeflate},
		"cut off":    {"\x04", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, o := compressing(t, imaptest.Options{Hook: func(_ *imaptest.Conn, tag, verb, _ string) imaptest.Action {
				if verb == "COMPRESS" {
					return imaptest.Action{Before: tag + " OK\r\n" + x.behind, Fault: imaptest.DropBefore}
				}
				return imaptest.Action{}
			}})
			_, c := connect(t, o)
			err := c.Compress(t.Context())
			if err == nil {
				err = c.Noop(t.Context())
			}
			if x.want != nil && !errors.Is(err, x.want) || mail.KindOf(err) != mail.KindConnection {
				t.Errorf("got %v, want %v", err, x.want)
			}
		})
	}
}

// TestCompressedStall: deadlines are about what the network brings.
func TestCompressedStall(t *testing.T) {
	_, o := compressing(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "NOOP" {
			return imaptest.Action{Fault: imaptest.StallBefore}
		}
		return imaptest.Action{}
	}})
	o.Timeout = 100 * time.Millisecond
	_, c := connect(t, o)
	if err := c.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Noop(t.Context()); !errors.Is(err, dial.ErrStalled) {
		t.Errorf("got %v, want a stall", err)
	}
}

// TestCompressedBomb: a line of a gigabyte takes a megabyte on the wire, and
// is refused all the same.
func TestCompressedBomb(t *testing.T) {
	_, o := compressing(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		if strings.Contains(line, "OK Completed") { // of NOOP
			return "* OK " + strings.Repeat("x", maxResponse+1<<20)
		}
		return line
	}})
	_, c := connect(t, o)
	if err := c.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Noop(t.Context()); !errors.Is(err, errLongLine) {
		t.Errorf("got %v, want %v", err, errLongLine)
	}
}

func TestCompressWhereItPays(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 993} }
	for _, x := range []struct {
		mode Compression
		addr net.Addr
		want bool
	}{
		{CompressAuto, tcp("192.0.2.1"), true},
		{CompressAuto, tcp("2001:db8::1"), true},
		{CompressAuto, tcp("10.0.0.1"), true}, // may be behind a VPN
		{CompressAuto, tcp("127.0.0.1"), false},
		{CompressAuto, tcp("::1"), false},
		{CompressAuto, tcp("::ffff:127.0.0.1"), false},
		{CompressAuto, &net.UnixAddr{Name: "/run/imap", Net: "unix"}, false},
		{CompressAuto, nil, false}, // a tunnel
		{CompressAlways, tcp("127.0.0.1"), true},
		{CompressNever, tcp("192.0.2.1"), false},
	} {
		if got := x.mode.worthwhile(x.addr); got != x.want {
			t.Errorf("%s to %v: %t", x.mode, x.addr, got)
		}
	}
}

// TestDovecotCompress runs a compressed session with many mailboxes, so that
// the answer to LIST is long when COMPRESS is answered behind it.
func TestDovecotCompress(t *testing.T) {
	srv := dovecot.Start(t, dovecot.Options{TLS: true, Mechanisms: "plain", Extra: "protocol imap {\n  mail_plugins = imap_zlib\n}"})
	o := Options{Host: "127.0.0.1", Port: srv.TLSPort(), RootCA: srv.CertPEM(), User: srv.User,
		Password: password(srv.Password), Timeout: 20 * time.Second, Compress: CompressAlways}
	_, c := connect(t, o)
	if !c.has(capCompress) {
		t.Fatal("this Dovecot offers no COMPRESS")
	}
	if _, err := c.ListMailboxes(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if _, err := c.Create(t.Context(), fmt.Sprintf("a mailbox with a longer name %03d", i)); err != nil {
			t.Fatal(err)
		}
	}
	var reqs []AppendRequest
	want := map[string]string{}
	for i := range 200 {
		msg := append(message(i), strings.Repeat(fmt.Sprintf("line of %d\r\n", i), i*i)...)
		want[fmt.Sprintf("INBOX/%d", i+1)] = string(msg)
		reqs = append(reqs, AppendRequest{Size: int64(len(msg)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(msg)), nil }})
	}
	if err := c.Append(t.Context(), "INBOX", reqs, func(i int, _ mail.UID, _ mail.UIDValidity, err error) {
		if err != nil {
			t.Errorf("append %d: %v", i, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	cl, c := connect(t, o)
	boxes, err := c.ListMailboxes(t.Context())
	if err != nil || len(boxes) != 301 {
		t.Fatalf("%d mailboxes, %v", len(boxes), err)
	}
	if st := cl.Stats(); st.RoundTrips > 3 {
		t.Errorf("%d turns for login and list", st.RoundTrips)
	}
	ch := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
	var uids []mail.UID
	size := int64(0)
	for _, m := range ch.New {
		uids = append(uids, m.UID)
		size += m.Size
	}
	before := cl.Stats().BytesIn
	got, _ := bodies(t, c, BodyRequest{Mailbox: "INBOX", UIDs: uids})
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s differs", k)
		}
	}
	if in := cl.Stats().BytesIn - before; in > size/5 {
		t.Errorf("%d bytes on the wire for %d", in, size)
	}
}
