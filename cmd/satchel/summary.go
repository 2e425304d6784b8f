package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	mailsync "satchel/sync"
)

// summary is the line that ends an account on a terminal.
func summary(r *mailsync.Report) string {
	var parts []string
	for _, p := range phrases() {
		n := 0
		for _, op := range p.ops {
			n += r.Counts[op]
		}
		if n > 0 {
			parts = append(parts, count(n, p.one, cmp.Or(p.many, p.one)))
		}
	}
	for _, op := range slices.Sorted(maps.Keys(r.Counts)) {
		if !hasPhrase(op) && r.Counts[op] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", r.Counts[op], op))
		}
	}
	if n := len(r.Conflicts); n > 0 {
		parts = append(parts, count(n, "conflict settled", "conflicts settled"))
	}
	if n := len(r.Problems); n > 0 {
		parts = append(parts, count(n, "problem", "problems"))
	}
	if n := len(r.Waiting); n > 0 {
		parts = append(parts, "changes wait in "+count(n, "mailbox", "mailboxes"))
	}
	what := strings.Join(parts, ", ")
	switch {
	case what == "" && r.DryRun:
		what = "nothing to do"
	case what == "":
		what = "up to date"
	case r.DryRun:
		what = count(max(len(r.Operations), total(r.Counts)), "operation", "operations") + " to do"
	}
	bytes := r.BytesIn + r.BytesOut
	if r.DryRun { // what it took to make the plan is not what the plan would take
		bytes = r.Planned.Download + r.Planned.Upload
	}
	return fmt.Sprintf("%s: %s; %s%s in %s", r.Account, what,
		count(r.Mailboxes, "mailbox", "mailboxes"), traffic(r.DryRun, bytes), elapsed(time.Duration(r.DurationMS)*time.Millisecond))
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func traffic(planned bool, bytes int64) string {
	switch {
	case bytes <= 0:
		return ""
	case planned:
		return ", " + byteSize(bytes) + " to transfer; planned"
	}
	return ", " + byteSize(bytes)
}

func byteSize(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// elapsed drops the digits that nobody reads.
func elapsed(t time.Duration) string {
	switch {
	case t < time.Second:
		return t.Round(time.Millisecond).String()
	case t < time.Minute:
		return t.Round(100 * time.Millisecond).String()
	}
	return t.Round(time.Second).String()
}

// phrase is how people call one or more operations of the planner.
type phrase struct {
	one, many string // many empty: the same
	ops       []string
}

// phrases is in the order of a summary. What only the state learns is no
// news, except that mail of another tool was recognised.
func phrases() []phrase {
	return []phrase{
		{"downloaded", "", []string{"download"}},
		{"uploaded", "", []string{"upload"}},
		{"copied", "", []string{"local-copy", "remote-copy"}},
		{"moved", "", []string{"local-move", "remote-move"}},
		{"flag change", "flag changes", []string{"local-flags", "remote-flags"}},
		{"removed here", "", []string{"local-remove"}},
		{"removed on the server", "", []string{"remote-remove", "remote-trash"}},
		{"recognised", "", []string{"adopt"}},
		{"mailbox created", "mailboxes created", []string{"local-create", "remote-create"}},
		{"mailbox renamed", "mailboxes renamed", []string{"local-rename", "remote-rename"}},
		{"mailbox removed", "mailboxes removed", []string{"local-delete", "remote-delete"}},
	}
}

func hasPhrase(op string) bool {
	return op == "forget" || op == "forget-mailbox" ||
		slices.ContainsFunc(phrases(), func(p phrase) bool { return slices.Contains(p.ops, op) })
}
