package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"satchel/maildir"
	"satchel/maildir/faultfs"
	"satchel/state"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// runKinds are the ways to run; run all is what cron does.
func runKinds() []string {
	return []string{"run all", "run box", "run pull", "run push", "run dry", "run full", "run caps"}
}

// faultKinds are what can befall a run.
func faultKinds() []string {
	return []string{"kill", "power", "cut", "full", "refuse", "lost", "drop", "shortlist"}
}

// result is what a run came to.
type result struct {
	rep     *mailsync.Report
	err     error
	where   string // the step at which a fault befell it; empty: it was not reached
	steps   int
	effects []int  // those of its steps that others can see
	torn    string // what a power failure made of the state, when it should not have
}

func (r result) String() string {
	s := fmt.Sprintf("%v", r.rep.Counts)
	for _, p := range r.rep.Problems {
		s += fmt.Sprintf("; %s %s: %s", p.Mailbox, p.Message, p.Error)
	}
	if r.where != "" {
		s += " (" + r.where + ")"
	}
	return s
}

func (w *World) options(fs maildir.FS) mailsync.Options {
	var log *slog.Logger
	if w.o.Log != nil {
		log = slog.New(slog.NewTextHandler(w.o.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return mailsync.Options{
		FS: fs, Logger: log, Window: w.h.Setting.Window, Now: time.Now, SearchGain: 1, Process: 1, Host: "sim",
		State: state.Options{BeforeCommit: func() error { return w.trip.step("commit", true) }},
	}
}

func (w *World) engine(fs maildir.FS) (*mailsync.Engine, error) {
	return mailsync.New(w.acct, w.options(fs))
}

// run is one run of the engine, with what befalls it and what others do meanwhile.
func (w *World) run(req mailsync.Request, f fault, actors map[int]func()) (res result, err error) {
	w.begins()
	w.abandon()
	if w.lost {
		w.model.allow(w.serverSnapshot(), w.tree.snapshot(), nil)
	}
	shadow := &faultfs.FS{Before: w.trip.before, Now: time.Now}
	var disk *faultfs.Disk
	var fs maildir.FS = shadow
	if f.kind == "power" {
		disk, err = faultfs.NewDisk(w.dir, w.leftAlone)
		if err != nil {
			return res, err
		}
		disk.Before, disk.Now = w.trip.before, time.Now
		fs = disk
		if err := w.watchState(); err != nil {
			return res, err
		}
	}
	e, err := w.engine(fs)
	if err != nil {
		return res, err
	}
	w.befall(f)
	w.model.runs++
	w.trip.arm(f, actors)
	res.rep, res.err = e.Sync(context.Background(), req)
	w.stopped = w.stopped || res.err != nil
	if res.err == nil {
		w.lag.told = w.srv.Remember()
	}
	w.blurred = w.blurred || f.kind == "shortlist"
	w.trip.mu.Lock()
	res.where, res.steps, res.effects = w.trip.where, w.trip.n, w.trip.shown
	w.trip.mu.Unlock()
	w.trip.disarm()
	if w.befall(fault{}).kind == "" && f.kind != "" && res.where == "" {
		res.where = f.kind // a hook used it up
	}
	w.wire.idle()
	if disk != nil {
		if _, err := disk.Crash(w.rng); err != nil {
			return res, fmt.Errorf("power loss: %w", err)
		}
		res.torn, err = w.losePower()
		if err != nil {
			return res, err
		}
	}
	for _, k := range slices.Sorted(maps.Keys(actors)) { // steps that were not reached
		actors[k]()
	}
	return res, nil
}

// leftAlone are the paths that a power failure does not touch: what is no
// message, and the state, whose file looks after itself.
func (w *World) leftAlone(path string) bool {
	if i, err := os.Lstat(path); err != nil || !i.Mode().IsRegular() && !i.IsDir() {
		return true
	}
	return !strings.HasPrefix(path, w.tree.root) && !strings.Contains(path, ".undo") && path != w.acct.StateDir
}

// play runs the engine as an event says.
func (w *World) play(e Event, actors map[int]func()) (result, *Violation) {
	req := mailsync.Request{}
	without := w.acct.WithoutCaps
	defer func() { w.acct.WithoutCaps = without }()
	switch e.Kind {
	case "run box":
		box, _ := pick(w.mailboxes(), e.A)
		req.Mailboxes = []string{box}
	case "run pull":
		req.Pull = true
	case "run push":
		req.Push = true
	case "run dry":
		return w.plan(actors)
	case "run full":
		req.Full = true
		w.vouched()
	case "run caps":
		names := sortedKeys(capabilities())
		w.acct.WithoutCaps = append(slices.Clone(without), names[e.A%len(names)], names[e.B%len(names)])
	}
	f := fault{e.Fault, e.At}
	res, err := w.run(req, f, actors)
	if err != nil {
		return res, &Violation{Law: "harness", Text: err.Error()}
	}
	w.note("%s %v %s -> %v", e.Kind, req.Mailboxes, e.Fault, res)
	return res, w.always(res, f)
}

// hook does the faults of the server that are a matter of commands.
func (w *World) hook(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
	w.trip.mu.Lock()
	defer w.trip.mu.Unlock()
	f := &w.fault
	switch f.kind {
	case "refuse", "lost", "drop":
	default:
		return imaptest.Action{}
	}
	if !slices.Contains([]string{"APPEND", "UID STORE", "UID COPY", "UID MOVE", "UID EXPUNGE", "EXPUNGE", "UID FETCH", "CREATE", "SELECT", "UID SEARCH", "RENAME", "DELETE", "LIST"}, verb) {
		return imaptest.Action{}
	}
	if f.at--; f.at > 0 {
		return imaptest.Action{}
	}
	act := map[string]imaptest.Action{"refuse": {Reply: "NO [UNAVAILABLE] Try later"}, "lost": {Fault: imaptest.DropAfter}, "drop": {Fault: imaptest.DropBefore}}[f.kind]
	w.trip.where = f.kind + " " + verb
	f.kind = ""
	return act
}

// mangle has a list leave out one of its lines, as a proxy does when one of the
// servers behind it does not answer.
func (w *World) mangle(_ *imaptest.Conn, line string) string {
	w.trip.mu.Lock()
	defer w.trip.mu.Unlock()
	if w.fault.kind != "shortlist" || !strings.HasPrefix(line, "* LIST ") && !strings.HasPrefix(line, "* STATUS ") {
		return line
	}
	if w.fault.at--; w.fault.at >= 0 || strings.Contains(line, "INBOX") {
		return line
	}
	w.trip.where, w.fault.kind = "shortlist", ""
	return ""
}

// befall sets the fault of the server, and returns what is left of the one before.
func (w *World) befall(f fault) (before fault) {
	w.trip.mu.Lock()
	defer w.trip.mu.Unlock()
	before, w.fault = w.fault, f
	return before
}
