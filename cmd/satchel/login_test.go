package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"satchel/cmd/config"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/imaptest/dovecot"
)

// idProvider plays an OAuth server: what the token endpoint answers next, and
// what it was asked.
type idProvider struct {
	mu    sync.Mutex
	token []string // status and body; the last one stays
	asked int
}

func (i *idProvider) answer(token ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.token, i.asked = token, 0
}

func (i *idProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/device" {
		_, _ = io.WriteString(w, `{"device_code":"dev1ce-code","user_code":"ABCD-EFGH","verification_uri":"https://id.example.org/enter","expires_in":900,"interval":1}`)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	code, body, _ := strings.Cut(i.token[0], " ")
	if len(i.token) > 1 {
		i.token = i.token[1:]
	}
	if code != "200" {
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = io.WriteString(w, body)
}

func (i *idProvider) requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// desk is a command line on the real engine, in this process.
type desk struct {
	*testing.T
	deps           *deps
	dir            string
	stdout, stderr bytes.Buffer
}

func newDesk(t *testing.T, account string) *desk {
	t.Helper()
	d := &desk{T: t, dir: t.TempDir()}
	path := filepath.Join(d.dir, "config.toml")
	text := "[accounts.home]\nfsync = false\nmaildir = \"" + filepath.Join(d.dir, "mail") + "\"\n" + account
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.deps = &deps{
		stdout: &d.stdout, stderr: &d.stderr, configPath: path, stateDir: filepath.Join(d.dir, "state"),
		env: config.Env{Home: d.dir},
		newEngine: func(a mailsync.Account, o mailsync.Options) (engine, error) {
			return mailsync.New(a, o)
		},
	}
	return d
}

// run wants an exit code and words on stderr, and none of the secrets
// anywhere.
func (d *desk) run(code int, says string, args ...string) {
	d.Helper()
	d.stdout.Reset()
	d.stderr.Reset()
	d.deps.flags = globalFlags{}
	got := execute(d.Context(), d.deps, args)
	all := d.stdout.String() + d.stderr.String()
	if got != code || !strings.Contains(d.stderr.String(), says) {
		d.Errorf("satchel %v: exit %d, want %d and %q\n%s", args, got, code, says, all)
	}
	for _, secret := range []string{"access1", "access2", "refresh1", "s3cret", "dev1ce-code", "hunter2"} {
		if strings.Contains(all, secret) {
			d.Errorf("satchel %v tells %s:\n%s", args, secret, all)
		}
	}
}

// TestLoginOAuth: permission once, then syncs by themselves, until it is
// revoked.
func TestLoginOAuth(t *testing.T) {
	keyring.MockInitWithError(errors.New("no D-Bus"))
	id := &idProvider{}
	endpoints := httptest.NewServer(id)
	defer endpoints.Close()
	srv := imaptest.NewServer(imaptest.Options{
		Caps:   imaptest.DefaultCaps.With(imaptest.CapAuthOAuthBearer, imaptest.CapAuthXOAuth2),
		Tokens: map[string]string{"ann": "access1"},
	})
	defer srv.Close()
	srv.Append("INBOX", nil, time.Time{}, []byte("Subject: hello\r\n\r\nHello.\r\n"))
	host, port, _ := net.SplitHostPort(srv.Addr())
	d := newDesk(t, fmt.Sprintf(`host = %q
port = %s
tls = "none"
user = "ann"
oauth = "custom"
oauth_client_id = "client"
oauth_client_secret = "s3cret"
oauth_device_url = "%s/device"
oauth_token_url = "%[3]s/token"
`, host, port, endpoints.URL))
	d.run(4, "hint: satchel login home\n", "sync")

	id.answer(`400 {"error":"access_denied"}`)
	d.run(4, "the permission was denied", "login", "home")
	id.answer(`200 {"access_token":"access1","refresh_token":"refresh1","expires_in":3600}`)
	// A folder that others can write to is not used for it, either way.
	if err := os.Chmod(d.deps.stateDir, 0o777); err != nil {
		t.Fatal(err)
	}
	d.run(4, "can be written to by others\nsatchel: hint: chmod go-w "+d.deps.stateDir, "login", "home")
	if err := os.Chmod(d.deps.stateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	d.run(0, "satchel: home: and enter the code ABCD-EFGH\n", "login", "--json", "home")
	file := filepath.Join(d.deps.stateDir, "home.token")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(d.stdout.String(), file) {
		t.Errorf("%v, %v, %s", info, err, &d.stdout)
	}

	id.answer(`200 {"access_token":"access1","expires_in":3600}`)
	d.run(0, "level=DEBUG", "sync", "-vv")
	if id.requests() != 1 {
		t.Errorf("%d requests for tokens", id.requests())
	}
	if files, _ := filepath.Glob(filepath.Join(d.dir, "mail", "INBOX", "new", "*")); len(files) != 1 {
		t.Errorf("mail %v", files)
	}

	// The server has another opinion of the token than its provider.
	id.answer(`200 {"access_token":"access2","expires_in":3600}`)
	d.run(4, "the server refuses the access token: invalid_token, which means that it has expired or was revoked", "sync", "-vv", "--json")
	d.run(4, "hint: satchel login home\n", "sync")
	// The provider has taken the permission back.
	id.answer(`400 {"error":"invalid_grant","error_description":"refresh1 was revoked"}`)
	d.run(4, "access token of account home: the permission has expired or was revoked (invalid_grant): ... was revoked\nsatchel: hint: satchel login home\n", "sync")
	endpoints.Close()
	// A silent run says nothing of a network that is away so soon after a good sync.
	d.run(4, "check the network", "sync", "-v")
}

func TestLoginPassword(t *testing.T) {
	keyring.MockInit()
	srv := imaptest.NewServer(imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapAuthSCRAMSHA256), Users: map[string]string{"ann": "hunter2"}})
	defer srv.Close()
	host, port, _ := net.SplitHostPort(srv.Addr())
	d := newDesk(t, fmt.Sprintf("host = %q\nport = %s\ntls = \"none\"\nuser = \"ann\"\nkeyring = true\n", host, port))
	d.run(4, "hint: satchel login home\n", "sync")
	typed := ""
	d.deps.readPassword = func(context.Context, string) (string, error) { return typed, nil }
	d.run(4, "it is empty", "login", "home")
	typed = "hunter2"
	d.run(0, "stored in the keyring", "login", "home")
	d.run(0, "", "sync")
	d.run(2, "one account must be named", "login")
	d.run(2, "unknown account", "login", "work")
	d.run(2, "names a mailbox", "login", "home/INBOX")

	d = newDesk(t, fmt.Sprintf("host = %q\nuser = \"ann\"\npassword = \"hunter2\"\n", host))
	d.run(2, "has nothing that could be stored", "login", "home")
}

// TestPasswordFrom: what is no terminal gives its first line.
func TestPasswordFrom(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "first one\r\nsecond\n")
	_ = w.Close()
	got, err := passwordFrom(r, io.Discard)(t.Context(), "password: ")
	if got != "first one" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTunnelSync syncs through a command, without a host, a user or a
// password.
func TestTunnelSync(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	srv := dovecot.Start(t, dovecot.Options{})
	d := newDesk(t, fmt.Sprintf("tunnel = %q\nconnections = 3\n", srv.Tunnel(t, srv.User)))
	d.run(0, "", "sync")
	inbox := filepath.Join(d.dir, "mail", "INBOX")
	if err := os.WriteFile(filepath.Join(inbox, "cur", "1700000000.x.host:2,S"), []byte("Subject: up\n\nbody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(0, "", "sync")
	d.run(0, "", "check")
	d = newDesk(t, "tunnel = \"echo no route >&2; exit 255\"\n")
	d.run(4, "home: connect to the tunnel: the tunnel command ended: exit status 255: no route\n", "sync")
}
