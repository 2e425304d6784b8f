package remote

import (
	"strings"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

func TestExternal(t *testing.T) {
	ca, caPEM := certificate(t, "authority", nil)
	ann, _ := certificate(t, "ann", ca)
	for _, ir := range []bool{true, false} {
		caps := imaptest.DefaultCaps.With(allMechanisms)
		if !ir {
			caps = caps.Without(imaptest.CapSASLIR)
		}
		used := &mechanismLog{}
		srv, base := listening(t, imaptest.Options{TLS: true, Caps: caps, ClientCA: caPEM, Hook: used.hook})
		base.RootCA, base.Certificate, base.Password = srv.CertPEM(), ann, nil
		for _, user := range []string{"ann", ""} {
			for _, auth := range []string{AuthAuto, AuthExternal} {
				t.Run(auth, func(t *testing.T) {
					o := base
					o.User, o.Auth = user, auth
					_, c := connect(t, o)
					if _, err := c.ListMailboxes(t.Context()); err != nil || used.last() != "EXTERNAL" {
						t.Errorf("%v, %s", err, used.last())
					}
				})
			}
		}
		o := base
		o.User = "bob"
		if err := refusedLogin(t, o); !strings.Contains(mail.HintOf(err), "check user") {
			t.Errorf("%v, hint %q", err, mail.HintOf(err))
		}
	}
}
