package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// sizes of mailboxes in the benchmarks.
var sizes = []int{1_000, 100_000, 1_000_000}

// fetchLines is what a server answers when it is asked for all flags, without
// the "* " in front.
func fetchLines(n int) [][]byte {
	lines := make([][]byte, n)
	flags := []string{`\Seen`, `\Seen \Answered`, ``, `\Seen $Forwarded`}
	for i := range lines {
		lines[i] = fmt.Appendf(nil, "%d FETCH (UID %d FLAGS (%s) MODSEQ (%d))\r\n", i+1, 2*i+1, flags[i%len(flags)], 5*i+7)
	}
	return lines
}

// scattered is a set of n UIDs of which no two are neighbours: the worst case.
func scattered(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(2*i + 1))
	}
	return b.Bytes()
}

func BenchmarkFetchFlags(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			lines := fetchLines(n)
			b.ReportAllocs()
			for b.Loop() {
				for _, line := range lines {
					r, _ := ParseResponse(line)
					if f, ok := ParseFetch(r.Rest); !ok || f.UID == 0 {
						b.Fatalf("%q", line)
					}
				}
			}
			perMessage(b, n)
		})
	}
}

func BenchmarkVanished(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			rest := append([]byte("(EARLIER) "), scattered(n)...)
			b.ReportAllocs()
			for b.Loop() {
				if set, _, ok := ParseVanished(rest); !ok || len(set) != n {
					b.Fatal(len(set))
				}
			}
			perMessage(b, n)
		})
	}
}

func BenchmarkESearch(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			rest := append([]byte(`(TAG "T1") UID ALL `), scattered(n)...)
			b.ReportAllocs()
			for b.Loop() {
				if set, ok := ParseESearch(rest); !ok || len(set) != n {
					b.Fatal(len(set))
				}
			}
			perMessage(b, n)
		})
	}
}

func BenchmarkFormatSets(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			set, _ := ParseSet(scattered(n))
			b.ReportAllocs()
			for b.Loop() {
				if len(FormatSets(set, 8000)) == 0 {
					b.Fatal("nothing")
				}
			}
			perMessage(b, n)
		})
	}
}

func perMessage(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/message")
}

// TestAllocs holds the parsers to what they may allocate: lines come by the
// million.
func TestAllocs(t *testing.T) {
	const n = 1000
	lines := fetchLines(4)
	set := scattered(n)
	vanished, esearch := append([]byte("(EARLIER) "), set...), append([]byte(`(TAG "T1") UID ALL `), set...)
	ranges, _ := ParseSet(set)
	for _, x := range []struct {
		name string
		most float64
		run  func()
	}{
		{"FETCH without flags", 0, func() { fetchOne(lines[2]) }},
		{"FETCH with system flags", 0, func() { fetchOne(lines[1]) }},
		{"FETCH with a keyword", 0, func() { fetchOne(lines[3]) }},
		{"FETCH of all meta data", 2, func() {
			fetchOne([]byte("7 FETCH (UID 9 FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 EMAILID (M6d99ac3275bb4e) MODSEQ (12))"))
		}},
		// A slice that grows as it is filled, by more with the race detector.
		{"VANISHED of 1,000", 12, func() { ParseVanished(vanished) }},
		{"ESEARCH of 1,000", 12, func() { ParseESearch(esearch) }},
		// The pieces, and the list of them.
		{"format 1,000", 16, func() { FormatSets(ranges, 8000) }},
	} {
		if got := testing.AllocsPerRun(100, x.run); got > x.most {
			t.Errorf("%s: %v allocations, at most %v", x.name, got, x.most)
		}
	}
}

func fetchOne(line []byte) {
	if r, ok := ParseResponse(line); ok {
		ParseFetch(r.Rest)
	}
}
