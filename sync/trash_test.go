package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// trashWorld has 4 messages in INBOX and in Work, and a trash under some name.
// It is not synced where excluded says so.
func trashWorld(t *testing.T, o imaptest.Options, trash, attribute string, excluded bool) (*world, serverSide, diskSide) {
	t.Helper()
	w := newWorld(t, o)
	w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
	server, disk := w.hands()
	server.create("Work")
	if trash != "" {
		server.create(trash)
		w.srv.SetSpecialUse(trash, attribute)
	}
	if excluded {
		w.acct.Exclude = []string{trash}
	}
	for range 4 {
		server.deliver("INBOX", w.message(), nil)
		server.deliver("Work", w.message(), []string{`\Seen`})
	}
	w.sync()
	return w, server, disk
}

// hasJust fails the test unless a mailbox of the server has just these messages.
func (w *world) hasJust(mailbox string, ids ...string) {
	w.t.Helper()
	have := []string{}
	for _, h := range (serverSide{w}).list(mailbox) {
		have = append(have, h.id)
	}
	slices.Sort(have)
	slices.Sort(ids)
	if !slices.Equal(have, ids) {
		w.t.Errorf("%s holds %v, want %v", mailbox, have, ids)
	}
}

// TestDeleteAuto: without a word in the configuration a removal goes to the
// trash, whatever the server can do and whether the trash is synced or not, and
// once. What is removed from the trash is expunged.
func TestDeleteAuto(t *testing.T) {
	for level, caps := range levels() {
		for how, caps := range map[string]imaptest.Caps{"MOVE": caps, "no MOVE": caps.Without(imaptest.CapMove), "neither": caps.Without(imaptest.CapMove, imaptest.CapUIDPlus)} {
			for _, excluded := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", level, how, excluded), func(t *testing.T) {
					w, server, disk := trashWorld(t, imaptest.Options{Caps: caps}, "Papierkorb", `\Trash`, excluded)
					list := disk.list("INBOX")
					disk.remove(list[0])
					disk.move(list[1], "Work")
					w.sync()
					w.quiet()
					w.hasJust("Papierkorb", list[0].id)
					w.hasJust("INBOX", list[2].id, list[3].id)
					if got := server.list("Papierkorb")[0].flags; slices.Contains(got, `\Deleted`) {
						t.Errorf("flags %v", got)
					}
					if excluded {
						if slices.Contains(w.folders(), "Papierkorb") {
							t.Error("the trash is on disk")
						}
						return
					}
					w.agree()
					disk.remove(disk.list("Papierkorb")[0])
					w.sync()
					w.hasJust("Papierkorb")
					w.quiet()
				})
			}
		}
	}
}

// TestDeleteAutoWhere: which mailbox is the trash.
func TestDeleteAutoWhere(t *testing.T) {
	for name, tt := range map[string]struct {
		marked, others []string
		want           string // empty: expunged
		shared         string // prefix of a namespace that is not personal
	}{
		"none":                     {others: []string{"Trashcan", "Old/Trash"}},
		"by name":                  {others: []string{"deleted messages", "Bin"}, want: "deleted messages"},
		"marked before named":      {marked: []string{"Wastebasket"}, others: []string{"Trash"}, want: "Wastebasket"},
		"nearest to the root":      {marked: []string{"Shared/bob/Trash", "Zapped"}, want: "Zapped"},
		"not by the order of LIST": {marked: []string{"B", "A"}, want: "A"},
		"within INBOX":             {others: []string{"INBOX/Trash"}, want: "INBOX/Trash"},
		"root before INBOX":        {others: []string{"INBOX/Trash", "Trash"}, want: "Trash"},
		"another user's is none":   {marked: []string{"Others/bob/Trash"}, shared: "Others/"},
	} {
		t.Run(name, func(t *testing.T) {
			w, server, disk := trashWorld(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
				if tt.shared != "" && strings.HasPrefix(line, "* NAMESPACE") {
					return fmt.Sprintf("* NAMESPACE ((\"\" \"/\")) ((%q \"/\")) NIL", tt.shared)
				}
				return line
			}}, "", "", false)
			for _, b := range slices.Concat(tt.marked, tt.others) {
				server.create(b)
			}
			for _, b := range tt.marked {
				w.srv.SetSpecialUse(b, `\Trash`)
			}
			w.sync()
			gone := disk.list("INBOX")[0]
			disk.remove(gone)
			w.sync()
			w.agree()
			boxes := where(w.remoteSnapshot())[gone.id]
			if got := strings.Join(boxes, ", "); got != tt.want {
				t.Errorf("it is in %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDeleteAutoListLacksTrash: a list without the trash does not make a
// removal one for good. Only when the server itself says that there is none is
// a message expunged.
func TestDeleteAutoListLacksTrash(t *testing.T) {
	for _, excluded := range []bool{false, true} {
		var mu sync.Mutex
		hide := false
		w, _, disk := trashWorld(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
			mu.Lock()
			defer mu.Unlock()
			if hide && strings.Contains(line, "Trash") && (strings.HasPrefix(line, "* LIST") || strings.HasPrefix(line, "* STATUS")) {
				return ""
			}
			return line
		}}, "Trash", `\Trash`, excluded)
		hides := func(on bool) { mu.Lock(); defer mu.Unlock(); hide = on }
		first, second := disk.list("INBOX")[0], disk.list("INBOX")[1]
		disk.remove(first)
		hides(true)
		if _, err := w.trySync(mailsync.Request{}); err != nil {
			t.Fatal(err)
		}
		hides(false)
		w.sync()
		w.hasJust("Trash", first.id)

		must(w, w.srv.DeleteMailbox("Trash"))
		disk.remove(second)
		w.sync()
		w.quiet()
		if boxes := where(w.remoteSnapshot())[second.id]; len(boxes) > 0 {
			t.Errorf("excluded %v: it is in %v", excluded, boxes)
		}
	}
}

// TestDeleteAutoRefused: a trash that takes nothing makes removals wait.
func TestDeleteAutoRefused(t *testing.T) {
	w, _, disk := trashWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "UID MOVE" {
			return imaptest.Action{Reply: "NO [OVERQUOTA] the trash is full"}
		}
		return imaptest.Action{}
	}}, "Trash", `\Trash`, true)
	gone := disk.list("INBOX")[0]
	disk.remove(gone)
	rep, err := w.trySync(mailsync.Request{})
	if err != nil || len(rep.Problems) == 0 {
		t.Errorf("%v, %v", rep.Problems, err)
	}
	if boxes := where(w.remoteSnapshot())[gone.id]; !slices.Equal(boxes, []string{"INBOX"}) {
		t.Errorf("it is in %v", boxes)
	}
}

// TestDeleteAutoInterrupted: with a trash that is not synced, a run that is
// stopped anywhere loses and doubles nothing where the server has MOVE.
func TestDeleteAutoInterrupted(t *testing.T) {
	for at := 1; ; at++ {
		w, _, disk := trashWorld(t, imaptest.Options{}, "Trash", `\Trash`, true)
		list := disk.list("INBOX")
		disk.remove(list[0])
		disk.remove(list[1])
		stop := &stopper{at: at}
		_, _ = w.under(stop)
		over := stop.n < at
		w.sync()
		w.quiet()
		w.hasJust("Trash", list[0].id, list[1].id)
		w.hasJust("INBOX", list[2].id, list[3].id)
		if over || t.Failed() {
			if at < 10 {
				t.Errorf("stopped at %d steps only", at)
			}
			return
		}
	}
}

// TestDeleteAutoLabels: where mailboxes are labels, a removal takes one off.
func TestDeleteAutoLabels(t *testing.T) {
	w, disk := gmailWorld(t, imaptest.Gmail{})
	id := w.labelled(nil, "INBOX", "Work")
	w.sync()
	disk.remove(on(disk, "Work", id))
	w.sync()
	if got := w.labels(id); got != "INBOX, "+imaptest.GmailAll {
		t.Errorf("it is in %s", got)
	}
}
