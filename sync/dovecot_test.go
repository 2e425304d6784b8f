package sync_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// onDovecot is a world whose server is a Dovecot; w.srv stays idle.
func onDovecot(t *testing.T, o dovecot.Options) *world {
	t.Helper()
	srv := dovecot.Start(t, o)
	w := newWorld(t, imaptest.Options{})
	w.acct.Host, w.acct.Port, w.acct.Dial = "127.0.0.1", srv.Port(), nil
	w.acct.User = srv.User
	w.acct.Password = func(context.Context) (string, error) { return srv.Password, nil }
	return w
}

// mirror returns an engine that keeps another Maildir of the same account.
func (w *world) mirror(name string) *world {
	m := *w
	m.acct.Maildir, m.acct.StateDir = filepath.Join(w.root, name), filepath.Join(w.root, name+".state")
	m.store = nil
	return &m
}

func sameMail(t *testing.T, a, b *world) {
	t.Helper()
	if d := diff(a.localSnapshot(), b.localSnapshot()); d != "" {
		t.Errorf("the two Maildirs differ:\n%s", d)
	}
}

// TestDovecotOneConnection: a server that allows one connection only.
func TestDovecotOneConnection(t *testing.T) {
	w := onDovecot(t, dovecot.Options{Extra: "mail_max_userip_connections = 1"})
	w.acct.NoFsync = true
	w.sync()
	_, disk := w.hands()
	for range 40 {
		disk.deliver("INBOX", append(w.message(), strings.Repeat(filler, 4000)...), nil)
	}
	if rep := w.sync(); rep.Counts["upload"] != 40 {
		t.Errorf("did %v", rep.Counts)
	}
	m := w.mirror("mirror")
	if rep := m.sync(); rep.Counts["download"] != 40 {
		t.Errorf("the mirror did %v", rep.Counts)
	}
	sameMail(t, w, m)

	// Somebody else has the one connection.
	cl, err := remote.New(remote.Options{Host: w.acct.Host, Port: w.acct.Port, TLS: w.acct.TLS, User: w.acct.User, Password: w.acct.Password})
	must(w, err)
	other, err := cl.Connect(t.Context())
	must(w, err)
	waits := w.waits()
	w.acct.Timeout = time.Minute
	_, err = w.trySync(mailsync.Request{})
	if mail.KindOf(err) != mail.KindConnection || len(*waits) != 5 {
		t.Errorf("%v (hint %q), waited %v", err, mail.HintOf(err), *waits)
	}
	must(w, other.Close())
	w.opts.Sleep = func(ctx context.Context, _ time.Duration) error {
		time.Sleep(10 * time.Millisecond) // Dovecot needs a moment to notice
		return ctx.Err()
	}
	w.quiet()
}

// TestDovecotQuota fills an account, and makes room again.
func TestDovecotQuota(t *testing.T) {
	w := onDovecot(t, dovecot.Options{Extra: `mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:bytes=300K
  quota_grace = 0
}`})
	w.acct.MaxDeletePct = 100
	w.sync()
	_, disk := w.hands()
	large := func() []byte { return append(w.message(), strings.Repeat(filler, 300)...) } // 20 KB
	for range 10 {
		disk.deliver("INBOX", large(), nil)
	}
	w.sync()
	for range 20 {
		disk.deliver("INBOX", large(), nil)
	}
	rep, err := w.trySync(mailsync.Request{})
	fit := rep.Counts["upload"]
	if err != nil || len(rep.Problems) != 1 || fit == 0 || fit >= 20 || !strings.Contains(rep.Problems[0].Error, fmt.Sprintf("%d messages wait", 20-fit)) {
		t.Fatalf("%v, %q, did %v", err, texts(rep), rep.Counts)
	}
	// The same run that removes has room for what waits.
	for _, h := range disk.list("INBOX")[:22] {
		disk.remove(h)
	}
	w.sync()
	w.quiet()
	m := w.mirror("mirror")
	m.sync()
	sameMail(t, w, m)
}

// TestDovecotCompressed syncs both ways over compressed connections.
func TestDovecotCompressed(t *testing.T) {
	w := onDovecot(t, dovecot.Options{Mechanisms: "plain", Extra: "protocol imap {\n  mail_plugins = imap_zlib\n}"})
	w.acct.NoFsync = true
	w.sync()
	_, disk := w.hands()
	size := int64(0)
	for range 60 {
		msg := append(w.message(), strings.Repeat(filler, 2000)...)
		size += int64(len(msg))
		disk.deliver("INBOX", msg, []string{`\Seen`})
	}
	up := w.sync()
	m := w.mirror("mirror")
	down := m.sync()
	sameMail(t, w, m)
	if up.BytesOut > size/10 || down.BytesIn > size/10 {
		t.Errorf("%d bytes went up and %d down for %d", up.BytesOut, down.BytesIn, size)
	}
	if rep := w.quiet(); rep.RoundTrips > 3 {
		t.Errorf("a run with nothing to do took %d turns", rep.RoundTrips)
	}
}
