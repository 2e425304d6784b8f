//go:build linux

package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// result is what was measured of one workload.
type result struct {
	*workload
	tools           []string
	runs            map[string][]usage
	counted         map[string]usage // loopback: the run that went through the proxy
	failed, skipped bool
}

// measure lets the programs run in turn, beginning with the other one each
// time. Workloads with a round-trip time go through the proxy, which also counts.
// On loopback the proxy would be a good part of the time, so those runs go straight
// to the server, and one more, not timed, is counted.
func (res *result) measure(h *harness, once func(tool string, l line) usage) {
	l := line{proxied: res.rtt > 0, rtt: res.rtt}
	for i := range h.count {
		order := slices.Clone(res.tools)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, tool := range order {
			res.runs[tool] = append(res.runs[tool], once(tool, l))
		}
	}
	if !l.proxied {
		for _, tool := range res.tools {
			res.counted[tool] = once(tool, line{proxied: true})
		}
	}
}

// median of each number by itself.
func (res *result) median(tool string) usage {
	runs := res.runs[tool]
	u := usage{
		wall: median(runs, func(u usage) time.Duration { return u.wall }), cpu: median(runs, func(u usage) time.Duration { return u.cpu }),
		rss: median(runs, func(u usage) int64 { return u.rss }),
		up:  median(runs, func(u usage) int64 { return u.up }), down: median(runs, func(u usage) int64 { return u.down }),
		turns: median(runs, func(u usage) int { return u.turns }), connections: median(runs, func(u usage) int { return u.connections }),
	}
	if c, ok := res.counted[tool]; ok {
		u.up, u.down, u.turns, u.connections = c.up, c.down, c.turns, c.connections
	}
	return u
}

func median[T cmp.Ordered](runs []usage, of func(usage) T) T {
	all := make([]T, len(runs))
	for i, u := range runs {
		all[i] = of(u)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// target is a promise about a workload.
type target struct {
	text  string
	alone bool // needs no mbsync
	check func(s, m usage) (measured string, met bool)
}

func faster(times float64) target {
	return target{text: fmt.Sprintf("%g times as fast", times), check: func(s, m usage) (string, bool) {
		r := float64(m.wall) / float64(s.wall)
		return ratio(r) + " times", r >= times
	}}
}

func fewerBytes(times float64) target {
	return target{text: fmt.Sprintf("1/%g of the bytes", times), check: func(s, m usage) (string, bool) {
		r := float64(m.up+m.down) / float64(s.up+s.down)
		return "1/" + ratio(r), r >= times
	}}
}

func lessMemory() target {
	return target{text: "less memory", check: func(s, m usage) (string, bool) {
		return size(s.rss) + " to " + size(m.rss), s.rss < m.rss
	}}
}

func alone(text string, check func(s usage) (string, bool)) target {
	return target{text: text, alone: true, check: func(s, _ usage) (string, bool) { return check(s) }}
}

func turnsAtMost(n int) target {
	return alone(fmt.Sprintf("at most %d round trips", n), func(s usage) (string, bool) { return fmt.Sprint(s.turns), s.turns <= n })
}

func memoryBelow(mb int64) target {
	return alone(fmt.Sprintf("memory below %d MB", mb), func(s usage) (string, bool) { return size(s.rss), s.rss < mb*1_000_000 })
}

func sentBelow(n int64) target {
	return alone("less than "+size(n)+" sent", func(s usage) (string, bool) { return size(s.up), s.up < n })
}

func receivedBelow(n int64) target {
	return alone("less than "+size(n)+" received", func(s usage) (string, bool) { return size(s.down), s.down < n })
}

func wallBelow(d time.Duration) target {
	return alone("below "+seconds(d), func(s usage) (string, bool) { return seconds(s.wall), s.wall < d })
}

// report is the whole outcome.
type report struct {
	h       *harness
	results []*result
}

func (r report) text() string {
	var b strings.Builder
	b.WriteString(r.about() + "\n\n" + table(resultRows(r.results)) + "\n" + table(targetRows(r.results, r.h.scale == 1)))
	return b.String()
}

func resultRows(results []*result) [][]string {
	rows := [][]string{{"work", "program", "time", "from–to", "CPU", "memory", "received", "sent", "round trips"}}
	for _, res := range results {
		title := res.title
		if res.failed || res.skipped || len(res.runs[satchel]) == 0 {
			state := "not run"
			if res.failed {
				state = "FAILED"
			}
			rows = append(rows, []string{title, state, "", "", "", "", "", "", ""})
			continue
		}
		all := map[string]usage{}
		for _, tool := range res.tools {
			u := res.median(tool)
			all[tool] = u
			low, high := u.wall, u.wall
			for _, one := range res.runs[tool] {
				low, high = min(low, one.wall), max(high, one.wall)
			}
			row := []string{title, tool, seconds(u.wall), seconds(low) + "–" + seconds(high), seconds(u.cpu), size(u.rss), "", "", ""}
			if u.connections > 0 {
				row[6], row[7], row[8] = size(u.down), size(u.up), fmt.Sprint(u.turns)
			}
			rows = append(rows, row)
			title = ""
		}
		if m, ok := all[mbsync]; ok {
			s := all[satchel]
			over := func(m, s float64) string { return "**" + ratio(m/s) + "**" }
			rows = append(rows, []string{"", "mbsync : satchel", over(float64(m.wall), float64(s.wall)), "",
				over(float64(m.cpu), float64(s.cpu)), over(float64(m.rss), float64(s.rss)), over(float64(m.down), float64(s.down)),
				over(float64(m.up), float64(s.up)), over(float64(m.turns), float64(s.turns))})
		}
	}
	return rows
}

func targetRows(results []*result, fullSize bool) [][]string {
	rows := [][]string{{"work", "target", "measured", ""}}
	for _, res := range results {
		for i, goal := range res.targets {
			title := res.title
			if i > 0 {
				title = ""
			}
			got, verdict := "", "not measured"
			switch {
			case res.failed:
				verdict = "FAILED"
			case len(res.runs[satchel]) == 0 || !goal.alone && len(res.runs[mbsync]) == 0:
			default:
				m := usage{}
				if len(res.runs[mbsync]) > 0 {
					m = res.median(mbsync)
				}
				var met bool
				got, met = goal.check(res.median(satchel), m)
				switch {
				case !fullSize:
					verdict = "another size"
				case met:
					verdict = "met"
				default:
					verdict = "**not met**"
				}
			}
			rows = append(rows, []string{title, goal.text, got, verdict})
		}
	}
	return rows
}

// table writes rows as markdown that is also readable as it is.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 0.1:
		return fmt.Sprintf("%.1f ms", s*1000)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	default:
		return fmt.Sprintf("%.1f s", s)
	}
}

func size(n int64) string {
	switch f := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 100_000:
		return fmt.Sprintf("%.1f kB", f/1e3)
	case n < 1_000_000:
		return fmt.Sprintf("%.0f kB", f/1e3)
	default:
		return fmt.Sprintf("%.1f MB", f/1e6)
	}
}

func ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.2f", r)
	}
	return fmt.Sprintf("%.0f", r)
}

// about names the machine and the programs.
func (r report) about() string {
	var b strings.Builder
	row := func(k, v string) { fmt.Fprintf(&b, "- %s: %s\n", k, cmp.Or(v, "unknown")) }
	row("date", time.Now().Format(time.DateOnly))
	row("machine", fmt.Sprintf("%d cores, %s", runtime.NumCPU(), cpuModel()))
	row("kernel", kernel())
	row("file system", fileSystem(r.h.scratch))
	row("satchel", output(r.h.satchel, "version"))
	if r.h.mbsync != "" {
		row("mbsync", output(r.h.mbsync, "--version"))
	}
	row("server", "Dovecot "+dovecotVersion()+", sdbox, mail_fsync=never")
	row("fsync", r.h.durability)
	row("runs", fmt.Sprintf("%d of each, in turn; medians", r.h.count))
	if r.h.scale != 1 {
		row("scale", fmt.Sprintf("%g of the sizes in the table; targets do not apply", r.h.scale))
	}
	return strings.TrimRight(b.String(), "\n")
}

func output(program string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}

func dovecotVersion() string {
	for _, p := range []string{os.Getenv("SATCHEL_DOVECOT"), "dovecot", "/usr/sbin/dovecot"} {
		if v := output(p, "--version"); p != "" && v != "" {
			return strings.Fields(v)[0]
		}
	}
	return "2.3"
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	m := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(b)
	if m == nil {
		return runtime.GOARCH
	}
	return string(m[1])
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

func fileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return ""
	}
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.F2FS_SUPER_MAGIC: "f2fs", unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.TMPFS_MAGIC: "tmpfs (fsync costs nothing here: no fair comparison)",
	}
	return cmp.Or(names[int64(s.Type)], fmt.Sprintf("%#x", s.Type)) //nolint:unconvert // Type has another width on other machines
}

const (
	docBegin = "<!-- written by make bench: begin -->"
	docEnd   = "<!-- written by make bench: end -->"
)

// save replaces the results in a document and leaves the rest of it.
func (r report) save(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		b, err = []byte(docBegin+"\n"+docEnd+"\n"), nil
	}
	if err != nil {
		return err
	}
	head, rest, ok1 := bytes.Cut(b, []byte(docBegin))
	_, tail, ok2 := bytes.Cut(rest, []byte(docEnd))
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for the results between %q and %q", path, docBegin, docEnd)
	}
	text := slices.Concat(head, []byte(docBegin+"\n\n"+r.text()+"\n"+docEnd), tail)
	return os.WriteFile(path, text, 0o644)
}
