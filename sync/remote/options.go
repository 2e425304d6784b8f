package remote

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/sync/mail"
)

// TLSMode says how a connection is protected.
type TLSMode string

// The modes of SPEC §3.
const (
	TLSImplicit TLSMode = "implicit" // TLS from the first byte; port 993
	TLSStart    TLSMode = "starttls" // STARTTLS before login; port 143
	TLSNone     TLSMode = "none"     // clear text; loopback only, unless allowed
)

// Options says which account to talk to, and how.
type Options struct {
	Host string
	Port int     // 0: 993 for implicit TLS, 143 otherwise
	TLS  TLSMode // empty: implicit

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
	bad := func(what, hint string) error {
		return &mail.Error{Op: "account options", Kind: mail.KindConfig, Hint: hint, Err: errors.New(what)}
	}
	if o.TLS == "" {
		o.TLS = TLSImplicit
		if o.Tunnel != "" {
			o.TLS = TLSNone
		}
	}
	if o.Port == 0 {
		o.Port = 143
		if o.TLS == TLSImplicit {
			o.Port = 993
		}
	}
	switch {
	case o.Host == "" && (o.Tunnel == "" || o.TLS != TLSNone):
		return bad("host is missing", "set host")
	case o.Port < 1 || o.Port > 65535:
		return bad("port is out of range", "use a port from 1 to 65535")
	case o.Tunnel != "" || o.Certificate != nil:
		// Both may be all that a login takes.
	case o.User == "" || o.Password == nil && o.Token == nil:
		return bad("user or password is missing", "set user and password_command")
	}
	switch o.TLS {
	case TLSImplicit, TLSStart:
	case TLSNone:
		if !o.mayLeave() && !mail.Loopback(o.Host) {
			return bad("tls = \"none\" would send the password in clear text",
				"use tls = \"implicit\" or \"starttls\"; allow_cleartext = true overrides this")
		}
	default:
		return bad("unknown tls mode "+strconv.Quote(string(o.TLS)), "use implicit, starttls or none")
	}
	if o.Auth == "" {
		o.Auth = AuthAuto
	}
	switch {
	case !slices.Contains(AuthValues(), o.Auth):
		return bad("auth "+strconv.Quote(o.Auth)+" is not supported", "use one of "+strings.Join(AuthValues(), ", "))
	case o.Auth == AuthExternal && o.Certificate == nil:
		return bad("auth \"external\" needs a client certificate", "set tls_cert and tls_key")
	case o.Certificate != nil && o.TLS == TLSNone:
		return bad("a client certificate needs TLS", "use tls = \"implicit\" or \"starttls\"")
	}
	if o.LoginHint == "" {
		o.LoginHint = "check user and password_command"
	}
	switch o.Compress {
	case "":
		o.Compress = CompressAuto
	case CompressAuto, CompressAlways, CompressNever:
	default:
		return bad("unknown compress "+strconv.Quote(string(o.Compress)), "use auto, always or never")
	}
	if o.Fingerprint != "" {
		if _, ok := parseFingerprint(o.Fingerprint); !ok {
			return bad("tls_fingerprint is not \"sha256:\" and 64 hexadecimal digits", "copy the fingerprint from the error that names it")
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// address is where the server is, for people too.
func (o *Options) address() string {
	switch {
	case o.Tunnel != "" && o.Host == "":
		return "the tunnel"
	case o.Tunnel != "":
		return "the tunnel to " + o.Host
	}
	return net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
}

// parseFingerprint accepts colons between the bytes, as openssl prints them.
func parseFingerprint(s string) ([]byte, bool) {
	algo, digits, ok := strings.Cut(s, ":")
	if !ok || !strings.EqualFold(algo, "sha256") {
		return nil, false
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	return sum, err == nil && len(sum) == 32
}
