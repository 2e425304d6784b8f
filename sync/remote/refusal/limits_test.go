package refusal

import (
	"testing"
	"time"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

func TestLimitOf(t *testing.T) {
	for _, x := range []struct {
		answer string // a resp-text, as it stands behind NO or BYE
		limit  Limit
		wait   time.Duration
	}{
		{"[UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)", LimitConnections, 0},
		{"[LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=1)", LimitConnections, 0}, // Dovecot 2.3
		{"[ALERT] Too many simultaneous connections. (Failure)", LimitConnections, 0},
		{"Too many open connections from your IP", LimitConnections, 0},
		{"[LIMIT] Connection limit reached", LimitConnections, 0},
		{"User is authenticated but not connected.", LimitConnections, 0},
		{"Request is throttled. Suggested Backoff Time: 299923 milliseconds", LimitRate, 299923 * time.Millisecond},
		{"[THROTTLED] Slow down", LimitRate, 0},
		{"[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", LimitRate, 0},
		{"[ALERT] Bandwidth limits exceeded, try again in 2 hours", LimitRate, 2 * time.Hour},
		{"[LIMIT] Rate limit hit, wait 90 seconds.", LimitRate, 90 * time.Second},
		{"Request is throttled. Suggested Backoff Time: 4000000000 minutes", LimitRate, 24 * time.Hour},
		{"Request is throttled. Suggested Backoff Time: -1 milliseconds", LimitRate, 0},
		{"[UNAVAILABLE] User's backend down for maintenance.", LimitUnavailable, 0},
		{"Server Unavailable. 15", LimitUnavailable, 0}, // Exchange
		{"[INUSE] Mailbox is locked", LimitInUse, 0},
		{"[OVERQUOTA] Quota exceeded (mailbox for user is full)", LimitQuota, 0},
		{"Quota exceeded", LimitQuota, 0},
		{"[LIMIT] At most 32 flags in one mailbox supported", NoLimit, 0},
		{"[AUTHENTICATIONFAILED] Too many connections with a wrong password", NoLimit, 0},
		{"[NONEXISTENT] Mailbox doesn't exist: throttled", NoLimit, 0},
		{"[TOOBIG] Message is too big", NoLimit, 0},
		{"Not today", NoLimit, 0},
	} {
		text := wire.ParseText([]byte(x.answer))
		for _, err := range []error{
			Of("NO", text, ""),
			&mail.Error{Op: "select", Err: &ByeError{Code: text.Code, Text: text.Text}},
		} {
			if limit, wait := LimitOf(err); limit != x.limit || wait != x.wait {
				t.Errorf("%s: limit %d, wait %v; want %d and %v", x.answer, limit, wait, x.limit, x.wait)
			}
		}
	}
}
