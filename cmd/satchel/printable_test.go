package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// nasty is what a server, a sender or a file name may hold: an escape, C1, the
// direction of text, characters of no width, separators, a byte that is none,
// and one beyond the first plane.
const nasty = "tea\x1b[2J\u009b\u202e\u2066\u200e\u061c\u200b\u2060\ufeff\u2028\u00ad\xff\U000e0041\r\n\tpot"

// TestNastyText: whatever the verbs print, on either stream and in whatever
// form, a terminal only shows it; and a shell is offered nothing that is not
// the name of what it stands for.
func TestNastyText(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	removed := []mailsync.RemovedMessage{{Mailbox: nasty, File: nasty, Subject: nasty, From: nasty, Place: nasty}, {Mailbox: nasty, File: "1:2,S", Subject: nasty}, {Mailbox: "INBOX", File: "1\t2"}}
	conflict := mailsync.ConflictEntry{Mailbox: nasty, Message: nasty, Kind: nasty, Outcome: nasty, Time: at}
	problem := mailsync.Problem{Mailbox: nasty, Message: nasty, Kind: "message", Error: nasty, Hint: nasty}
	failure := &mail.Error{Op: nasty, Mailbox: nasty, Hint: nasty, Kind: mail.KindMailbox, Err: errors.New(nasty)}
	b := newBench(t, func(a mailsync.Account, o mailsync.Options) *fakeEngine {
		return &fakeEngine{
			sync: func(context.Context, mailsync.Request) (*mailsync.Report, error) {
				r := &mailsync.Report{}
				o.Logger.Debug("server alert", "alert", nasty, "err", error(failure))
				r.Account, r.Operations, r.Notices, r.Waiting, r.Level = a.Name, []mailsync.Operation{{Op: "remote-move", Mailbox: nasty, To: nasty, File: nasty, Add: []string{nasty}, Subject: nasty, From: nasty, Named: true}, {Op: nasty}},
					[]string{nasty}, []string{nasty}, nasty
				r.Problems, r.Conflicts = []mailsync.Problem{problem}, []mailsync.ConflictEntry{conflict}
				return r, failure
			},
			status: &mailsync.Status{Account: a.Name, Problem: nasty, Level: nasty, LastTry: at, Mailboxes: []mailsync.MailboxStatus{{Name: nasty, Level: nasty}}},
			check: func(mailsync.CheckRequest) *mailsync.CheckReport {
				return &mailsync.CheckReport{Account: a.Name, Findings: []mailsync.Finding{{Mailbox: nasty, Message: nasty, Problem: nasty}}}
			},
			conflicts: []mailsync.ConflictEntry{conflict},
			runs:      []mailsync.UndoRun{{Run: nasty, Messages: removed}, {Run: "R1", Messages: removed}},
			restore:   func(string, []string) ([]mailsync.RemovedMessage, error) { return removed, failure },
		}
	})
	b.deps.stdoutTTY = true
	b.deps.now = func() time.Time { return at }
	for _, args := range [][]string{
		{"sync", "-vv"}, {"plan"}, {"status", "-v"}, {"check"}, {"conflicts"}, {"undo"}, {"undo", "-v"}, {"undo", "-v", "home", nasty, nasty},
		{"sync", nasty}, {"sync", "home/"}, {"sync", "--" + nasty}, {nasty}, {"login", nasty}, {"check", "home/" + nasty}, {"sync", "--timeout", nasty},
		{"--config", nasty, "sync"}, {"__complete", "undo", "home", ""}, {"__complete", "undo", "home", "R1", ""}, {"__complete", "sync", nasty},
	} {
		b.run(t, args...)
		for _, stream := range []string{b.stdout.String(), b.stderr.String()} {
			for line := range strings.SplitSeq(stream, "\n") {
				if i := strings.IndexFunc(line, mail.Unprintable); i >= 0 && (args[0] != "__complete" || line[i] != '\t' || strings.Contains(line[i+1:], "\t")) {
					t.Errorf("%q: %q", args, line)
				}
			}
		}
		if args[0] == "__complete" {
			for line := range strings.SplitSeq(b.stdout.String(), "\n") {
				if offer, _, ok := strings.Cut(line, "\t"); ok && offer != "R1" && offer != "1:2,S" {
					t.Errorf("%q offers %q", args, offer)
				}
			}
		}
	}
}

// TestNastyJSON: names are whole in it, and nothing of them is raw.
func TestNastyJSON(t *testing.T) {
	name := strings.ToValidUTF8(nasty, "?")
	b := newBench(t, func(a mailsync.Account, _ mailsync.Options) *fakeEngine {
		return &fakeEngine{status: &mailsync.Status{Account: a.Name, Mailboxes: []mailsync.MailboxStatus{{Name: name}}}}
	})
	b.run(t, "status", "--json", "home")
	if i := strings.IndexFunc(strings.ReplaceAll(b.stdout.String(), "\n", ""), mail.Unprintable); i >= 0 {
		t.Errorf("raw in %q", b.stdout.String())
	}
	var got accountsObject[mailsync.Status]
	if err := json.Unmarshal(b.stdout.Bytes(), &got); err != nil || got.Accounts[0].Mailboxes[0].Name != name {
		t.Errorf("%v: %+v, want %q", err, got.Accounts, name)
	}
}

// FuzzEscaped: JSON says the same with what is not to be seen escaped.
func FuzzEscaped(f *testing.F) {
	f.Add(nasty)
	f.Add("\\\u202e\"\u2028\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		safe := escaped(text)
		if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(safe, &got)); err != nil || got != want {
			t.Fatalf("%q became %q, %v", want, got, err)
		}
		if strings.ContainsFunc(string(safe), mail.Unprintable) {
			t.Fatalf("raw in %q", safe)
		}
	})
}
