package remote

import (
	"encoding/base64"
	"testing"
	"time"

	"satchel/sync/mail"
)

// TestAnswerBeforeOurs: a server that does not wait for the answer to its
// challenge, whatever it says instead, ends the login and does not hang it.
func TestAnswerBeforeOurs(t *testing.T) {
	challenge := "+ " + base64.StdEncoding.EncodeToString([]byte("<1.2@example.org>")) + "\r\n"
	for name, then := range map[string]func(tag string) string{
		"NO":                func(tag string) string { return tag + " NO no\r\n" },
		"OK":                func(tag string) string { return tag + " OK [CAPABILITY IMAP4rev1] in\r\n" },
		"another challenge": func(string) string { return challenge + challenge },
		"BYE":               func(string) string { return "* BYE\r\n" },
		"its end":           func(string) string { return "" },
		"no base64":         func(string) string { return "+ \xff\r\n" },
		"empty challenges":  func(tag string) string { return "+ \r\n+ \r\n" + tag + " BAD\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			for range 20 { // who is first is up to the scheduler
				o := dialOptions(script(t, func(s *scripted) {
					s.send("* OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] ready")
					s.raw(challenge + then(s.command("AUTHENTICATE")))
				}))
				o.Auth = AuthCRAMMD5
				cl, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				done := make(chan error, 1)
				go func() {
					c, err := cl.Connect(t.Context())
					if err == nil {
						err = c.Close()
					}
					done <- err
				}()
				select {
				case err := <-done:
					if err != nil && mail.KindOf(err) != mail.KindConnection {
						t.Errorf("an error of kind %v: %v", mail.KindOf(err), err)
					}
				case <-time.After(30 * time.Second):
					t.Fatal("it hangs")
				}
			}
		})
	}
}
