package account

import (
	"testing"
)

func TestMatchPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"INBOX", "INBOX", true}, {"inbox/*", "INBOX/a", true}, {"inboxes", "INBOXes", false}, {"*b*c*", "abab/xc", true}, {"%a%", "b/a", false},
		{"%*", "a/b", true}, {"*%", "a/b", true}, {"a%%b", "a/b", false}, {"a%/%b", "a1/2b", true}, {"", "a", false}, {"a", "", false},
		{"*", "a/b", true}, {"%", "a/b", false}, {"%", "a", true}, {"a/%", "a/b", true}, {"a/%", "a/b/c", false},
		{"a*c", "a/b/c", true}, {"Lists*", "Lists", true}, {"", "", true}, {"%/go", "Lists/go", true},
	} {
		if got := MatchPattern(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%q against %q: %v", tc.pattern, tc.name, got)
		}
	}
}
