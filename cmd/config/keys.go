package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"satchel/cmd/oauth"
	"satchel/conflict"
	"satchel/sync/remote"
)

// key is one configuration key: its name and how its value enters an
// account. An error of set reads on from the name of the key: "must be ...".
type key struct {
	name string
	set  func(a *Account, env Env, value any) error
}

// keys is the whole of SPEC §3, in its order.
func keys() []key {
	return []key{
		{"host", text(func(a *Account) *string { return &a.Host })},
		{"port", number(1, 65535, func(a *Account) *int { return &a.Port })},
		{"tls", choice(func(a *Account) *string { return &a.TLS }, "implicit", "starttls", "none")},
		{"tls_ca", path(func(a *Account) *string { return &a.TLSCA })},
		{"tls_fingerprint", fingerprint},
		{"tls_cert", path(func(a *Account) *string { return &a.TLSCert })},
		{"tls_key", path(func(a *Account) *string { return &a.TLSKey })},
		{"allow_cleartext", truth(func(a *Account) *bool { return &a.AllowCleartext })},
		{"user", text(func(a *Account) *string { return &a.User })},
		{"password", secret(func(a *Account) *Secret { return &a.Password })},
		{"password_command", secret(func(a *Account) *Secret { return &a.PasswordCommand })},
		{"password_file", path(func(a *Account) *string { return &a.PasswordFile })},
		{"keyring", truth(func(a *Account) *bool { return &a.Keyring })},
		{"token_command", secret(func(a *Account) *Secret { return &a.TokenCommand })},
		{"oauth", choice(func(a *Account) *string { return &a.OAuth.Provider }, oauth.Google, oauth.Microsoft, oauth.Custom)},
		{"oauth_client_id", text(func(a *Account) *string { return &a.OAuth.ClientID })},
		{"oauth_client_secret", secret(func(a *Account) *Secret { return &a.OAuth.ClientSecret })},
		{"oauth_tenant", text(func(a *Account) *string { return &a.OAuth.Tenant })},
		{"oauth_scopes", list(`["mail"]`, "scope", func(a *Account) *[]string { return &a.OAuth.Scopes })},
		{"oauth_device_url", endpoint(func(a *Account) *string { return &a.OAuth.DeviceURL })},
		{"oauth_auth_url", endpoint(func(a *Account) *string { return &a.OAuth.AuthURL })},
		{"oauth_token_url", endpoint(func(a *Account) *string { return &a.OAuth.TokenURL })},
		{"auth", choice(func(a *Account) *string { return &a.Auth }, remote.AuthValues()...)},
		{"tunnel", text(func(a *Account) *string { return &a.Tunnel })},
		{"maildir", path(func(a *Account) *string { return &a.Maildir })},
		{"layout", choice(func(a *Account) *string { return &a.Layout }, "nested", "maildir++")},
		{"folder_names", choice(func(a *Account) *string { return &a.FolderNames }, "utf-8", "utf-7")},
		{"separator", text(func(a *Account) *string { return &a.Separator })},
		{"folders", folders},
		{"include", list(`["INBOX", "Lists/*"]`, "pattern", func(a *Account) *[]string { return &a.Include })},
		{"exclude", list(`["INBOX", "Lists/*"]`, "pattern", func(a *Account) *[]string { return &a.Exclude })},
		{"connections", number(1, 32, func(a *Account) *int { return &a.Connections })},
		{"compress", choice(func(a *Account) *string { return &a.Compress }, "auto", "always", "never")},
		{"level", choice(func(a *Account) *string { return &a.Level }, "auto", "qresync", "condstore", "plain")},
		{"direction", choice(func(a *Account) *string { return &a.Direction }, "both", "pull", "push")},
		{"delete", policy(func(p *conflict.Policy, i int) {
			p.Removal = []conflict.Removal{conflict.Auto, conflict.Expunge, conflict.Trash}[i]
		},
			"auto", "expunge", "trash")},
		{"edit_vs_delete", policy(func(p *conflict.Policy, i int) {
			p.EditVsDelete = []conflict.EditVsDelete{conflict.Keep, conflict.Delete}[i]
		}, "keep", "delete")},
		{"mailbox_delete", policy(func(p *conflict.Policy, i int) {
			p.MailboxDelete = []conflict.MailboxRemoval{conflict.Never, conflict.WhenEmpty, conflict.Always}[i]
		}, "never", "empty", "always")},
		{"max_delete_percent", number(1, 100, func(a *Account) *int { return &a.MaxDeletePercent })},
		{"undo_days", number(0, 36500, func(a *Account) *int { return &a.UndoDays })},
		{"fsync", truth(func(a *Account) *bool { return &a.Fsync })},
		{"timeout", duration(time.Second, 24*time.Hour, func(a *Account) *time.Duration { return &a.Timeout })},
		{"complain_after", duration(0, 365*24*time.Hour, func(a *Account) *time.Duration { return &a.ComplainAfter })},
	}
}

// defaults is an account of which nothing is written but its name. The port
// and the maildir depend on other keys and are filled in by complete.
func defaults(name string) Account {
	return Account{
		Name: name, TLS: "implicit", Auth: "auto", Compress: "auto", Layout: "nested", FolderNames: "utf-8", Level: "auto", Direction: "both",
		Include: []string{"*"}, Connections: 4, MaxDeletePercent: 50, UndoDays: 30,
		Fsync: true, Timeout: time.Minute, ComplainAfter: 24 * time.Hour,
	}
}

type setter = func(a *Account, env Env, value any) error

func text(field func(*Account) *string) setter {
	return func(a *Account, _ Env, value any) error {
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("must be text in quotes, not %s", typeName(value))
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return errors.New("must be one line without control characters")
		}
		*field(a) = s
		return nil
	}
}

// secret accepts any text but NUL, and never quotes it.
func secret(field func(*Account) *Secret) setter {
	return func(a *Account, _ Env, value any) error {
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("must be text in quotes, not %s", typeName(value))
		}
		if strings.ContainsRune(s, 0) {
			return errors.New("must not contain a NUL")
		}
		*field(a) = Secret(s)
		return nil
	}
}

func number(low, high int, field func(*Account) *int) setter {
	return func(a *Account, _ Env, value any) error {
		n, ok := value.(int64)
		if !ok {
			return fmt.Errorf("must be a whole number, not %s", typeName(value))
		}
		if n < int64(low) || n > int64(high) {
			return fmt.Errorf("must be from %d to %d, not %d", low, high, n)
		}
		*field(a) = int(n)
		return nil
	}
}

func truth(field func(*Account) *bool) setter {
	return func(a *Account, _ Env, value any) error {
		b, ok := value.(bool)
		if !ok {
			return fmt.Errorf("must be true or false, not %s", typeName(value))
		}
		*field(a) = b
		return nil
	}
}

func choice(field func(*Account) *string, values ...string) setter {
	return func(a *Account, _ Env, value any) error {
		i, err := oneOf(values, value)
		if err == nil {
			*field(a) = values[i]
		}
		return err
	}
}

func policy(set func(p *conflict.Policy, i int), values ...string) setter {
	return func(a *Account, _ Env, value any) error {
		i, err := oneOf(values, value)
		if err == nil {
			set(&a.Policy, i)
		}
		return err
	}
}

func oneOf(values []string, value any) (int, error) {
	s, ok := value.(string)
	if !ok {
		return 0, fmt.Errorf("must be text in quotes, not %s", typeName(value))
	}
	i := slices.Index(values, s)
	if i < 0 {
		return 0, fmt.Errorf("must be one of %s, not %q", strings.Join(values, ", "), s)
	}
	return i, nil
}

func path(field func(*Account) *string) setter {
	return func(a *Account, env Env, value any) error {
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("must be text in quotes, not %s", typeName(value))
		}
		if s == "" {
			return nil
		}
		s, err := expand(s, env)
		if err == nil {
			*field(a) = s
		}
		return err
	}
}

func list(example, element string, field func(*Account) *[]string) setter {
	return func(a *Account, _ Env, value any) error {
		values, ok := value.([]any)
		if !ok {
			return fmt.Errorf("must be a list such as %s, not %s", example, typeName(value))
		}
		out := make([]string, 0, len(values))
		for _, v := range values {
			s, ok := v.(string)
			switch {
			case !ok:
				return fmt.Errorf("must hold text in quotes, not %s", typeName(v))
			case s == "":
				return fmt.Errorf("must not hold an empty %s", element)
			case strings.ContainsFunc(s, unicode.IsControl):
				return errors.New("must not hold control characters")
			}
			out = append(out, s)
		}
		*field(a) = out
		return nil
	}
}

// folders is a table of other names on disk.
func folders(a *Account, _ Env, value any) error {
	table, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("must be a table such as [accounts.%s.folders], not %s", a.Name, typeName(value))
	}
	a.Folders = make(map[string]string, len(table))
	for mailbox, v := range table {
		s, ok := v.(string)
		switch {
		case !ok:
			return fmt.Errorf("must hold a name in quotes for %q, not %s", mailbox, typeName(v))
		case strings.ContainsFunc(s+mailbox, unicode.IsControl):
			return errors.New("must not hold control characters")
		}
		a.Folders[mailbox] = s
	}
	return nil
}

// endpoint accepts a URL that secrets can be sent to.
func endpoint(field func(*Account) *string) setter {
	set := text(field)
	return func(a *Account, env Env, value any) error {
		if err := set(a, env, value); err != nil || *field(a) == "" {
			return err
		}
		return oauth.CheckURL(*field(a))
	}
}

// fingerprint accepts "sha256:" and 64 hexadecimal digits, with or without
// the colons that openssl puts between them.
func fingerprint(a *Account, _ Env, value any) error {
	s, ok := value.(string)
	if !ok {
		return fmt.Errorf("must be text in quotes, not %s", typeName(value))
	}
	if s == "" {
		return nil
	}
	digits, ok := strings.CutPrefix(strings.ToLower(s), "sha256:")
	digits = strings.ReplaceAll(digits, ":", "")
	isHex := !strings.ContainsFunc(digits, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	if !ok || len(digits) != 64 || !isHex {
		return errors.New(`must be "sha256:" and 64 hexadecimal digits`)
	}
	a.TLSFingerprint = "sha256:" + digits
	return nil
}

func duration(low, high time.Duration, field func(*Account) *time.Duration) setter {
	return func(a *Account, _ Env, value any) error {
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("must be a duration in quotes, such as \"60s\", not %s", typeName(value))
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			hint := ""
			if _, e := strconv.Atoi(s); e == nil {
				hint = "; the unit is missing"
			}
			return fmt.Errorf("must be a duration such as \"60s\" or \"2m\", not %q%s", s, hint)
		}
		if d < low || d > high {
			return fmt.Errorf("must be from %s to %s, not %s", short(low), short(high), s)
		}
		*field(a) = d
		return nil
	}
}

// short is a duration without the units that are zero.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// typeName is what a TOML value is to the person who wrote it.
func typeName(value any) string {
	switch value.(type) {
	case string:
		return "text"
	case int64:
		return "a number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date"
}
