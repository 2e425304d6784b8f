package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crowd fills a folder with n messages of one content: links to a few files,
// because a million files take minutes. A scan looks at names only.
func crowd(b testing.TB, s *Store, folder string, n int) {
	b.Helper()
	mustFolder(b, s, folder)
	const perFile = 50_000 // ext4 allows 65,000 links to one
	cur := filepath.Join(s.Root(), folder, "cur")
	first := ""
	for i := range n {
		name := filepath.Join(cur, s.NewBase()+":2,S")
		var err error
		if i%perFile == 0 {
			first = name
			err = os.WriteFile(name, []byte("Subject: one of many\n\n"), 0o600)
		} else {
			err = os.Link(first, name)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// sizes of folders in the benchmarks. The largest takes half a minute to make.
func sizes() []int {
	list := []int{1_000, 100_000}
	if os.Getenv("BENCH_MILLION") != "" {
		list = append(list, 1_000_000)
	}
	return list
}

// BenchmarkFolder looks at one folder of each size: whether it changed, and what
// it holds.
func BenchmarkFolder(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := testStore(b, Options{NoFsync: true})
			crowd(b, s, "INBOX", n)
			known := map[string]Stamp{}
			b.Run("survey", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					folders, _, err := s.Survey(b.Context(), known)
					if err != nil || len(folders) != 1 {
						b.Fatal(folders, err)
					}
					known["INBOX"] = folders[0].Stamp
				}
			})
			b.Run("scan", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l, err := s.Scan(b.Context(), "INBOX")
					if err != nil || len(l.Files) != n {
						b.Fatal(len(l.Files), err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/file")
			})
		})
	}
}

// TestScanAllocs holds a scan to what it may allocate for each file.
func TestScanAllocs(t *testing.T) {
	const n = 2000
	s := testStore(t, Options{NoFsync: true})
	crowd(t, s, "INBOX", n)
	got := testing.AllocsPerRun(5, func() {
		if l, err := s.Scan(t.Context(), "INBOX"); err != nil || len(l.Files) != n {
			t.Error(len(l.Files), err)
		}
	}) / n
	if most := 1.1; got > most {
		t.Errorf("%.2f allocations for each file, at most %v", got, most)
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
					items[j] = Publication{Spooled: sp, Target: File{Folder: folder, New: true, Name: sp.Base}}
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
