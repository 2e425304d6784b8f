package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
)

func selectBox(t *testing.T, c *Conn, name string) *Selection {
	t.Helper()
	sel, err := c.Select(t.Context(), name, 0)
	if err != nil || sel.ReadOnly() {
		t.Fatalf("select %s: %v", name, err)
	}
	return sel
}

func TestSelect(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	if err := srv.CreateMailbox("ro"); err != nil {
		t.Fatal(err)
	}
	srv.SetReadOnly("ro", true)
	v, _, _ := srv.UIDState("INBOX")
	_, c := connect(t, dialOptions(srv.Dial))
	for range 3 {
		if sel, err := c.Select(t.Context(), "INBOX", mail.UIDValidity(v)); err != nil || sel.ReadOnly() {
			t.Error(err)
		}
	}
	if n := srv.Stats().Commands["SELECT"]; n != 1 {
		t.Errorf("%d SELECTs", n)
	}
	if _, err := c.Select(t.Context(), "INBOX", mail.UIDValidity(v+1)); !errors.Is(err, mail.ErrUIDValidityChanged) {
		t.Error(err)
	}
	if sel, err := c.Select(t.Context(), "ro", 0); err != nil || !sel.ReadOnly() {
		t.Error(err)
	}
	_, err := c.Select(t.Context(), "missing", 0)
	var re *refusal.ResponseError
	if mail.KindOf(err) != mail.KindMailbox || !errors.As(err, &re) {
		t.Error(err)
	}
	selectBox(t, c, "INBOX")
}

func TestStore(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			uids := fill(srv, "INBOX", 6)
			for _, u := range uids {
				srv.StoreFlags("INBOX", uint32(u), []string{`\Flagged`}, nil)
			}
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			base := one(t, c, resync.Request{Mailbox: "INBOX", ListNew: true})
			srv.StoreFlags("INBOX", uint32(uids[1]), []string{"work"}, nil) // somebody else
			sel := selectBox(t, c, "INBOX")
			both := mail.Delta{Add: mail.NewFlags(`\Seen`, "mine"), Remove: mail.NewFlags(`\Flagged`)}
			res, err := sel.Store(t.Context(), []StoreRequest{
				{UIDs: uids[:3], Delta: both, UnchangedSince: base.Cursor.HighestModSeq},
				{UIDs: uids[3:4], Delta: mail.Delta{Add: mail.NewFlags(`\Deleted`, `we"ird`)}},
				{UIDs: uids[4:], Delta: mail.Delta{Remove: mail.NewFlags(`\Flagged`)}},
				{},
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range res {
				if r.Err != nil {
					t.Errorf("request %d: %v", i, r.Err)
				}
			}
			want := []string{`\Seen mine`, `\Flagged work`, `\Seen mine`, `\Flagged \Deleted`, ``, ``}
			if c.Abilities().Level == resync.Plain { // no condition to be had
				want[1] = `\Seen mine work`
			} else if len(res[0].Modified) != 1 || res[0].Modified[0] != uids[1] {
				t.Errorf("modified %v", res[0].Modified)
			}
			if res[1].Refused.String() != `we"ird` {
				t.Errorf("refused %v", res[1].Refused)
			}
			for i, u := range uids {
				m, _ := srv.Message("INBOX", uint32(u))
				if got := mail.NewFlags(m.Flags...).String(); got != want[i] {
					t.Errorf("message %d has %q, want %q", i, got, want[i])
				}
			}
		})
	}
}

func TestMoveAndCopy(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			uids := fill(srv, "INBOX", 8)
			if err := srv.CreateMailbox("dest"); err != nil {
				t.Fatal(err)
			}
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			sel := selectBox(t, c, "INBOX")
			cp, err := sel.Copy(t.Context(), uids[:2], "dest")
			if err != nil || len(cp.Pairs) != 2 {
				t.Fatalf("copy: %+v %v", cp, err)
			}
			mv, err := sel.Move(t.Context(), []mail.UID{uids[7], uids[2], uids[4]}, "dest")
			if err != nil || len(mv.Pairs) != 3 || mv.UIDValidity == 0 {
				t.Fatalf("move: %+v %v", mv, err)
			}
			for _, p := range append(cp.Pairs, mv.Pairs...) {
				m, ok := srv.Message("dest", uint32(p.To))
				if want := message(int(p.From - uids[0] + 1)); !ok || !bytes.Equal(m.Content, want) {
					t.Errorf("%v is %q", p, m.Content)
				}
			}
			if n := len(srv.Messages("INBOX")); n != 5 {
				t.Errorf("%d left", n)
			}
			_, err = sel.Move(t.Context(), uids[:1], "nowhere")
			var re *refusal.ResponseError
			if !errors.As(err, &re) || re.Code != CodeTryCreate && !errors.Is(err, mail.ErrGone) {
				t.Errorf("move to nowhere: %v", err)
			}
			if _, ok := srv.Message("INBOX", uint32(uids[0])); !ok {
				t.Error("a move that failed removed the message")
			}
		})
	}
}

func request(content []byte, flags ...string) AppendRequest {
	return AppendRequest{Flags: mail.NewFlags(flags...), Date: 1700000000, Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

func TestAppend(t *testing.T) {
	for _, mode := range []string{"LITERAL+", "LITERAL-", "sync"} {
		t.Run(mode, func(t *testing.T) { appendsMany(t, mode) })
	}
}

func appendsMany(t *testing.T, mode string) {
	caps := imaptest.DefaultCaps
	if mode != "LITERAL+" {
		caps = caps.Without(imaptest.CapLiteralPlus)
	}
	if mode == "LITERAL-" {
		caps = caps.With(imaptest.CapLiteralMinus)
	}
	srv := newServer(t, imaptest.Options{Caps: caps, Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if verb == "APPEND" && strings.Contains(line, "refuse") {
			return imaptest.Action{Reply: "NO [CANNOT] full"}
		}
		return imaptest.Action{}
	}})
	cl, c := connect(t, dialOptions(srv.Dial))
	reqs := manyAppends()
	next := 0
	uids := map[int]mail.UID{}
	errs := map[int]error{}
	before := cl.Stats().RoundTrips
	err := c.Append(t.Context(), "INBOX", reqs, func(i int, uid mail.UID, _ mail.UIDValidity, err error) {
		if i != next {
			t.Errorf("done for %d, want %d", i, next)
		}
		next++
		if err != nil {
			errs[i] = err
			return
		}
		uids[i] = uid
	})
	if err != nil || next != 150 {
		t.Fatalf("append: %v after %d", err, next)
	}
	appendErrors(t, errs)
	arrived(t, srv, reqs, uids)
	if turns := cl.Stats().RoundTrips - before; mode == "LITERAL+" && turns > 9 {
		t.Errorf("%d turns", turns)
	}
	var re *refusal.ResponseError
	err = c.Append(t.Context(), "nowhere", reqs[:3], func(i int, _ mail.UID, _ mail.UIDValidity, err error) {
		if !errors.As(err, &re) || re.Code != CodeTryCreate {
			t.Errorf("%d: %v", i, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// manyAppends has four requests that fail, and one that is streamed.
func manyAppends() []AppendRequest {
	var reqs []AppendRequest
	for i := range 150 {
		content := message(i)
		if i%10 == 0 {
			content = append(content, bytes.Repeat([]byte("filling line\r\n"), 1000)...)
		}
		reqs = append(reqs, request(content, `\Seen`, "kw"))
	}
	reqs[70] = request(append(bytes.Repeat([]byte("large\r\n"), 300_000), "end\r\n"...)) // 2 MB: streamed
	reqs[20].Flags = mail.NewFlags("refuse")
	reqs[30] = request([]byte("Subject: nul\r\n\r\na\x00b\r\n"))
	reqs[40].Size++
	reqs[50].Open = func() (io.ReadCloser, error) { return nil, mail.ErrGone }
	return reqs
}

func appendErrors(t *testing.T, errs map[int]error) {
	t.Helper()
	var re *refusal.ResponseError
	if len(errs) != 4 || !errors.As(errs[20], &re) || re.Code != "CANNOT" || !errors.Is(errs[30], ErrNUL) ||
		!errors.Is(errs[40], ErrUnstable) || !errors.Is(errs[50], mail.ErrGone) {
		t.Errorf("errors %v", errs)
	}
}

func arrived(t *testing.T, srv *imaptest.Server, reqs []AppendRequest, uids map[int]mail.UID) {
	t.Helper()
	for i, uid := range uids {
		m, ok := srv.Message("INBOX", uint32(uid))
		r, _ := reqs[i].Open()
		want, _ := io.ReadAll(r)
		if !ok || !bytes.Equal(m.Content, want) || m.Date.Unix() != 1700000000 {
			t.Errorf("message %d is not what was sent", i)
		}
	}
}

// A file that changes while it goes up must not arrive as something else.
func TestAppendUnstable(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	_, c := connect(t, dialOptions(srv.Dial))
	content := bytes.Repeat([]byte("line\r\n"), 500_000)
	for _, second := range [][]byte{content[:len(content)-1], append(bytes.Clone(content), 'x')} {
		opens := 0
		req := request(content)
		req.Open = func() (io.ReadCloser, error) {
			if opens++; opens == 1 {
				return io.NopCloser(bytes.NewReader(content)), nil
			}
			return io.NopCloser(bytes.NewReader(second)), nil
		}
		err := c.Append(t.Context(), "INBOX", []AppendRequest{req}, func(int, mail.UID, mail.UIDValidity, error) { t.Error("done") })
		if mail.KindOf(err) != mail.KindConnection {
			t.Error(err)
		}
	}
	if n := len(srv.Messages("INBOX")); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

func TestManage(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Delimiter: '.'})
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			ctx := t.Context()
			if _, err := c.ListMailboxes(ctx); err != nil {
				t.Fatal(err)
			}
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Error(err)
				}
			}
			for i := range 2 {
				existed, err := c.Create(ctx, "Entwürfe/a%2Fb")
				if check(err); existed != (i == 1) {
					t.Errorf("made for the %d. time: existed %v", i+1, existed)
				}
			}
			check(c.Subscribe(ctx, "Entwürfe/a%2Fb", true))
			if !srv.Subscribed("Entwürfe.a/b") {
				t.Error("not subscribed")
			}
			check(c.Subscribe(ctx, "Entwürfe/a%2Fb", false))
			check(c.Rename(ctx, "Entwürfe/a%2Fb", "x/y"))
			if got := fmt.Sprint(srv.Mailboxes()); !strings.Contains(got, "x.y") {
				t.Error(got)
			}
			check(c.Delete(ctx, "x/y"))
			if err := c.Delete(ctx, "x/y"); !errors.Is(err, mail.ErrGone) {
				t.Error("deleted twice")
			}
			if _, err := c.Create(ctx, "dot.in/level"); mail.KindOf(err) != mail.KindMailbox {
				t.Error(err)
			}
			check(c.Noop(ctx))
		})
	}
}
