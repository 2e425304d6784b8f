package mail_test

import (
	"testing"

	"satchel/sync/mail"
)

func TestRenamed(t *testing.T) {
	for _, x := range []struct {
		name, from, to, want string
		ok                   bool
	}{
		{"a", "a", "b", "b", true},
		{"a/c/d", "a", "b/e", "b/e/c/d", true},
		{"ab", "a", "b", "ab", false},
		{"b/a", "a", "b", "b/a", false},
		{"a", "a/c", "b", "a", false},
	} {
		if got, ok := mail.Renamed(x.name, x.from, x.to); got != x.want || ok != x.ok {
			t.Errorf("%s, when %s becomes %s: %s, %v", x.name, x.from, x.to, got, ok)
		}
		if mail.Within(x.name, x.from) != x.ok {
			t.Errorf("%s within %s: %v", x.name, x.from, !x.ok)
		}
	}
}
