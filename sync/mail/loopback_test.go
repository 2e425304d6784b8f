package mail_test

import (
	"testing"

	"satchel/sync/mail"
)

func TestLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "LocalHost.", "imap.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"} {
		if !mail.Loopback(host) {
			t.Errorf("%s is not loopback", host)
		}
	}
	for _, host := range []string{"", "localhost.example.org", "notlocalhost", "localhost.localdomain", "192.0.2.1", "0.0.0.0", "::", "127.0.0.1.example.org", "127.1", "2130706433"} {
		if mail.Loopback(host) {
			t.Errorf("%s is loopback", host)
		}
	}
}
