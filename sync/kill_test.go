package sync_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// imapSide changes a real server as another client would.
type imapSide struct {
	w *world
	c *remote.Conn
}

type imapKey struct {
	uid mail.UID
	v   mail.UIDValidity
}

func (s imapSide) selectBox(mailbox string, v mail.UIDValidity) *remote.Selection {
	s.w.t.Helper()
	sel, err := s.c.Select(s.w.t.Context(), mailbox, v)
	must(s.w, err)
	return sel
}

func (s imapSide) deliver(mailbox string, content []byte, flags []string) {
	s.w.t.Helper()
	err := s.c.Append(s.w.t.Context(), mailbox, []remote.AppendRequest{{Flags: mail.NewFlags(flags...), Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}},
		func(_ int, _ mail.UID, _ mail.UIDValidity, err error) { must(s.w, err) })
	must(s.w, err)
}

// held is one message of the server.
type held struct {
	handle
	content string
}

func (s imapSide) held(mailbox string) (all []held) {
	s.w.t.Helper()
	ctx := s.w.t.Context()
	var uids []mail.UID
	var v mail.UIDValidity
	must(s.w, s.c.Resync(ctx, []remote.ResyncRequest{{Mailbox: mailbox, ListNew: true, Expunges: true}}, func(ch *remote.Changes) error {
		v = ch.Cursor.UIDValidity
		for _, n := range ch.New {
			all = append(all, held{handle: handle{mailbox: mailbox, key: imapKey{n.UID, v}, flags: n.Flags.Names()}})
			uids = append(uids, n.UID)
		}
		return ch.Err
	}))
	if len(uids) == 0 {
		return nil
	}
	_, err := s.c.FetchBodies(ctx, []remote.BodyRequest{{Mailbox: mailbox, UIDValidity: v, UIDs: uids}}, func(b remote.Body) error {
		data, err := io.ReadAll(b)
		i := slices.Index(uids, b.UID)
		all[i].content, all[i].id = string(data), contentID(string(data))
		return err
	})
	must(s.w, err)
	return all
}

func (s imapSide) list(mailbox string) (list []handle) {
	for _, h := range s.held(mailbox) {
		list = append(list, h.handle)
	}
	return list
}

func (s imapSide) flag(h handle, add, remove []string) {
	s.w.t.Helper()
	k := h.key.(imapKey)
	_, err := s.selectBox(h.mailbox, k.v).Store(s.w.t.Context(), []remote.StoreRequest{{UIDs: []mail.UID{k.uid},
		Delta: mail.Delta{Add: mail.NewFlags(add...), Remove: mail.NewFlags(remove...)}}})
	must(s.w, err)
}

func (s imapSide) move(h handle, to string) {
	s.w.t.Helper()
	k := h.key.(imapKey)
	_, err := s.selectBox(h.mailbox, k.v).Move(s.w.t.Context(), []mail.UID{k.uid}, to)
	must(s.w, err)
}

func (s imapSide) copy(h handle, to string) {
	s.w.t.Helper()
	k := h.key.(imapKey)
	_, err := s.selectBox(h.mailbox, k.v).Copy(s.w.t.Context(), []mail.UID{k.uid}, to)
	must(s.w, err)
}

func (s imapSide) remove(h handle) {
	s.w.t.Helper()
	k := h.key.(imapKey)
	must(s.w, s.selectBox(h.mailbox, k.v).Remove(s.w.t.Context(), []mail.UID{k.uid}))
}

func (s imapSide) create(mailbox string) {
	_, err := s.c.Create(s.w.t.Context(), mailbox)
	must(s.w, err)
}

func (s imapSide) snapshot() snapshot {
	s.w.t.Helper()
	boxes, err := s.c.ListMailboxes(s.w.t.Context())
	must(s.w, err)
	snap := snapshot{}
	for _, b := range boxes {
		if !b.Selectable {
			continue
		}
		snap[b.Name] = []string{}
		for _, h := range s.held(b.Name) {
			snap[b.Name] = append(snap[b.Name], describe(h.content, h.flags))
		}
		slices.Sort(snap[b.Name])
	}
	return snap
}

// killable is the program with an account on a server.
type killable struct {
	*world
	bin, config string
}

// newKillable builds the program and connects a client of its own.
func newKillable(t *testing.T) (k *killable, server imapSide) {
	srv := dovecot.Start(t, dovecot.Options{})
	dir := t.TempDir()
	k = &killable{
		world:  &world{t: t, root: dir, acct: mailsync.Account{Maildir: filepath.Join(dir, "Mail")}},
		bin:    filepath.Join(dir, "satchel"),
		config: filepath.Join(dir, "config.toml"),
	}
	if out, err := exec.Command("go", "build", "-o", k.bin, "satchel/cmd/satchel").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	host, port, _ := net.SplitHostPort(srv.Addr())
	n, _ := strconv.Atoi(port)
	must(k.world, os.WriteFile(k.config, fmt.Appendf(nil, "[accounts.test]\nhost = %q\nport = %d\ntls = \"none\"\nuser = %q\n"+
		"password = %q\nmaildir = %q\nmax_delete_percent = 100\n", host, n, srv.User, srv.Password, k.acct.Maildir), 0o600))
	cl, err := remote.New(remote.Options{Host: host, Port: n, TLS: remote.TLSNone, User: srv.User, Timeout: 20 * time.Second,
		Password: func(context.Context) (string, error) { return srv.Password, nil }})
	must(k.world, err)
	c, err := cl.Connect(t.Context())
	must(k.world, err)
	t.Cleanup(func() { _ = c.Close() })
	return k, imapSide{k.world, c}
}

// run starts the program and kills it after a while, if it takes that long.
func (k *killable) run(after time.Duration) (killed bool) {
	k.t.Helper()
	cmd := exec.Command(k.bin, "--config", k.config, "sync")
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(k.root, "state"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(k.world, cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	killed = !timer.Stop() && err != nil
	if err != nil && !killed {
		k.t.Fatalf("sync: %v\n%s", err, out.String())
	}
	return killed
}

// TestKillProcess kills the real program at random moments of its runs
// against a real server, and has it go on.
func TestKillProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts a server")
	}
	rounds := 25
	if *crashLong {
		rounds = 500
	}
	w, server := newKillable(t)
	rng := rand.New(rand.NewPCG(uint64(rounds), 1))
	disk := diskSide{w.world, rng}
	for _, b := range []string{"Archive", "Work"} {
		server.create(b)
	}
	for range 30 {
		server.deliver([]string{"INBOX", "Archive", "Work"}[rng.IntN(3)], w.message(), nil)
	}
	const long = time.Minute
	start := time.Now()
	w.run(long)
	usual := time.Since(start)
	for round := range rounds {
		l := newLedger(server.snapshot())
		boxes := w.folders()
		l.edit(w.world, local, disk, boxes, rng, 2+rng.IntN(12))
		l.edit(w.world, onServer, server, boxes, rng, 2+rng.IntN(12))
		for range 1 + rng.IntN(2) {
			if w.run(time.Duration(rng.Int64N(int64(usual)))) {
				covered.kills.Add(1)
			}
		}
		w.run(long)
		r, d := server.snapshot(), w.localSnapshot()
		wrong := l.check(r)
		if s := diff(d, r); s != "" {
			wrong = append(wrong, "the sides differ:\n"+s)
		}
		if len(wrong) > 0 {
			t.Fatalf("round %d:\n%s\nafter\n%s", round, strings.Join(wrong, "\n"), l.story())
		}
	}
	if covered.kills.Load() == 0 {
		t.Error("the program was never killed in time")
	}
}
