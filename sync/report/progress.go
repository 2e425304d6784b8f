package report

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
