package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/adrg/xdg"
	"github.com/pelletier/go-toml/v2"

	"satchel/conflict"
	"satchel/sync/mail"
)

// maxSize bounds what is read of a configuration file; a larger one is not a
// configuration.
const maxSize = 1 << 20

// Config is a whole configuration file.
type Config struct {
	Path     string
	Accounts []Account // in the order of the file
}

// Account is one [accounts.NAME] table with [defaults], and what satchel itself
// takes where neither says anything, filled in.
type Account struct {
	Name string
	Line int // of the table's header; 0 when it has none of its own

	Host           string
	Port           int // 0: 993 for implicit TLS, 143 otherwise; never 0 after Parse
	TLS            string
	TLSCA          string // file name, expanded
	TLSFingerprint string // "sha256:" and 64 lower-case hexadecimal digits, or empty
	TLSCert        string // file name of a client certificate, expanded
	TLSKey         string // file name of its key, expanded; empty: within TLSCert
	AllowCleartext bool

	User            string
	Password        Secret
	PasswordCommand Secret // may hold a secret itself
	PasswordFile    string // expanded
	Keyring         bool
	TokenCommand    Secret // prints an OAuth access token
	OAuth           OAuth
	Auth            string
	Tunnel          string

	Maildir string // expanded, absolute
	Layout  string
	// FolderNames, Separator and Folders say how folders are called on disk.
	FolderNames string
	Separator   string
	Folders     map[string]string

	Include []string
	Exclude []string

	Connections      int
	Compress         string
	Level            string
	Direction        string
	Policy           conflict.Policy
	MaxDeletePercent int
	UndoDays         int // 0: removed files are not kept
	Fsync            bool
	Timeout          time.Duration
	ComplainAfter    time.Duration // how old the last good sync may be before a silent run tells of a network that is away

	lines map[string]int // key to line, for errors found later
	file  string
}

// OAuth says who gives access tokens, and for which client. Without a Provider
// there is none.
type OAuth struct {
	Provider                     string // google, microsoft or custom
	ClientID                     string
	ClientSecret                 Secret
	Tenant                       string // of microsoft
	Scopes                       []string
	DeviceURL, AuthURL, TokenURL string // of custom
}

// Env is what a configuration takes from its surroundings.
type Env struct {
	Home   string
	Lookup func(name string) (string, bool) // environment variables
}

// OSEnv is the environment of this process.
func OSEnv() Env {
	home, _ := os.UserHomeDir() // empty: then ~ is an error where it is used
	return Env{Home: home, Lookup: os.LookupEnv}
}

// DefaultPath is where the configuration is looked for.
func DefaultPath() string { return filepath.Join(xdg.ConfigHome, "satchel", "config.toml") }

// DefaultStateDir is where the state of all accounts is kept.
func DefaultStateDir() string { return filepath.Join(xdg.StateHome, "satchel") }

// Load reads and checks the configuration at path.
func Load(path string, env Env) (*Config, error) {
	data, info, err := readRegular(path, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(path, "there is no configuration at "+path)
	}
	if err == nil {
		err = trusted(path)
	}
	if err != nil {
		return nil, unusable(path, err)
	}
	c, err := Parse(path, data, env)
	if err != nil {
		return nil, err
	}
	holds := slices.ContainsFunc(c.Accounts, func(a Account) bool { return a.Password != "" || a.OAuth.ClientSecret != "" })
	if holds && openToOthers(info) {
		return nil, readable(path, "holds a password and can be read by others")
	}
	return c, nil
}

// unusable is why a configuration is not read, and what to do about it.
func unusable(path string, err error) error {
	var told *mail.Error
	if errors.As(err, &told) {
		return err
	}
	hint := "a configuration is a text file, such as " + DefaultPath() + ": name one with --config"
	if errors.Is(err, fs.ErrPermission) {
		hint = "you have to own it: see ls -l " + mail.ShellWord(path)
	}
	return &mail.Error{Op: "read the configuration", Kind: mail.KindConfig, Hint: hint, Err: err}
}

// Parse checks the text of a configuration file. The file name is only used
// in errors.
func Parse(file string, data []byte, env Env) (*Config, error) {
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return nil, syntaxError(file, err)
	}
	p := parser{file: file, env: env, pos: positionsOf(data), keys: keys()}
	accounts := p.accounts(doc)
	if len(p.errs) > 0 {
		return nil, p.failure()
	}
	if len(accounts) == 0 {
		return nil, missing(file, file+" configures no account")
	}
	return &Config{Path: file, Accounts: accounts}, nil
}

// openToOthers reports whether group or others can read the file. Windows
// has no such bits to tell.
func openToOthers(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

func readable(path, what string) error {
	return &mail.Error{Op: path + " " + what, Kind: mail.KindConfig, Hint: "chmod 600 " + mail.ShellWord(path)}
}

// missing is the error of somebody who runs satchel for the first time, so
// its hint is a file to paste.
func missing(path, what string) error {
	return &mail.Error{Op: what, Kind: mail.KindConfig, Hint: "write this to " + path + ":\n" + Example(path)}
}

// Example is a configuration of six lines.
func Example(path string) string {
	return "# " + path + `
[accounts.home]
host = "imap.example.org"
user = "ann@example.org"
password_command = "pass show mail/home"
maildir = "~/Mail/home"
`
}
