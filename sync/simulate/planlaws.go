package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	mailsync "satchel/sync"
)

// plan makes a dry run, which changes nothing anywhere.
func (w *World) plan(actors map[int]func()) (result, *Violation) {
	if len(actors) > 0 {
		res, err := w.run(mailsync.Request{DryRun: true}, fault{}, actors)
		if err != nil {
			return res, broken("harness", "%v", err)
		}
		return res, w.always(res, fault{})
	}
	before := w.fingerprint()
	res, err := w.run(mailsync.Request{DryRun: true}, fault{}, nil)
	if err != nil {
		return res, broken("harness", "%v", err)
	}
	w.note("plan -> %v", res)
	if after := w.fingerprint(); before != after {
		return res, broken("plan acts", "a dry run changed something:\n%s", differing(before, after))
	}
	return res, nil
}

// planned: a run does what the plan before it named.
func (w *World) planned(plan, run result) *Violation {
	if w.rights || plan.err != nil || len(plan.rep.Problems)+len(run.rep.Problems) > 0 {
		return nil
	}
	if fmt.Sprint(plan.rep.Counts) != fmt.Sprint(run.rep.Counts) {
		return broken("plan", "the plan named %v, the run did %v\n%s", plan.rep.Counts, run.rep.Counts, lines(plan.rep.Operations))
	}
	return nil
}

func lines(ops []mailsync.Operation) string {
	var b strings.Builder
	for _, o := range ops {
		fmt.Fprintln(&b, o)
	}
	return b.String()
}

// fingerprint is all that a plan may not change.
func (w *World) fingerprint() string {
	var b strings.Builder
	for _, box := range w.mailboxes() {
		v, next, modseq := w.srv.UIDState(w.onWire(box))
		fmt.Fprintf(&b, "server %s %d %d %d %v\n", box, v, next, modseq, w.srv.Subscribed(w.onWire(box)))
	}
	for _, root := range []string{w.tree.root, w.acct.StateDir} {
		_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, "-wal") || strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".lock") || path == w.acct.StateDir {
				return nil
			}
			i, err := e.Info()
			if err != nil {
				return nil
			}
			fmt.Fprintf(&b, "disk %s %v %d", strings.TrimPrefix(path, w.dir), i.Mode(), i.ModTime().UnixNano())
			if i.Mode().IsRegular() && !strings.Contains(path, ".db") {
				fmt.Fprintf(&b, " %d", i.Size())
			}
			b.WriteString("\n")
			return nil
		})
	}
	return b.String()
}

// differing returns the lines that only one of two texts has.
func differing(a, b string) string {
	var out []string
	has := map[string]int{}
	for l := range strings.Lines(a) {
		has[l]--
	}
	for l := range strings.Lines(b) {
		has[l]++
	}
	for _, l := range sortedKeys(has) {
		if has[l] != 0 {
			out = append(out, fmt.Sprintf("%+d %s", has[l], strings.TrimSpace(l)))
		}
	}
	return strings.Join(out, "\n")
}
