package resync

// Level says how a mailbox is brought up to date.
type Level uint8

// The levels. Each includes the ones before it.
const (
	// Plain servers are asked for all flags.
	Plain Level = iota
	// Condstore servers say which flags changed (RFC 7162 §3.1), but not
	// which messages are gone.
	Condstore
	// QResync servers say both, within SELECT (RFC 7162 §3.2).
	QResync
)

func (l Level) String() string {
	switch l {
	case QResync:
		return "qresync"
	case Condstore:
		return "condstore"
	}
	return "plain"
}
