package conflict_test

import (
	"testing"

	"satchel/conflict"
	"satchel/sync/mail"
)

func TestKeepsEdited(t *testing.T) {
	flags := mail.NewFlags
	for _, test := range []struct {
		name  string
		delta mail.Delta
		edit  bool
	}{
		{"nothing", mail.Delta{}, false},
		{"read", mail.Delta{Add: flags(`\Seen`)}, false},
		{"unread", mail.Delta{Remove: flags(`\Seen`)}, false},
		{"flagged", mail.Delta{Add: flags(`\Flagged`)}, true},
		{"unflagged", mail.Delta{Remove: flags(`\Flagged`)}, true},
		{"read and flagged", mail.Delta{Add: flags(`\Seen`, `\Flagged`)}, true},
		{"read and unflagged", mail.Delta{Add: flags(`\Seen`), Remove: flags(`\Flagged`)}, true},
		{"keyword", mail.Delta{Add: flags("work")}, true},
		{"keyword taken away", mail.Delta{Remove: flags("work")}, true},
		{"a keyword called seen", mail.Delta{Add: flags("Seen")}, true},
		{"marked as deleted", mail.Delta{Add: flags(`\Deleted`)}, true},
	} {
		if got := conflict.Edited(test.delta); got != test.edit {
			t.Errorf("%s: edited %v, want %v", test.name, got, test.edit)
		}
		if got := (conflict.Policy{}).KeepsEdited(test.delta); got != test.edit {
			t.Errorf("%s: kept %v by default, want %v", test.name, got, test.edit)
		}
		if (conflict.Policy{EditVsDelete: conflict.Delete}).KeepsEdited(test.delta) {
			t.Errorf("%s: kept against edit_vs_delete = delete", test.name)
		}
	}
}

func TestStrings(t *testing.T) {
	for k, want := range map[conflict.Kind]string{
		conflict.EditedRemoved: "edited and removed", conflict.MovedApart: "moved to two places",
		conflict.FlagsMerged: "flags changed on both sides", 99: "conflict 99",
	} {
		if k.String() != want {
			t.Errorf("got %q, want %q", k, want)
		}
	}
	c := conflict.Conflict{Kind: conflict.EditedRemoved, Mailbox: "INBOX", Message: "7", Outcome: "kept"}
	if got, want := c.String(), "INBOX 7: edited and removed; kept"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDefaults(t *testing.T) {
	if p := (conflict.Policy{}); p.EditVsDelete != conflict.Keep || p.Removal != conflict.Auto || p.MailboxDelete != conflict.WhenEmpty {
		t.Errorf("the zero policy is %+v", p)
	}
}
