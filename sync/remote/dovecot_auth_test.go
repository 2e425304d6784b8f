package remote

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest/dovecot"
	"satchel/sync/mail"
)

// introspection answers what an OAuth server knows of a token (RFC 7662).
func introspection(t *testing.T, tokens map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			user = ""
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"active": ok, "username": user})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestDovecotMechanisms logs in with all that Dovecot has.
func TestDovecotMechanisms(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	ca, caPEM := certificate(t, "authority", nil)
	ann, _ := certificate(t, "ann", ca)
	token := strings.Repeat("eyJ0eXAiOiJKV1Qi", 150)
	srv := allMechanismsServer(t, caPEM, token)
	base := Options{Host: "127.0.0.1", Port: srv.TLSPort(), RootCA: srv.CertPEM(), User: "ann", Password: password(srv.Password), Timeout: 20 * time.Second}
	for _, tc := range []struct {
		auth, method string
		edit         func(*Options)
	}{
		{AuthAuto, "SCRAM-SHA-256", nil},
		{AuthSCRAMSHA256, "SCRAM-SHA-256", nil},
		{AuthSCRAMSHA1, "SCRAM-SHA-1", nil},
		{AuthCRAMMD5, "CRAM-MD5", nil},
		{AuthPlain, "PLAIN", nil},
		{AuthLogin, "PLAIN", nil}, // Dovecot's name of the LOGIN command
		{AuthAuto, "EXTERNAL", func(o *Options) { o.Certificate, o.Password = ann, nil }},
		{AuthExternal, "EXTERNAL", func(o *Options) { o.Certificate, o.Password, o.User = ann, nil, "" }},
		{AuthAuto, "OAUTHBEARER", func(o *Options) { o.Token, o.Password = password(token), nil }},
		{AuthXOAuth2, "XOAUTH2", func(o *Options) { o.Token, o.Password = password(token), nil }},
	} {
		for _, without := range [][]string{nil, {"SASL-IR"}} {
			t.Run(fmt.Sprint(tc.method, without), func(t *testing.T) {
				o := base
				o.Auth, o.Without = tc.auth, without
				if tc.edit != nil {
					tc.edit(&o)
				}
				logsInBy(t, srv, o, tc.method)
			})
		}
	}
	refusedByDovecot(t, base)
}

// allMechanismsServer takes certificates of an authority, and one token, for ann.
func allMechanismsServer(t *testing.T, caPEM []byte, token string) *dovecot.Server {
	t.Helper()
	return dovecot.Start(t, dovecot.Options{
		TLS: true, Users: []string{"ann", "bob"}, Password: "pa ss,w=örd",
		Files: map[string]string{
			"clients.pem": string(caPEM),
			"oauth2.conf": fmt.Sprintf("introspection_url = %s/\nintrospection_mode = auth\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n",
				introspection(t, map[string]string{token: "ann"})),
		},
		Extra: `auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 external oauthbearer xoauth2
ssl_ca = <$DIR/clients.pem
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
ssl_require_crl = no
# No growing delay for those who fail.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = static
  mechanisms = external
  args = nopassword=y
}
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = $DIR/oauth2.conf
}
`,
	})
}

// logsInBy checks that the server's log names the mechanism.
func logsInBy(t *testing.T, srv *dovecot.Server, o Options, method string) {
	t.Helper()
	logged := func() int { return strings.Count(srv.Log(), "method="+method+",") }
	before := logged()
	_, c := connect(t, o)
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
	for tries := 0; logged() == before; tries++ { // the log comes when it comes
		if tries == 1000 {
			t.Fatalf("not by %s", method)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// refusedByDovecot checks what is said of wrong passwords, tokens and certificates.
func refusedByDovecot(t *testing.T, base Options) {
	for auth, want := range map[string]string{
		AuthSCRAMSHA256: "AUTHENTICATIONFAILED", AuthCRAMMD5: "AUTHENTICATIONFAILED", AuthPlain: "AUTHENTICATIONFAILED",
		AuthXOAuth2: "the server refuses the access token: 401", AuthOAuthBearer: "the server refuses the access token: invalid_token",
	} {
		t.Run("refused "+auth, func(t *testing.T) {
			o := base
			o.Auth, o.Password = auth, password("wrong")
			if err := refusedLogin(t, o); !strings.Contains(err.Error(), want) {
				t.Errorf("%v (%s)", err, mail.HintOf(err))
			}
		})
	}
	t.Run("refused certificate", func(t *testing.T) {
		o := base
		o.Certificate, _ = certificate(t, "mallory", nil)
		o.Password, o.Auth = nil, AuthExternal
		if err := refusedLogin(t, o); !strings.Contains(mail.HintOf(err), "user and password") && !strings.Contains(mail.HintOf(err), "tls_cert") {
			t.Errorf("%v (%s)", err, mail.HintOf(err))
		}
	})
}
