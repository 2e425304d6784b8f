package sync

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"satchel/conflict"
	"satchel/maildir"
	"satchel/state"
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

// Options are what a caller of the engine may want beside the account.
type Options struct {
	Logger   *slog.Logger   // nil: discard
	Progress func(Progress) // nil: none; called from several goroutines, must be quick
	Now      func() time.Time
	// Sleep waits for a server that has too much to do; nil: a timer.
	Sleep func(context.Context, time.Duration) error
	// FS and State let tests stop the engine dead, or fail, at any step.
	FS maildir.FS
	// Process and Host stand in the names of files that come down; zero and
	// empty are those of this process and this machine.
	Process int
	Host    string
	// AfterUpload is how long a run waits that finds an upload cut off, for
	// the server to end it; 0: a second.
	AfterUpload time.Duration
	// Window is how many new messages of the server are planned and fetched
	// together; 0 means 4096, and bounds the memory of a first sync.
	Window int
	State  state.Options
	// SearchGain is how many bytes it must save to search for flags instead of
	// fetching them, where the server does not say what changed; 0: 16 KB.
	SearchGain int
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

// Progress is a snapshot of a running sync; counts only grow, totals may grow
// as well, when a later cycle finds more to do.
type Progress struct {
	Account    string
	Phase      Phase
	Done       int   // operations done
	Total      int   // operations planned so far
	BytesDone  int64 // message bytes transferred, both ways
	BytesTotal int64
}

// Phase says what a run is at.
type Phase string

// The phases in their order.
const (
	PhaseConnect Phase = "connecting"
	PhaseScan    Phase = "comparing"
	PhaseApply   Phase = "syncing"
	PhaseDone    Phase = "done"
	PhaseFailed  Phase = "failed" // instead of done
)

// Over reports whether the run has come to its end.
func (p Phase) Over() bool { return p == PhaseDone || p == PhaseFailed }
