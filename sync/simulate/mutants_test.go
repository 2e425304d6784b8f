package simulate_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	mutate      = flag.Bool("mutants", false, "plant the faults of testdata/mutants.txt, one at a time")
	mutantNames = flag.String("mutants.only", "", "only those whose name matches this")
	mutantRuns  = flag.Int("mutants.histories", 200, "how many histories each has to get by")
	mutantSeed  = flag.Uint64("mutants.seed", 1, "the first seed of these histories")
	mutantTests = flag.Bool("mutants.tests", true, "run the other tests where the simulator finds nothing")
	mutantFirst = flag.Int("mutants.first", 0, "the first of them")
	mutantStep  = flag.Int("mutants.stride", 1, "how far they are apart")
)

// mutant is one planted fault.
type mutant struct{ name, file, old, now string }

// parseMutants reads the table.
func parseMutants(text string) (list []mutant) {
	for _, part := range strings.Split("\n"+text, "\n== ")[1:] {
		lines := strings.Split(strings.TrimRight(part, "\n"), "\n")
		m := mutant{name: lines[0], file: lines[1]}
		var old, now []string
		for _, l := range lines[2:] {
			if rest, ok := strings.CutPrefix(l, "- "); ok {
				old = append(old, rest)
			} else if rest, ok := strings.CutPrefix(l, "+ "); ok {
				now = append(now, rest)
			}
		}
		m.old, m.now = strings.Join(old, "\n"), strings.Join(now, "\n")
		list = append(list, m)
	}
	return list
}

// mutants reads the faults that stand in the table, and the folder that their
// files are in.
func mutants(t *testing.T) (root string, list []mutant) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "testdata", "mutants.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return root, parseMutants(string(text))
}

// TestMutantsFit: each fault can be planted in the code as it is.
func TestMutantsFit(t *testing.T) {
	root, list := mutants(t)
	for _, m := range list {
		text, err := os.ReadFile(filepath.Join(root, m.file))
		if n := strings.Count(string(text), m.old); err != nil || n != 1 {
			t.Errorf("%s: %s has the text %d times: %v", m.name, m.file, n, err)
		}
	}
}

// TestMutants plants each fault and says what finds it. Nothing in the tree is
// touched: the compiler is given the changed file in place of the one there.
func TestMutants(t *testing.T) {
	if !*mutate {
		t.Skip("make mutants")
	}
	root, list := mutants(t)
	only := regexp.MustCompile(*mutantNames)
	count := map[string]int{}
	for i := *mutantFirst; i < len(list); i += *mutantStep {
		if !only.MatchString(list[i].name) {
			continue
		}
		start := time.Now()
		kind, how := list[i].judge(t, root)
		count[kind]++
		fmt.Printf("%-10s %-60s %s (%v)\n", kind, list[i].name, how, time.Since(start).Round(time.Second))
	}
	fmt.Printf("of %d mutants: %d killed by the simulator, %d by scenarios, %d by other tests, %d survived; %d stale, %d do not compile\n",
		len(list), count["simulator"], count["scenarios"], count["tests"], count["survived"], count["stale"], count["broken"])
	if count["stale"]+count["broken"] > 0 {
		t.Error("testdata/mutants.txt does not fit the code")
	}
}

// judge plants a fault and returns which tests found it, and after how much.
func (m mutant) judge(t *testing.T, root string) (kind, how string) {
	dir := t.TempDir()
	path := filepath.Join(root, m.file)
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), m.old) != 1 {
		return "stale", fmt.Sprintf("%s has the text %d times", m.file, strings.Count(string(text), m.old))
	}
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{changed: []byte(strings.Replace(string(text), m.old, m.now, 1)), overlay: replace} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "simulate.test")
	if out, err := run(root, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", bin, "./sync/simulate"); err != nil {
		return "broken", firstLine(out)
	}
	here := filepath.Join(root, "sync", "simulate")
	if out, err := run(here, bin, "-test.run", "^TestSimulate$", "-test.timeout", "10m", "-simulate.failures", "1", "-simulate.shrink=false",
		"-simulate.histories", fmt.Sprint(*mutantRuns), "-simulate.seed", fmt.Sprint(*mutantSeed)); err != nil {
		return "simulator", after(out)
	}
	if out, err := run(here, bin, "-test.run", "^TestScenarios$"); err != nil {
		return "scenarios", firstLine(out)
	}
	if out, err := run(here, bin, "-test.run", "^TestSmall$", "-test.timeout", "10m", "-simulate.failures", "1", "-simulate.shrink=false",
		"-small.events", "2", "-small.stride", "150"); err != nil {
		return "simulator", "small: " + firstLine(out)
	}
	if !*mutantTests {
		return "survived", ""
	}
	if out, err := run(root, "go", "test", "-short", "-vet=off", "-overlay", overlay, "./sync/plan", "./conflict", "./sync"); err != nil {
		return "tests", firstLine(out)
	}
	return "survived", ""
}

func run(dir, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// after says in which history a fault was found, and by which law.
func after(out string) string {
	if m := regexp.MustCompile(`seed (\d+): ([^:]+):`).FindStringSubmatch(out); m != nil {
		return fmt.Sprintf("in history %s, by the law %q", m[1], m[2])
	}
	return firstLine(out)
}

// firstLine is the first line of an output that says what is wrong.
func firstLine(out string) string {
	for line := range strings.Lines(out) {
		if l := strings.TrimSpace(line); l != "" && !strings.HasPrefix(l, "---") && !strings.HasPrefix(l, "===") && !strings.HasPrefix(l, "#") {
			return fmt.Sprintf("%.150s", l)
		}
	}
	return ""
}
