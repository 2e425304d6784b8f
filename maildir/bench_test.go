package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func BenchmarkScan(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := testStore(b, Options{NoFsync: true})
			mustFolder(b, s, "INBOX")
			dir := filepath.Join(s.Root(), "INBOX", "cur")
			for range n {
				if err := os.WriteFile(filepath.Join(dir, s.NewBase()+":2,S"), nil, 0o600); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				l, err := s.Scan(b.Context(), "INBOX")
				if err != nil || len(l.Files) != n {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSurvey500(b *testing.B) {
	s := testStore(b, Options{NoFsync: true})
	for i := range 500 {
		mustFolder(b, s, fmt.Sprintf("lists/%d", i))
	}
	folders, _, err := s.Survey(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	known := map[string]Stamp{}
	for _, f := range folders {
		known[f.Name] = f.Stamp
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Survey(b.Context(), known); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeliver spools, flushes and publishes 2,000 messages of 4 KB.
func BenchmarkDeliver(b *testing.B) {
	msg := strings.Repeat(strings.Repeat("x", 62)+"\r\n", 64)
	for _, fsync := range []bool{true, false} {
		b.Run(fmt.Sprintf("fsync=%v", fsync), func(b *testing.B) {
			s := testStore(b, Options{NoFsync: !fsync})
			i := 0
			for b.Loop() {
				i++
				folder := fmt.Sprint("f", i) // fresh: ext4 is slow where many files were just deleted
				mustFolder(b, s, folder)
				sps := make([]*Spooled, 2000)
				items := make([]Publication, len(sps))
				for j := range sps {
					sp, err := s.Spool(b.Context(), folder, strings.NewReader(msg), int64(len(msg)), 1e9)
					if err != nil {
						b.Fatal(err)
					}
					sps[j] = sp
					items[j] = Publication{Spooled: sp, Target: File{folder, true, sp.Base}}
				}
				if err := s.Flush(b.Context(), sps); err != nil {
					b.Fatal(err)
				}
				if err := s.Publish(b.Context(), items); err != nil || items[0].Err != nil {
					b.Fatal(err, items[0].Err)
				}
			}
			b.ReportMetric(float64(2000*b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
