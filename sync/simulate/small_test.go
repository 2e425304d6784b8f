package simulate_test

import (
	"flag"
	"testing"

	"satchel/sync/simulate"
)

var (
	smallEvents = flag.Int("small.events", 0, "up to how many events a small history has; 0: as the slice of the tests")
	smallFirst  = flag.Int("small.first", 0, "the first shape, counted from 0")
	smallStride = flag.Int("small.stride", 0, "how far the shapes are apart; 0: such that the slice of the tests is lived through")
)

// smallSlice is up to how many events a small history of the tests has, and
// how many shapes they live through, in the short form and in the other.
func smallSlice() (events, shapes int) {
	if testing.Short() || raced {
		return 2, 4
	}
	return 3, 50
}

// TestSmall lives through every history of up to -small.events events that
// begins with one of the chosen shapes.
func TestSmall(t *testing.T) {
	events, slice := smallSlice()
	if *smallEvents > 0 {
		events = *smallEvents
	}
	shapes := simulate.Shapes(events)
	stride := *smallStride
	if stride == 0 {
		stride = max(1, len(shapes)/slice)
	}
	cover := simulate.NewCoverage()
	chosen, reached, void, failures := 0, 0, 0, 0
	for i := *smallFirst; i < len(shapes); i += stride {
		chosen++
		shapes[i].Each(events, func(h simulate.History) (rec simulate.Record) {
			if failures >= *most {
				return simulate.Record{Void: true}
			}
			o := options(h, cover)
			o.Record, o.Strict = &rec, true
			v, notes := live(t, h, o)
			if rec.Void {
				void++
				return rec
			}
			cover.Histories++
			if v != nil {
				failures++
				report(t, h, v, notes)
			}
			return rec
		})
		if failures < *most {
			reached++
		}
	}
	t.Logf("%d of %d shapes of up to %d events: %d histories, and %d with an event that had nothing to do", reached, len(shapes), events, cover.Histories, void)
	if reached != chosen {
		t.Errorf("lived through %d shapes of %d", reached, chosen)
	}
}
