package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"satchel/cmd/oauth"
	"satchel/sync/mail"
)

const secret = "s3cret"

// provider plays the endpoints, without a network so that synctest has the
// clock. Each path has the answers that are still to be given; the last one
// stays.
type provider struct {
	mu      sync.Mutex
	answers map[string][]string // by path: status in front, then JSON
	seen    []url.Values
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	form := r.PostForm
	if _, basic, ok := r.BasicAuth(); ok {
		form.Set("basic", basic)
	}
	p.seen = append(p.seen, form)
	list := p.answers[r.URL.Path]
	if len(list) == 0 {
		return nil, errors.New("no answer for " + r.URL.String())
	}
	if len(list) > 1 {
		p.answers[r.URL.Path] = list[1:]
	}
	status, body, _ := strings.Cut(list[0], " ")
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(map[string]int{"200": 200, "400": 400, "401": 401, "500": 500}[status])
	_, _ = w.WriteString(body)
	return w.Result(), nil
}

func (p *provider) last() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[len(p.seen)-1]
}

func options(dir string) oauth.Options {
	return oauth.Options{Account: "home", Entry: "oauth:ann@example.org", File: filepath.Join(dir, "state", "home.token"),
		Provider: oauth.Custom, ClientID: "client", Scopes: []string{"mail"},
		DeviceURL: "https://id.example.org/device", AuthURL: "https://id.example.org/auth", TokenURL: "https://id.example.org/token"}
}

const granted = `200 {"access_token":"access1","refresh_token":"refresh1","expires_in":3600,"token_type":"Bearer"}`

func TestDevice(t *testing.T) {
	for _, where := range []string{"keyring", "no keyring", "file"} {
		t.Run(where, func(t *testing.T) {
			keyring.MockInit()
			if where == "no keyring" {
				keyring.MockInitWithError(errors.New("no D-Bus"))
			}
			dir := t.TempDir()
			o := options(dir)
			if where == "file" {
				_ = keyring.Set("satchel", o.Entry, "older")
			}
			synctest.Test(t, func(t *testing.T) {
				p := &provider{answers: map[string][]string{
					"/device": {`200 {"device_code":"dev1ce","user_code":"ABCD-EFGH","verification_uri":"https://id.example.org/enter","expires_in":900,"interval":5}`},
					"/token":  {`400 {"error":"authorization_pending"}`, `400 {"error":"slow_down"}`, granted},
				}}
				began := time.Now()
				shown := ""
				c := oauth.New(o, p)
				stored, err := c.Device(t.Context(), where == "file", func(url, code string, until time.Time) {
					shown = url + " " + code + " " + until.Sub(began).Round(time.Second).String()
				})
				if err != nil {
					t.Fatal(err)
				}
				if shown != "https://id.example.org/enter ABCD-EFGH 15m0s" {
					t.Errorf("shown %q", shown)
				}
				// 5 s, 5 s, and 10 s after slow_down (RFC 8628 §3.5).
				if took := time.Since(began); took != 20*time.Second {
					t.Errorf("took %v", took)
				}
				if form := p.last(); form.Get("device_code") != "dev1ce" || form.Get("client_id") != "client" {
					t.Errorf("asked %v", form)
				}
				if (stored == "the keyring") != (where == "keyring") {
					t.Errorf("stored in %s", stored)
				}
			})
			data, err := os.ReadFile(o.File)
			if where == "keyring" {
				got, _ := keyring.Get("satchel", o.Entry)
				if got != "refresh1" || err == nil {
					t.Errorf("keyring %q, file %q", got, data)
				}
				return
			}
			if got, err := keyring.Get("satchel", o.Entry); err == nil {
				t.Errorf("the keyring still has %q", got)
			}
			info, _ := os.Stat(o.File)
			if string(data) != "refresh1\n" || info.Mode().Perm() != 0o600 {
				t.Errorf("file %q, %v", data, info.Mode())
			}
		})
	}
}

// TestToken: a refresh for as long as a token lasts, by all who ask.
func TestToken(t *testing.T) {
	keyring.MockInit()
	o := options(t.TempDir())
	if err := keyring.Set("satchel", o.Entry, "refresh0"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: map[string][]string{"/token": {
			granted,
			`200 {"access_token":"access2","expires_in":3600}`, // the refresh token stays
		}}}
		c := oauth.New(o, p)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if got, err := c.Token(t.Context()); got != "access1" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		wg.Wait()
		if len(p.seen) != 1 || p.last().Get("refresh_token") != "refresh0" {
			t.Errorf("asked %v", p.seen)
		}
		if got, _ := keyring.Get("satchel", o.Entry); got != "refresh1" {
			t.Errorf("kept %q", got)
		}
		time.Sleep(time.Hour)
		if got, err := c.Token(t.Context()); got != "access2" || err != nil || p.last().Get("refresh_token") != "refresh1" {
			t.Errorf("%q, %v", got, err)
		}
		if got, _ := keyring.Get("satchel", o.Entry); got != "refresh1" {
			t.Errorf("kept %q", got)
		}
	})
}

// TestFileWins: after login --file the keyring's older token is not used, and
// a renewed one goes where the old one was.
func TestFileWins(t *testing.T) {
	keyring.MockInit()
	o := options(t.TempDir())
	if err := keyring.Set("satchel", o.Entry, "older"); err != nil {
		t.Fatal(err)
	}
	writeToken(t, o.File, "refresh0\n", 0o600)
	p := &provider{answers: map[string][]string{"/token": {granted}}}
	if _, err := oauth.New(o, p).Token(t.Context()); err != nil || p.last().Get("refresh_token") != "refresh0" {
		t.Fatalf("%v, %v", p.last(), err)
	}
	if data, _ := os.ReadFile(o.File); string(data) != "refresh1\n" {
		t.Errorf("file %q", data)
	}
}

func writeToken(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct{ answer, want, hint string }{
		"revoked":     {`400 {"error":"invalid_grant","error_description":"Token has been revoked.\r\nTrace 1"}`, "the permission has expired or was revoked (invalid_grant): Token has been revoked.", "satchel login home"},
		"interaction": {`400 {"error":"interaction_required"}`, "(interaction_required)", "satchel login home"},
		"client":      {`401 {"error":"invalid_client"}`, "does not take this client", "oauth_client_id"},
		"scope":       {`400 {"error":"invalid_scope"}`, "scopes", "oauth_scopes"},
		"echo":        {`400 {"error":"invalid_request","error_description":"refresh0 and ` + secret + `"}`, "invalid_request: ... and ...", "oauth keys"},
		"no JSON":     {`500 <html>refresh0</html>`, "the provider answered 500 Internal Server Error", "later"},
		"no token":    {`200 {}`, "missing access_token", "later"},
	} {
		t.Run(name, func(t *testing.T) {
			keyring.MockInitWithError(errors.New("no D-Bus"))
			o := options(t.TempDir())
			o.ClientSecret = secret
			writeToken(t, o.File, "refresh0\n", 0o600)
			_, err := oauth.New(o, &provider{answers: map[string][]string{"/token": {tt.answer}}}).Token(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(mail.HintOf(err), tt.hint) || mail.KindOf(err) != mail.KindConnection {
				t.Errorf("%v (%s)", err, mail.HintOf(err))
			}
			if err != nil && (strings.Contains(err.Error(), "refresh0") || strings.Contains(err.Error(), secret)) {
				t.Errorf("shown: %v", err)
			}
		})
	}
}

func TestNoToken(t *testing.T) {
	o := options(t.TempDir())
	keyring.MockInit()
	for want, prepare := range map[string]func(){
		"there is no refresh token yet":                            func() {},
		"there is no refresh token yet, and no keyring answers (l": func() { keyring.MockInitWithError(errors.New("locked")) },
		"can be read by others":                                    func() { writeToken(t, o.File, "refresh0", 0o644) },
	} {
		_ = os.Remove(o.File)
		keyring.MockInit()
		prepare()
		_, err := oauth.New(o, &provider{}).Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || mail.KindOf(err) != mail.KindConnection {
			t.Errorf("%s: %v", want, err)
		}
		if strings.HasPrefix(want, "there") && mail.HintOf(err) != "satchel login home" {
			t.Errorf("%s: hint %q", want, mail.HintOf(err))
		}
	}
}

func TestDeviceRefused(t *testing.T) {
	keyring.MockInit()
	const asked = `200 {"device_code":"dev1ce","user_code":"ABCD","verification_uri":"https://id.example.org/enter","expires_in":60,"interval":5}`
	for name, tt := range map[string]struct{ device, token, want, hint string }{
		"denied":           {asked, `400 {"error":"access_denied"}`, "the permission was denied", "satchel login home"},
		"expired":          {asked, `400 {"error":"expired_token"}`, "not entered in time", "satchel login home"},
		"too late":         {asked, `400 {"error":"authorization_pending"}`, "not entered in time", "satchel login home"},
		"no scope":         {`400 {"error":"invalid_scope"}`, granted, "scopes", "--browser"},
		"no answer":        {`200 {}`, granted, "lacks the code", "later"},
		"no refresh token": {asked, `200 {"access_token":"access1"}`, "gave no refresh token", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{answers: map[string][]string{"/device": {tt.device}, "/token": {tt.token}}}
				_, err := oauth.New(options(t.TempDir()), p).Device(t.Context(), false, func(string, string, time.Time) {})
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(mail.HintOf(err), tt.hint) {
					t.Errorf("%v (%s)", err, mail.HintOf(err))
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			p := &provider{answers: map[string][]string{"/device": {asked}, "/token": {`400 {"error":"authorization_pending"}`}}}
			if _, err := oauth.New(options(t.TempDir()), p).Device(ctx, false, func(string, string, time.Time) {}); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	})
}

// TestBrowser walks the way of a browser, with a stranger in between.
func TestBrowser(t *testing.T) {
	keyring.MockInit()
	p := &provider{answers: map[string][]string{"/token": {granted}}}
	o := options(t.TempDir())
	get := func(t *testing.T, to string, query url.Values) int {
		t.Helper()
		resp, err := http.Get(to + "?" + query.Encode())
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for name, answer := range map[string]url.Values{
		"allowed": {"code": {"c0de"}},
		"denied":  {"error": {"access_denied"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := oauth.New(o, p).Browser(t.Context(), false, func(page string) {
				u, err := url.Parse(page)
				q := u.Query()
				if err != nil || u.Host != "id.example.org" || q.Get("client_id") != "client" || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "mail" {
					t.Errorf("page %s, %v", page, err)
				}
				if code := get(t, q.Get("redirect_uri"), url.Values{"state": {"guessed"}, "code": {"evil"}}); code != http.StatusNotFound {
					t.Errorf("a stranger got %d", code)
				}
				answer.Set("state", q.Get("state"))
				if code := get(t, q.Get("redirect_uri"), answer); code != http.StatusOK {
					t.Errorf("the browser got %d", code)
				}
			})
			if name == "denied" {
				if err == nil || !strings.Contains(err.Error(), "denied") {
					t.Error(err)
				}
				return
			}
			got, _ := keyring.Get("satchel", o.Entry)
			if err != nil || got != "refresh1" || p.last().Get("code") != "c0de" || p.last().Get("code_verifier") == "" {
				t.Errorf("%q, %v, asked %v", got, err, p.last())
			}
		})
	}
}

// TestRedirect: the secrets of a request go nowhere else.
func TestRedirect(t *testing.T) {
	keyring.MockInitWithError(errors.New("no D-Bus"))
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer elsewhere.Close()
	srv := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	o := options(t.TempDir())
	o.TokenURL = srv.URL
	writeToken(t, o.File, "refresh0", 0o600)
	if _, err := oauth.New(o, nil).Token(t.Context()); err == nil || !strings.Contains(err.Error(), "elsewhere") || strings.Contains(err.Error(), "refresh0") {
		t.Error(err)
	}
}

func TestProviders(t *testing.T) {
	keyring.MockInit()
	for _, tt := range []struct {
		o              oauth.Options
		device, prefer bool
	}{
		{oauth.Options{Provider: oauth.Google}, true, true},
		{oauth.Options{Provider: oauth.Microsoft}, true, false},
		{oauth.Options{Provider: oauth.Custom, AuthURL: "https://x/"}, false, true},
		{oauth.Options{Provider: oauth.Custom, DeviceURL: "https://x/"}, true, false},
	} {
		c := oauth.New(tt.o, &provider{})
		if c.HasDevice() != tt.device || c.PrefersBrowser() != tt.prefer {
			t.Errorf("%+v: device %v, browser %v", tt.o, c.HasDevice(), c.PrefersBrowser())
		}
	}
	// What Microsoft is asked for, and where.
	p := &provider{answers: map[string][]string{"/organizations/oauth2/v2.0/devicecode": {`400 {"error":"invalid_client"}`}}}
	o := options(t.TempDir())
	o.Provider, o.Tenant, o.Scopes = oauth.Microsoft, "organizations", nil
	_, err := oauth.New(o, p).Device(t.Context(), false, nil)
	if err == nil || !strings.Contains(p.last().Get("scope"), "offline_access") {
		t.Errorf("%v, asked %v", err, p.last())
	}
	if data, _ := json.Marshal(p.last()); strings.Contains(string(data), "secret") {
		t.Errorf("asked %s", data)
	}
}
