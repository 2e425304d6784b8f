package remote

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote/dial"
)

// Options says which account to talk to, and how.
type Options struct {
	Host string
	Port int       // 0: 993 for implicit TLS, 143 otherwise
	TLS  dial.Mode // empty: implicit

	// RootCA is PEM added to the system's roots.
	RootCA []byte
	// Fingerprint, "sha256:" and hexadecimal, pins the certificate of the
	// server; its chain and name are not checked then.
	Fingerprint string
	// AllowCleartext permits TLS "none" to an address that is not loopback.
	AllowCleartext bool

	// Certificate is shown to the server when it asks for one; nil: none.
	Certificate *tls.Certificate

	// User may be empty where a certificate or a tunnel says who it is.
	User string
	// Password and Token are asked at each login; nil: there is none. Token
	// gives an OAuth access token.
	Password func(context.Context) (string, error)
	Token    func(context.Context) (string, error)
	Auth     string // one of AuthValues; empty: auto
	// LoginHint is what to do when the server refuses the login; empty: check
	// user and password_command.
	LoginHint string

	// Tunnel is a shell command whose standard input and output are the
	// connection, instead of a socket. TLS is none by default then, and what
	// goes through counts as safe from others.
	Tunnel string

	// ReadOnly lets no command through that could change anything on the server.
	ReadOnly bool

	// Compress says when to use COMPRESS=DEFLATE; empty: auto.
	Compress Compression
	// Timeout is how long the server may make no progress; 0: 60 s.
	Timeout time.Duration
	// Dial opens the socket; nil: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Without lists capabilities to ignore, as if the server had none of them.
	Without []string
	// Wanted says of which mailboxes lists are to ask for the state; nil: of all.
	Wanted func(mailbox string) bool
	Logger *slog.Logger // nil: discard
}

func (o *Options) validate() error {
	o.setDefaults()
	return cmp.Or(o.checkAccount(), o.checkTLS(), o.checkAuth(), o.checkCompress(), o.checkFingerprint())
}

// setDefaults replaces the zero values by what they stand for.
func (o *Options) setDefaults() {
	if o.TLS == "" {
		o.TLS = dial.Implicit
		if o.Tunnel != "" {
			o.TLS = dial.Clear
		}
	}
	if o.Port == 0 {
		o.Port = 143
		if o.TLS == dial.Implicit {
			o.Port = 993
		}
	}
	o.Auth = cmp.Or(o.Auth, AuthAuto)
	o.LoginHint = cmp.Or(o.LoginHint, "check user and password_command")
	o.Compress = cmp.Or(o.Compress, CompressAuto)
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// badOption is an option that cannot be used, and what to do about it.
func badOption(what, hint string) error {
	return &mail.Error{Op: "account options", Kind: mail.KindConfig, Hint: hint, Err: errors.New(what)}
}

func (o *Options) checkAccount() error {
	switch {
	case o.Host == "" && (o.Tunnel == "" || o.TLS != dial.Clear):
		return badOption("host is missing", "set host")
	case o.Port < 1 || o.Port > 65535:
		return badOption("port is out of range", "use a port from 1 to 65535")
	case o.Tunnel != "" || o.Certificate != nil:
		return nil // both may be all that a login takes
	case o.User == "" || o.Password == nil && o.Token == nil:
		return badOption("user or password is missing", "set user and password_command")
	}
	return nil
}

func (o *Options) checkTLS() error {
	switch o.TLS {
	case dial.Implicit, dial.StartTLS:
	case dial.Clear:
		if !o.dialer().MayLeave() && !mail.Loopback(o.Host) {
			return badOption("tls = \"none\" would send the password in clear text",
				"use tls = \"implicit\" or \"starttls\"; allow_cleartext = true overrides this")
		}
	default:
		return badOption("unknown tls mode "+strconv.Quote(string(o.TLS)), "use implicit, starttls or none")
	}
	return nil
}

func (o *Options) checkAuth() error {
	switch {
	case !slices.Contains(AuthValues(), o.Auth):
		return badOption("auth "+strconv.Quote(o.Auth)+" is not supported", "use one of "+strings.Join(AuthValues(), ", "))
	case o.Auth == AuthExternal && o.Certificate == nil:
		return badOption("auth \"external\" needs a client certificate", "set tls_cert and tls_key")
	case o.Certificate != nil && o.TLS == dial.Clear:
		return badOption("a client certificate needs TLS", "use tls = \"implicit\" or \"starttls\"")
	}
	return nil
}

func (o *Options) checkCompress() error {
	switch o.Compress {
	case CompressAuto, CompressAlways, CompressNever:
		return nil
	}
	return badOption("unknown compress "+strconv.Quote(string(o.Compress)), "use auto, always or never")
}

func (o *Options) checkFingerprint() error {
	if o.Fingerprint != "" {
		if _, ok := dial.ParseFingerprint(o.Fingerprint); !ok {
			return badOption("tls_fingerprint is not \"sha256:\" and 64 hexadecimal digits",
				"copy the fingerprint from the error that names it")
		}
	}
	return nil
}

// dialer is how these options reach the server.
func (o *Options) dialer() *dial.Dialer {
	return &dial.Dialer{Host: o.Host, Port: o.Port, TLS: o.TLS, Fingerprint: o.Fingerprint, Certificate: o.Certificate,
		Cleartext: o.AllowCleartext, Tunnel: o.Tunnel, Timeout: o.Timeout, DialSocket: o.Dial}
}
