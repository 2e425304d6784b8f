package config_test

import (
	"strings"
	"testing"
	"time"

	"satchel/cmd/config"
)

func parse(t *testing.T, text string) []config.Account {
	t.Helper()
	c, err := config.Parse("c.toml", []byte(text), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	return c.Accounts
}

// TestDefaultsTable: a key of [defaults] holds for each account that does not
// write it, wherever the table stands.
func TestDefaultsTable(t *testing.T) {
	const common = "[defaults]\nuser = 'ann'\nkeyring = true\nundo_days = 7\nexclude = ['Junk']\ncomplain_after = '48h'\n"
	const two = "[accounts.home]\nhost = 'a.example'\n[accounts.work]\nhost = 'b.example'\nuser = 'bob'\nundo_days = 0\nexclude = []\ncomplain_after = '0s'\n"
	for _, text := range []string{common + two, two + common} {
		a := parse(t, text)
		home, work := a[0], a[1]
		if home.User != "ann" || !home.Keyring || home.UndoDays != 7 || len(home.Exclude) != 1 || home.ComplainAfter != 48*time.Hour || home.Maildir != "/home/ann/Mail/home" {
			t.Errorf("home: %+v", home.User)
		}
		if work.User != "bob" || !work.Keyring || work.UndoDays != 0 || len(work.Exclude) != 0 || work.ComplainAfter != 0 {
			t.Errorf("work: %s %d %v %v", work.User, work.UndoDays, work.Exclude, work.ComplainAfter)
		}
	}
	if got := parse(t, minimal)[0].ComplainAfter; got != 24*time.Hour {
		t.Errorf("complain_after %v", got)
	}
}

// TestDefaultsChoice: what belongs to another choice than the account's does
// not come along.
func TestDefaultsChoice(t *testing.T) {
	const microsoft = "[defaults]\nhost = 'x.example'\nuser = 'ann'\noauth = 'microsoft'\noauth_client_id = 'm'\noauth_tenant = 't'\n"
	for name, tt := range map[string]struct {
		text string
		ok   func(a config.Account) bool
	}{
		"source": {"[defaults]\npassword_command = 'x'\n[accounts.a]\nhost = 'h'\nuser = 'u'\nkeyring = true\n",
			func(a config.Account) bool { return a.Keyring && a.PasswordCommand == "" }},
		"switched off": {"[defaults]\nkeyring = true\n[accounts.a]\nhost = 'h'\nuser = 'u'\nkeyring = false\npassword = 'x'\n",
			func(a config.Account) bool { return !a.Keyring && a.Password == "x" }},
		"no source of its own": {"[defaults]\npassword_command = 'x'\n[accounts.a]\nhost = 'h'\nuser = 'u'\nkeyring = false\n",
			func(a config.Account) bool { return a.PasswordCommand == "x" }},
		"provider": {microsoft + "[accounts.a]\n",
			func(a config.Account) bool { return a.OAuth.ClientID == "m" && a.OAuth.Tenant == "t" }},
		"same provider": {microsoft + "[accounts.a]\noauth = 'microsoft'\n",
			func(a config.Account) bool { return a.OAuth.ClientID == "m" && a.OAuth.Tenant == "t" }},
		"other provider": {microsoft + "[accounts.a]\noauth = 'google'\noauth_client_id = 'g'\n",
			func(a config.Account) bool { return a.OAuth.ClientID == "g" && a.OAuth.Tenant == "" }},
		"client alone": {"[defaults]\nhost = 'x'\nuser = 'ann'\noauth_client_id = 'c'\n[accounts.a]\noauth = 'google'\n",
			func(a config.Account) bool { return a.OAuth.ClientID == "c" }},
		"password instead of a provider": {microsoft + "[accounts.a]\nkeyring = true\n",
			func(a config.Account) bool { return a.Keyring && a.OAuth.ClientID == "" }},
		"certificate": {"[defaults]\nhost = 'x'\nkeyring = true\nuser = 'u'\ntls_cert = '/c'\ntls_key = '/k'\n[accounts.a]\ntls_cert = '/own'\n",
			func(a config.Account) bool { return a.TLSCert == "/own" && a.TLSKey == "" }},
		"tunnel": {"[defaults]\ntls = 'starttls'\n[accounts.a]\ntunnel = 'ssh x'\n",
			func(a config.Account) bool { return a.TLS == "none" && a.Host == "" }},
	} {
		if a := parse(t, tt.text)[0]; !tt.ok(a) {
			t.Errorf("%s: %s %v %q", name, a, a.OAuth.Provider, a.TLS)
		}
	}
}

// TestDefaultsErrors: an error names the line that is wrong, once.
func TestDefaultsErrors(t *testing.T) {
	const two = "[accounts.a]\nhost = 'x'\nuser = 'u'\nkeyring = true\n[accounts.b]\nhost = 'x'\nuser = 'v'\nkeyring = true\n"
	for text, want := range map[string]string{
		"[defaults]\nport = 0\n" + two:                    "c.toml:2: port must be from 1 to 65535, not 0",
		"[defaults]\nhots = 'x'\n" + two:                  `c.toml:2: unknown key "hots"; the nearest known key is "host"`,
		two + "[defaults]\nfsync = 'no'\n":                "c.toml:10: fsync must be true or false, not text",
		two + "[defaults]\ncomplain_after = '-1h'\n":      "c.toml:10: complain_after must be from 0s to 8760h, not -1h",
		"[defaults]\ntls_key = '/k'\n" + two:              "c.toml:2: tls_key has no certificate",
		"defaults = 3\n" + two:                            "c.toml:1: defaults must be a table, not a number",
		"[default]\nport = 1\n" + two:                     `c.toml:1: unknown key "default"; the nearest known key is "defaults"`,
		"[defaults]\nmaildir = '/m'\n" + two:              "c.toml:2: accounts \"a\" and \"b\" have the same maildir",
		"[defaults]\nport = 993\n":                        "c.toml configures no account",
		"[defaults]\nport = 0\nuser = 1\n[accounts.a]\n":  "c.toml:2: port must be from 1 to 65535, not 0\nc.toml:3: user must be text in quotes, not a number\nc.toml:4: account \"a\" has no host",
		"[defaults]\npassword = 'hunter2'\nkeyring = 1\n": "c.toml:3: keyring must be true or false, not a number",
	} {
		_, err := config.Parse("c.toml", []byte(text), testEnv())
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Count(err.Error(), want) != 1 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
