package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"satchel/cmd/config"
	"satchel/sync/mail"
)

// FuzzParse: whatever the file, Parse returns either accounts that keep all
// rules, or an error of kind configuration with the name of the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		minimal, config.Example("c.toml"), with(`port = 1`, `include = ["*"]`), "accounts = { a = { host = 'x' } }",
		"accounts.a.host = 'x'\naccounts.a.user = 'u'\naccounts.a.keyring = true", "[[accounts]]", "\"\" = 1", "[accounts.\"\\u0000\"]",
		with(`maildir = "~/$MAILROOT/${MAILROOT}"`), with(`maildir = "\u0000"`), with(`password = "\u0000"`), "a = [", "[accounts.a]\n[accounts.a.host]",
		"[accounts]\na.b.c = 1", "accounts = [{a = {b = 1}}]", "\xff", "[accounts.x]\r\nhost = '''\nx'''\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("c.toml", data, testEnv())
		if err != nil {
			if mail.KindOf(err) != mail.KindConfig {
				t.Errorf("kind %v of %v", mail.KindOf(err), err)
			}
			if !strings.HasPrefix(err.Error(), "c.toml") {
				t.Errorf("no file name in %v", err)
			}
			return
		}
		if len(c.Accounts) == 0 {
			t.Error("no account and no error")
		}
		for _, a := range c.Accounts {
			if a.Host == "" || a.User == "" || !filepath.IsAbs(a.Maildir) || a.Port < 1 || a.Port > 65535 || a.Timeout <= 0 || a.Connections < 1 {
				t.Errorf("accepted %#v", a)
			}
		}
	})
}
