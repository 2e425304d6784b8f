package oauth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"satchel/cmd/oauth"
	"satchel/sync/mail"
)

// TestNonsenseTimes: a device flow ends within reason whatever a provider says
// of its times, and asks neither without a pause nor never.
func TestNonsenseTimes(t *testing.T) {
	for _, x := range []struct {
		interval, expires string
		first             time.Duration // until it asks
		until             time.Duration // as the person is told
	}{
		{"-1", "900", 5 * time.Second, 15 * time.Minute},
		{"0", "900", 5 * time.Second, 15 * time.Minute},
		{"1", "900", time.Second, 15 * time.Minute},
		{"9223372036854775807", "900", time.Minute, 15 * time.Minute},
		{"86400", "900", time.Minute, 15 * time.Minute},
		{"5", "-1", 5 * time.Second, 15 * time.Minute},
		{"5", "0", 5 * time.Second, 15 * time.Minute},
		{"5", "9223372036854775807", 5 * time.Second, 15 * time.Minute}, // runs over
		{"5", "999999999", 5 * time.Second, time.Hour},
	} {
		t.Run(x.interval+" "+x.expires, func(t *testing.T) {
			keyring.MockInit()
			synctest.Test(t, func(t *testing.T) {
				p := &provider{answers: map[string][]string{
					"/device": {`200 {"device_code":"dev1ce","user_code":"ABCD","verification_uri":"https://id.example.org/enter","expires_in":` + x.expires + `,"interval":` + x.interval + `}`},
					"/token":  {granted},
				}}
				began := time.Now()
				var until time.Duration
				_, err := oauth.New(options(t.TempDir()), p).Device(t.Context(), false, func(_, _ string, at time.Time) { until = at.Sub(began).Round(time.Second) })
				if took := time.Since(began); err != nil || took != x.first || until != x.until {
					t.Errorf("%v after %v, told %v", err, took, until)
				}
			})
		})
	}
	t.Run("slower for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &provider{answers: map[string][]string{
				"/device": {`200 {"device_code":"dev1ce","user_code":"ABCD","verification_uri":"https://id.example.org/enter"}`},
				"/token":  {`400 {"error":"slow_down"}`},
			}}
			began := time.Now()
			_, err := oauth.New(options(t.TempDir()), p).Device(t.Context(), false, func(string, string, time.Time) {})
			if err == nil || !strings.Contains(err.Error(), "not entered in time") || time.Since(began) != 15*time.Minute {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})
}

// TestNonsenseAnswers: what no person could follow is an error.
func TestNonsenseAnswers(t *testing.T) {
	keyring.MockInit()
	for name, answer := range map[string]string{
		"null":        `null`,
		"a list":      `[]`,
		"no page":     `{"device_code":"d","user_code":"ABCD","verification_uri":"javascript:alert(1)"}`,
		"an escape":   `{"device_code":"d","user_code":"AB\u001b[2JCD","verification_uri":"https://id.example.org/"}`,
		"reversed":    `{"device_code":"d","user_code":"ABCD","verification_uri":"https://id.example.org/\u202egro"}`,
		"a long code": `{"device_code":"d","user_code":"` + strings.Repeat("A", 5000) + `","verification_uri":"https://id.example.org/"}`,
		"deep":        strings.Repeat("[", 200_000),
	} {
		p := &provider{answers: map[string][]string{"/device": {"200 " + answer}, "/token": {granted}}}
		_, err := oauth.New(options(t.TempDir()), p).Device(t.Context(), false, func(url, code string, _ time.Time) { t.Errorf("%s: shown %q %q", name, url, code) })
		if mail.KindOf(err) != mail.KindConnection || len(err.Error()) > 1000 {
			t.Errorf("%s: %.1000v", name, err)
		}
	}
}

// TestTokenLife: a token whose life is nonsense is used, and not asked for at
// each login.
func TestTokenLife(t *testing.T) {
	for _, expires := range []string{"-1", "-2147483648", "0", "2147483647", `"99999999999999"`} {
		keyring.MockInit()
		o := options(t.TempDir())
		if err := keyring.Set("satchel", o.Entry, "refresh0"); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			p := &provider{answers: map[string][]string{"/token": {`200 {"access_token":"access1","expires_in":` + expires + `}`}}}
			c := oauth.New(o, p)
			for range 3 {
				if got, err := c.Token(t.Context()); got != "access1" || err != nil {
					t.Errorf("%s: %q, %v", expires, got, err)
				}
			}
			if len(p.seen) != 1 {
				t.Errorf("%s: asked %d times", expires, len(p.seen))
			}
		})
	}
}

// TestEchoes: no form of a secret that an endpoint sends back is shown.
func TestEchoes(t *testing.T) {
	keyring.MockInit()
	const refresh = "1//0gRefresh-Token_abcdefgh"
	o := options(t.TempDir())
	o.ClientSecret = "GOCSPX-clientsecret"
	for _, echo := range []string{refresh, url.QueryEscape(refresh), base64.StdEncoding.EncodeToString([]byte(refresh)), o.ClientSecret, refresh[:12]} {
		if err := keyring.Set("satchel", o.Entry, refresh); err != nil {
			t.Fatal(err)
		}
		p := &provider{answers: map[string][]string{"/token": {`400 {"error":"x` + echo + `","error_description":"\u001b]0;` + echo + `"}`}}}
		_, err := oauth.New(o, p).Token(t.Context())
		if err == nil || strings.Contains(err.Error(), echo) || strings.ContainsFunc(err.Error(), mail.Unprintable) {
			t.Errorf("%q: %v", echo, err)
		}
	}
}

// TestNeighbours: another user of this machine who holds as many connections
// to the port as he can, or guesses, holds up nobody.
func TestNeighbours(t *testing.T) {
	keyring.MockInit()
	p := &provider{answers: map[string][]string{"/token": {granted}}}
	done := make(chan error, 1)
	var held []net.Conn
	var mu sync.Mutex
	go func() {
		_, err := oauth.New(options(t.TempDir()), p).Browser(t.Context(), false, func(page string) {
			u, _ := url.Parse(page)
			back, state := u.Query().Get("redirect_uri"), u.Query().Get("state")
			addr, _ := url.Parse(back)
			mu.Lock()
			defer mu.Unlock()
			for i := range 100 {
				c, err := net.Dial("tcp", addr.Host)
				if err != nil {
					t.Error(err)
					return
				}
				held = append(held, c)
				_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n"[:i%25])) // none of them ends
			}
			var wg sync.WaitGroup
			for i := range 8 { // a browser may come more than once, and so may a guess
				wg.Go(func() {
					s := state
					if i%2 == 1 {
						s = "guessed"
					}
					resp, err := http.Get(back + "?" + url.Values{"state": {s}, "code": {fmt.Sprint("c0de", i)}}.Encode())
					if err != nil {
						return // it has what it wants
					}
					_ = resp.Body.Close()
					if (resp.StatusCode == http.StatusOK) != (s == state) {
						t.Errorf("state %s: %s", s, resp.Status)
					}
				})
			}
			wg.Wait()
		})
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil || p.last().Get("code_verifier") == "" || !strings.HasPrefix(p.last().Get("code"), "c0de") {
			t.Errorf("%v, asked %v", err, p.last())
		}
	case <-time.After(2 * time.Minute):
		t.Error("it hangs")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, c := range held {
		_ = c.Close()
	}
}

// TestBrowserLeaves: one that nobody opens is not waited for without end.
func TestBrowserLeaves(t *testing.T) {
	keyring.MockInit()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := oauth.New(options(t.TempDir()), &provider{}).Browser(ctx, false, func(string) { cancel() })
	if err == nil || !strings.Contains(err.Error(), "has not come back") {
		t.Error(err)
	}
}

// TestTokenFile: a fifo in its place is not waited for, and a file that others
// can read says how that is mended.
func TestTokenFile(t *testing.T) {
	keyring.MockInit()
	o := options(t.TempDir())
	writeToken(t, o.File, "refresh0", 0o640)
	_, err := oauth.New(o, &provider{}).Token(t.Context())
	if err == nil || !strings.Contains(mail.HintOf(err), "chmod 600 "+o.File) {
		t.Errorf("%v (%s)", err, mail.HintOf(err))
	}
	o.File += ".fifo"
	if err := syscall.Mkfifo(o.File, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = oauth.New(o, &provider{}).Token(t.Context()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}
