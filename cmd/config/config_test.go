package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/cmd/config"
	"satchel/conflict"
	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/mail"
	"satchel/sync/remote"
)

func testEnv() config.Env {
	vars := map[string]string{"MAILROOT": "/srv/mail", "EMPTY": "", "REL": "mail"}
	return config.Env{Home: "/home/ann", Lookup: func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}}
}

const minimal = `[accounts.home]
host = "imap.example.org"
user = "ann@example.org"
password_command = "pass show mail/home"
`

// with is the minimal account and more lines, the first of them line 5.
func with(lines ...string) string { return minimal + strings.Join(lines, "\n") + "\n" }

// login is an account of three lines and its way to log in, from line 4.
func login(lines ...string) string {
	return "[accounts.home]\nhost = \"imap.example.org\"\nuser = \"ann@example.org\"\n" + strings.Join(lines, "\n") + "\n"
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // the whole error
		hint       string // part of it
	}{
		{"unknown key", with(`hots = "x"`), `c.toml:5: unknown key "hots"; the nearest known key is "host"`, ""},
		{"unknown key far away", with(`zzz = 1`), `c.toml:5: unknown key "zzz"; the nearest known key is "tls"`, ""},
		{"unknown key with dash", with(`undo-days = 1`), `c.toml:5: unknown key "undo-days"; the nearest known key is "undo_days"`, ""},
		{"unknown key in inline table", "accounts = { home = { hots = 1 } }", `c.toml:1: unknown key "hots"; the nearest known key is "host"`, ""},
		{"unknown top level", "[account.home]\n" + minimal, `c.toml:1: unknown key "account"; the nearest known key is "accounts"`, "[accounts.home]"},
		{"accounts no table", "accounts = 3", `c.toml:1: accounts must be a table, not a number`, "[accounts.home]"},
		{"accounts list", "[[accounts]]\nhost = 'x'", `c.toml:1: accounts must be a table, not a list`, "[accounts.home]"},
		{"account no table", "[accounts]\nhost = 'x'", `c.toml:2: unknown key "host" in accounts, which holds one table for each account`, "[accounts.home]"},
		{"account name", "[accounts.\"a/b\"]\n", `c.toml:1: account name "a/b": only letters, digits, '.', '_' and '-' are possible, and it begins with a letter or digit`, ""},
		{"account name hidden", "[accounts.\"..\"]\n", `c.toml:1: account name "..": only letters, digits, '.', '_' and '-' are possible, and it begins with a letter or digit`, ""},
		{"syntax", "[accounts.home\nhost = 1", `c.toml:1:15: `, ""},
		{"twice", with(`user = "b"`), `c.toml:5:1: `, ""},

		{"host type", "[accounts.a]\nhost = 1", `c.toml:2: host must be text in quotes, not a number`, ""},
		{"port type", with(`port = "993"`), `c.toml:5: port must be a whole number, not text`, ""},
		{"port fraction", with(`port = 1.5`), `c.toml:5: port must be a whole number, not a number with a fraction`, ""},
		{"port range", with(`port = 0`), `c.toml:5: port must be from 1 to 65535, not 0`, ""},
		{"port range", with(`port = 65536`), `c.toml:5: port must be from 1 to 65535, not 65536`, ""},
		{"connections", with(`connections = 33`), `c.toml:5: connections must be from 1 to 32, not 33`, ""},
		{"percent", with(`max_delete_percent = 101`), `c.toml:5: max_delete_percent must be from 1 to 100, not 101`, ""},
		{"percent", with(`max_delete_percent = 0`), `c.toml:5: max_delete_percent must be from 1 to 100, not 0`, ""},
		{"undo", with(`undo_days = -1`), `c.toml:5: undo_days must be from 0 to 36500, not -1`, ""},
		{"bool", with(`fsync = "yes"`), `c.toml:5: fsync must be true or false, not text`, ""},
		{"choice", with(`tls = "ssl"`), `c.toml:5: tls must be one of implicit, starttls, none, not "ssl"`, ""},
		{"choice type", with(`delete = true`), `c.toml:5: delete must be text in quotes, not true or false`, ""},
		{"separator", with(`separator = "ab"`), `c.toml:5: separator must be "/" or one of . - ~ # ! = @ ^ : ; (and not - with folder_names = "utf-7"), not "ab"`, ""},
		{"separator of maildir++", with("layout = 'maildir++'\nseparator = '~'"), `c.toml:6: separator is for layout = "nested"; the levels of maildir++ are separated by dots`, ""},
		{"two of one folder", with("[accounts.home.folders]\na = 'x'\nb = 'X'"), `c.toml:5: folders: "a" and "b" have the same folder "X"`, ""},
		{"folders of INBOX", with("[accounts.home.folders]\nINBOX = 'x'"), `c.toml:5: folders: mailbox "INBOX": INBOX keeps its name`, ""},
		{"folders no table", with(`folders = "x"`), `c.toml:5: folders must be a table such as [accounts.home.folders], not text`, ""},
		{"folders of numbers", with("[accounts.home.folders]\na = 1"), `c.toml:5: folders must hold a name in quotes for "a", not a number`, ""},
		{"policy", with(`mailbox_delete = "yes"`), `c.toml:5: mailbox_delete must be one of never, empty, always, not "yes"`, ""},
		{"list type", with(`include = "INBOX"`), `c.toml:5: include must be a list such as ["INBOX", "Lists/*"], not text`, ""},
		{"list of numbers", with(`exclude = [1]`), `c.toml:5: exclude must hold text in quotes, not a number`, ""},
		{"list with empty", with(`exclude = [""]`), `c.toml:5: exclude must not hold an empty pattern`, ""},
		{"duration type", with(`timeout = 60`), `c.toml:5: timeout must be a duration in quotes, such as "60s", not a number`, ""},
		{"duration unit", with(`timeout = "60"`), `c.toml:5: timeout must be a duration such as "60s" or "2m", not "60"; the unit is missing`, ""},
		{"duration range", with(`timeout = "0s"`), `c.toml:5: timeout must be from 1s to 24h, not 0s`, ""},
		{"date", with(`user_x = 1`, `timeout = 2026-01-01`), "c.toml:5: unknown key \"user_x\"; the nearest known key is \"user\"\nc.toml:6: timeout must be a duration in quotes, such as \"60s\", not a date", ""},
		{"fingerprint", with(`tls_fingerprint = "sha1:00"`), `c.toml:5: tls_fingerprint must be "sha256:" and 64 hexadecimal digits`, ""},

		{"maildir relative", with(`maildir = "Mail"`), `c.toml:5: maildir must be an absolute path or begin with ~/, not "Mail"`, ""},
		{"maildir variable", with(`maildir = "$NOPE/home"`), `c.toml:5: maildir uses the environment variable NOPE, which is not set`, ""},
		{"maildir empty variable", with(`maildir = "$EMPTY/home"`), `c.toml:5: maildir uses the environment variable EMPTY, which is not set`, ""},
		{"maildir brace", with(`maildir = "${MAILROOT/home"`), `c.toml:5: maildir has a $ without the name of a variable`, ""},
		{"maildir other user", with(`maildir = "~bob/Mail"`), `c.toml:5: maildir begins with ~ and a name; write the whole path`, ""},

		{"no host", "[accounts.home]\nuser = 'a'\npassword_command = 'x'\n", `c.toml:1: account "home" has no host`, `write below [accounts.home]: host = "imap.example.org"`},
		{"host empty", "[accounts.home]\nhost = ''\nuser = 'a'\npassword_command = 'x'\n", `c.toml:2: account "home" has no host`, "host ="},
		{"host is URL", "[accounts.home]\nhost = 'imaps://x.example'\nuser = 'a'\npassword_command = 'x'\n", `c.toml:2: host must be a name or an address, not a URL`, ""},
		{"host with port", "[accounts.home]\nhost = 'x.example:993'\nuser = 'a'\npassword_command = 'x'\n", `c.toml:2: host must be a name or an address; the port has a key of its own, port = 993`, ""},
		{"no user", "[accounts.home]\nhost = 'x'\npassword_command = 'x'\n", `c.toml:1: account "home" has no user`, `user = "ann@example.org"`},
		{"no password", "[accounts.home]\nhost = 'x'\nuser = 'a'\n", `c.toml:1: account "home" has no source of its password`, `password_command = "pass show mail/home" (or password_file, keyring = true, password)`},
		{"two passwords", with(`keyring = true`), `c.toml:5: account "home" has more than one source of its password: password_command, keyring`, "keep one of them"},
		{"cleartext", with(`tls = "none"`), `c.toml:5: tls = "none" would send the password in clear to imap.example.org`, "allow_cleartext = true"},
		{"auth unknown", with(`auth = "magic"`), `c.toml:5: auth must be one of auto, plain, login, scram-sha-256, scram-sha-1, oauthbearer, xoauth2, external, cram-md5, not "magic"`, ""},
		{"auth nearest key", with(`oauth_client = "x"`), `c.toml:5: unknown key "oauth_client"; the nearest known key is "oauth_client_id"`, ""},
		{"several", with(`tls_key = "/k"`, `oauth_scopes = ["mail"]`), "c.toml:5: tls_key has no certificate\nc.toml:6: oauth_scopes has no provider", ""},

		{"token and password", with(`token_command = "oama access x"`), `c.toml:5: account "home" has more than one source of what it logs in with: password_command, token_command`, "keep one of them"},
		{"token with plain", login(`token_command = "x"`, `auth = "plain"`), `c.toml:5: auth = "plain" sends a password, and token_command gives an access token`, `"xoauth2"`},
		{"oauth with SCRAM", login(`oauth = "google"`, `oauth_client_id = "x"`, `auth = "scram-sha-256"`), `c.toml:6: auth = "scram-sha-256" sends a password, and oauth gives an access token`, "auto"},
		{"token without user", "[accounts.home]\nhost = 'x'\ntoken_command = 'x'\n", `c.toml:1: account "home" has no user`, `user = `},
		{"external without certificate", with(`auth = "external"`), `c.toml:5: auth = "external" needs a client certificate`, "tls_cert"},
		{"certificate without TLS", with(`tls_cert = "/c"`, `tls = "none"`, `allow_cleartext = true`), `c.toml:5: tls_cert needs TLS`, "implicit"},
		{"certificate with plain", login(`tls_cert = "/c"`, `auth = "plain"`), `c.toml:1: account "home" has no source of its password`, ""},
		{"oauth unknown", login(`oauth = "yahoo"`), `c.toml:4: oauth must be one of google, microsoft, custom, not "yahoo"`, ""},
		{"oauth without client", login(`oauth = "google"`), `c.toml:4: oauth has no oauth_client_id`, "registers a client"},
		{"oauth key alone", with(`oauth_client_id = "x"`), `c.toml:5: oauth_client_id has no provider`, `"google"`},
		{"oauth tenant", login(`oauth = "google"`, `oauth_client_id = "x"`, `oauth_tenant = "t"`), `c.toml:6: oauth_tenant is not for oauth = "google"`, "microsoft"},
		{"oauth endpoint", login(`oauth = "google"`, `oauth_client_id = "x"`, `oauth_token_url = "https://x/t"`), `c.toml:6: oauth_token_url is not for oauth = "google"`, "custom"},
		{"oauth custom without URL", login(`oauth = "custom"`, `oauth_client_id = "x"`), `c.toml:4: oauth = "custom" has no oauth_token_url`, "https://"},
		{"oauth custom without a way", login(`oauth = "custom"`, `oauth_client_id = "x"`, `oauth_token_url = "https://x/t"`), `c.toml:4: oauth = "custom" has no oauth_device_url`, "oauth_auth_url"},
		{"oauth in clear", login(`oauth = "custom"`, `oauth_client_id = "x"`, `oauth_token_url = "http://x.example/t"`), `c.toml:6: oauth_token_url must begin with https://, so that tokens are not sent in clear`, ""},
		{"oauth no URL", login(`oauth = "custom"`, `oauth_token_url = "x"`), `c.toml:5: oauth_token_url must be a URL such as https://login.example.org/token`, ""},
		{"oauth scopes", login(`oauth = "google"`, `oauth_scopes = "mail"`), `c.toml:5: oauth_scopes must be a list such as ["mail"], not text`, ""},
		{"tunnel with user alone", "[accounts.home]\ntunnel = 'x'\nuser = 'ann'\n", `c.toml:1: account "home" has no source of its password`, ""},
		{"tunnel with TLS", "[accounts.home]\ntunnel = 'x'\ntls = 'implicit'\n", `c.toml:1: account "home" has no host`, "host ="},

		{"same maildir", with(`maildir = "/m"`) + "[accounts.work]\nhost='x'\nuser='a'\nkeyring=true\nmaildir='/m/'\n", `c.toml:10: accounts "home" and "work" have the same maildir`, ""},
		{"maildir inside", with(`maildir = "/m"`) + "[accounts.work]\nhost='x'\nuser='a'\nkeyring=true\nmaildir='/m/w'\n", `c.toml:10: the maildirs of accounts "home" and "work" lie inside one another`, ""},
		{"case", minimal + "[accounts.Home]\nhost='x'\nuser='a'\nkeyring=true\n", `c.toml:5: accounts "home" and "Home" differ only in case`, ""},

		{"nothing", "", "c.toml configures no account", "password_command = \"pass show mail/home\"\n"},
		{"no account", "[accounts]\n", "c.toml configures no account", "write this to c.toml:\n# c.toml\n[accounts.home]\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("c.toml", []byte(tt.text), testEnv())
			if err == nil {
				t.Fatal("accepted")
			}
			got, want := err.Error(), tt.want
			if strings.HasSuffix(want, ": ") { // what follows are the words of go-toml
				got = got[:min(len(got), len(want))]
			}
			if got != want {
				t.Errorf("error\n%s\nwant\n%s", got, want)
			}
			if mail.KindOf(err) != mail.KindConfig {
				t.Errorf("kind %v", mail.KindOf(err))
			}
			if hint := mail.HintOf(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint %q, want %q in it", hint, tt.hint)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := config.Parse("c.toml", []byte(minimal), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Accounts[0].Engine("/state")
	if err != nil {
		t.Fatal(err)
	}
	got.Password = nil
	want := mailsync.Account{
		Name: "home", Host: "imap.example.org", Port: 993, TLS: remote.TLSImplicit, User: "ann@example.org",
		LoginHint: "check user and password_command",
		Timeout:   time.Minute, Connections: 4, Compress: remote.CompressAuto, Maildir: "/home/ann/Mail/home", Layout: maildir.Nested,
		Include: []string{"*"}, Direction: mailsync.Both, UndoDays: 30, MaxDeletePct: 50, StateDir: "/state",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKey(t *testing.T) {
	text := `
[accounts.work]
host = "127.0.0.1"
port = 1143
tls = "none"
tls_ca = ""
tls_cert = ""
tls_key = ""
token_command = ""
oauth_client_id = ""
oauth_client_secret = ""
oauth_tenant = ""
oauth_scopes = []
oauth_device_url = ""
oauth_auth_url = ""
oauth_token_url = ""
tls_fingerprint = "SHA256:` + strings.Repeat("AB:", 31) + `ab"
allow_cleartext = false
user = "ann"
password_file = "${MAILROOT}/secret"
keyring = false
auth = "plain"
tunnel = ""
maildir = "$MAILROOT/work"
layout = "maildir++"
folder_names = "utf-7"
separator = "."
include = ["INBOX", "Lists/%"]
exclude = ["Lists/noise"]
connections = 2
compress = "never"
level = "condstore"
direction = "pull"
delete = "trash"
edit_vs_delete = "delete"
mailbox_delete = "never"
max_delete_percent = 10
undo_days = 0
fsync = false
timeout = "1m30s"

[accounts.work.folders]
"Sent Items" = "Sent"
`
	c, err := config.Parse("c.toml", []byte(text), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts[0]
	if a.PasswordFile != "/srv/mail/secret" {
		t.Errorf("password_file %q", a.PasswordFile)
	}
	a.PasswordFile, a.Password = "", "x" // the file does not exist
	got, err := a.Engine("/state")
	if err != nil {
		t.Fatal(err)
	}
	got.Password = nil
	want := mailsync.Account{
		Name: "work", Host: "127.0.0.1", Port: 1143, TLS: remote.TLSNone, TLSFingerprint: "sha256:" + strings.Repeat("ab", 32),
		User: "ann", Auth: "plain", LoginHint: "check user and password", Timeout: 90 * time.Second, Connections: 2, Compress: remote.CompressNever, Level: mailsync.LevelCondstore, Maildir: "/srv/mail/work", Layout: maildir.MaildirPP,
		UTF7Folders: true, Separator: ".", Folders: map[string]string{"Sent Items": "Sent"},
		Include: []string{"INBOX", "Lists/%"}, Exclude: []string{"Lists/noise"}, NoFsync: true, Direction: mailsync.Pull, UndoDays: -1, MaxDeletePct: 10,
		Policy:   conflict.Policy{EditVsDelete: conflict.Delete, Removal: conflict.Trash, MailboxDelete: conflict.Never},
		StateDir: "/state",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPortFollowsTLS(t *testing.T) {
	for tls, want := range map[string]int{"implicit": 993, "starttls": 143} {
		c, err := config.Parse("c.toml", []byte(with(`tls = "`+tls+`"`)), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Accounts[0].Port; got != want {
			t.Errorf("%s: port %d, want %d", tls, got, want)
		}
	}
}

func TestCleartext(t *testing.T) {
	for host, ok := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true, "LOCALHOST.": true,
		"localhost.example.org": false, "128.0.0.1": false, "0.0.0.0": false,
	} {
		text := fmt.Sprintf("[accounts.a]\nhost = %q\nuser = 'a'\nkeyring = true\ntls = 'none'\n", host)
		if _, err := config.Parse("c.toml", []byte(text), testEnv()); (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
		if _, err := config.Parse("c.toml", []byte(text+"allow_cleartext = true\n"), testEnv()); err != nil {
			t.Errorf("%s with allow_cleartext: %v", host, err)
		}
	}
}

// TestOrder: accounts come in the order in which they are written.
func TestOrder(t *testing.T) {
	var text string
	for _, name := range []string{"zoe", "ann", "Mia"} {
		text += strings.Replace(minimal, "home]", name+"]", 1)
	}
	c, err := config.Parse("c.toml", []byte(text), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range c.Accounts {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"zoe", "ann", "Mia"}, names); diff != "" {
		t.Error(diff)
	}
}

// TestNeverShown: no way of printing an account shows its secrets, nor does
// any error about the file that holds them.
func TestNeverShown(t *testing.T) {
	text := strings.Replace(minimal, `password_command = "pass show mail/home"`, `password = "hunter2"`, 1)
	c, err := config.Parse("c.toml", []byte(text), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts[0]
	engine, err := a.Engine("/state")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "account", a, "p", a.Password)
	shown := fmt.Sprintf("%v %+v %#v %s %q %v %+v %x", a, a, a, a.Password, a.Password, c, engine, a.Password) + log.String()
	for _, broken := range []string{text + "hots = 1", text + "port = ", text + "user = 'b'", text + "keyring = true", "x" + text,
		strings.Replace(text, `"hunter2"`, `"hunter2`, 1), strings.Replace(text, `"hunter2"`, `hunter2`, 1)} {
		if _, err := config.Parse("c.toml", []byte(broken), testEnv()); err != nil {
			shown += err.Error() + mail.HintOf(err)
		} else {
			t.Errorf("accepted %q", broken)
		}
	}
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, fmt.Sprintf("%x", "hunter2")) {
		t.Error(shown)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	_, err := config.Load(path, testEnv())
	if err == nil || err.Error() != "there is no configuration at "+path || !strings.Contains(mail.HintOf(err), config.Example(path)) {
		t.Errorf("no file: %v", err)
	}
	if _, err := config.Load(dir, testEnv()); err == nil || mail.KindOf(err) != mail.KindConfig {
		t.Errorf("directory: %v", err)
	}
	if n := strings.Count(config.Example(path), "\n"); n != 6 {
		t.Errorf("the example has %d lines", n)
	}
	text := strings.Replace(minimal, `password_command = "pass show mail/home"`, `password = "hunter2"`, 1)
	write(t, path, text, 0o640)
	_, err = config.Load(path, testEnv())
	if err == nil || err.Error() != path+" holds a password and can be read by others" || mail.HintOf(err) != "chmod 600 "+path {
		t.Errorf("readable: %v, hint %q", err, mail.HintOf(err))
	}
	write(t, path, text, 0o600)
	if _, err = config.Load(path, testEnv()); err != nil {
		t.Error(err)
	}
	write(t, path, minimal, 0o644) // no password in it
	if _, err = config.Load(path, testEnv()); err != nil {
		t.Error(err)
	}
	write(t, path, strings.Repeat("#", 2<<20), 0o644)
	if _, err = config.Load(path, testEnv()); err == nil || mail.KindOf(err) != mail.KindConfig {
		t.Errorf("huge: %v", err)
	}
}

func TestExampleIsValid(t *testing.T) {
	if _, err := config.Parse("c.toml", []byte(config.Example("c.toml")), testEnv()); err != nil {
		t.Error(err)
	}
}

func TestAuthority(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	write(t, path, "no certificate", 0o644)
	c, err := config.Parse("c.toml", []byte(with(fmt.Sprintf("tls_ca = %q", path))), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Accounts[0].Engine("/state")
	if want := "c.toml:5: tls_ca: " + path + " holds no PEM certificate"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err = c.Accounts[0].Engine("/state"); !errors.Is(err, os.ErrNotExist) || mail.KindOf(err) != mail.KindConfig {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
