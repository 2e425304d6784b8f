package refusal

import (
	"testing"

	"satchel/sync/remote/wire"
)

// TestOwnWords: what an answer quotes of a command says nothing about a limit,
// and what the server says beside it still does.
func TestOwnWords(t *testing.T) {
	for _, x := range []struct {
		asked, answer string
		limit         Limit
	}{
		{`SELECT "Throttled"`, `Mailbox "Throttled" does not exist`, NoLimit},
		{`SELECT "Throttled"`, `Mailbox Throttled does not exist`, NoLimit},
		{`SELECT "INBOX.Throttled"`, `Mailbox Throttled does not exist`, NoLimit},
		{`SELECT "INBOX/Rate limit/2024"`, `No such mailbox: INBOX/Rate limit/2024`, NoLimit},
		{`STATUS "Too many connections" (MESSAGES)`, `cannot open Too many connections`, NoLimit},
		{`SELECT "Caf&AOk- throttled"`, `Café throttled is not there`, NoLimit},
		{`APPEND "Over quota" (\Seen) {3+}`, `Folder <Over quota> unknown`, NoLimit},
		{`CREATE "a\"throttled"`, `bad name a"throttled`, NoLimit},
		{`UID FETCH 1 (UID) "Throttled"`, `Throttled: cannot be read`, NoLimit}, // opened before
		{``, `cannot open 'throttled'`, NoLimit},
		{``, "cannot open `throttled`", NoLimit},
		{`SELECT "Throttled"`, `Mailbox "Throttled": request is throttled`, NoLimit}, // in doubt, no limit
		{`SELECT "Work"`, `Mailbox "Work": request is throttled`, LimitRate},
		{`SELECT "e"`, `Request is throttled`, LimitRate},
		{`SELECT "a/led/rott"`, `Request is throttled`, LimitRate},
		{`SELECT "Work"`, `User's mailbox: can't serve, rate limit hit`, LimitRate},
		{`SELECT "Work`, `Request is throttled "`, LimitRate},
		{`APPEND "Work" {3+}`, `database is locked`, LimitInUse},
		{`APPEND "Database is locked" {3+}`, `no mailbox Database is locked`, NoLimit},
	} {
		err := Of("NO", wire.ParseText([]byte(x.answer)), x.asked)
		if limit, _ := LimitOf(err); limit != x.limit {
			t.Errorf("%s: NO %s: limit %d, want %d", x.asked, x.answer, limit, x.limit)
		}
	}
}
