package account

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/sync/remote"
)

// Account is everything the engine needs to know to keep one IMAP account
// and one Maildir the same. The configuration file is one way to fill it.
type Account struct {
	Name string // names the state file; letters, digits, '.', '_' and '-'

	Host           string
	Port           int // 0: 993 for implicit TLS, 143 otherwise
	TLS            remote.TLSMode
	TLSCA          []byte           // PEM, trusted beside the system's roots
	TLSFingerprint string           // "sha256:..." pins the certificate
	AllowCleartext bool             // permit TLS none beyond loopback
	Certificate    *tls.Certificate // the client's, nil: none
	User           string
	Password       func(context.Context) (string, error)
	Token          func(context.Context) (string, error) // an OAuth access token
	Auth           string                                // empty means auto
	LoginHint      string                                // what to do when the server refuses the login
	Tunnel         string                                // command to talk IMAP with instead of a socket
	Compress       remote.Compression
	Timeout        time.Duration // without progress, 0: 60 s
	Connections    int           // at once, 0: 4
	WithoutCaps    []string      // capabilities to ignore
	Level          Level         // the highest to use; empty: the server's best
	Maildir        string        // absolute path of the root
	Layout         maildir.Layout
	UTF7Folders    bool              // folders on disk are named in modified UTF-7
	Separator      string            // between levels on disk, see [maildir.Options]
	Folders        map[string]string // folders of mailboxes that have others than their own
	Include        []string          // IMAP patterns; empty means everything
	Exclude        []string
	NoFsync        bool
	UndoDays       int // 0: 30; negative: keep nothing
	Policy         conflict.Policy
	Direction      Direction // empty: both
	MaxDeletePct   int       // brake (SPEC §7), 0: 50
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	StateDir       string // holds ACCOUNT.db, ACCOUNT.lock and the undo folder
}

// Request says what one run is to do.
type Request struct {
	Mailboxes       []string // canonical names; empty means all of the account
	DryRun          bool     // change nothing on either side nor in the state
	Full            bool     // distrust cursors and time stamps, compare everything
	AllowMassDelete bool     // lift the brake on mass deletion
	AllowDoubles    bool     // lift the brake on mail that would be there twice
	Pull            bool     // only changes from the server to the Maildir
	Push            bool     // only changes from the Maildir to the server
}

// Wanted applies include and exclude to the canonical name of a mailbox.
func (a *Account) Wanted(name string) bool {
	match := func(pattern string) bool { return MatchPattern(pattern, name) }
	return (len(a.Include) == 0 || slices.ContainsFunc(a.Include, match)) && !slices.ContainsFunc(a.Exclude, match)
}

// MatchPattern matches a mailbox name as LIST does (RFC 3501 §6.3.8): * stands
// for anything, % for anything within one level. INBOX is the same in any case.
func MatchPattern(pattern, name string) bool {
	if len(pattern) >= 5 && strings.EqualFold(pattern[:5], "INBOX") && (len(pattern) == 5 || pattern[5] == '/') {
		pattern = "INBOX" + pattern[5:]
	}
	// Greedy with one point to come back to would not do for two kinds of
	// wildcards, so this walks all at once: possible[n] says that the pattern so
	// far matches the first n bytes of the name.
	possible := make([]bool, len(name)+1)
	possible[0] = true
	for _, p := range []byte(pattern) {
		if p == '*' || p == '%' {
			for n := 1; n <= len(name); n++ {
				possible[n] = possible[n] || possible[n-1] && (p == '*' || name[n-1] != '/')
			}
			continue
		}
		for n := len(name); n > 0; n-- {
			possible[n] = possible[n-1] && name[n-1] == p
		}
		possible[0] = false
	}
	return possible[len(name)]
}

// Composed writes patterns as names of mailboxes are: letters composed.
func Composed(patterns []string) []string {
	list := slices.Clone(patterns)
	for i, p := range list {
		list[i] = norm.NFC.String(p)
	}
	return list
}
