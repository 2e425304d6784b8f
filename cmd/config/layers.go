package config

import (
	"maps"
	"slices"
)

// value is what a key holds, and the line that says so.
type value struct {
	is   any
	line int
}

// layer is one table of account keys: [defaults], or the table of an account.
type layer map[string]value

// layerOf notes where each key of a table stands.
func (p *parser) layerOf(table map[string]any, path ...string) layer {
	l := make(layer, len(table))
	for k, v := range table {
		l[k] = value{v, p.pos.line(append(slices.Clone(path), k)...)}
	}
	return l
}

// readDefaults reads [defaults]. Each value in it is tried once, on an account
// that is thrown away: a mistake is told with its own line, and not once more
// for each account that it holds for.
func (p *parser) readDefaults(doc map[string]any) layer {
	v, ok := doc["defaults"]
	if !ok {
		return nil
	}
	table, ok := v.(map[string]any)
	if !ok {
		p.errorf(p.pos.line("defaults"), "the keys that hold for all accounts are a table, [defaults]",
			"defaults must be a table, not %s", typeName(v))
		return nil
	}
	l := p.layerOf(table, "defaults")
	scratch := defaults("defaults")
	scratch.lines = map[string]int{}
	for _, k := range slices.Sorted(maps.Keys(l)) {
		if !p.set(&scratch, k, l[k]) {
			delete(l, k)
		}
	}
	return l
}

// over lays the table of an account over [defaults]. A default that belongs to
// another choice than the account made does not come with it: an account with
// keyring = true takes no password_command, and one with its own oauth
// provider not the client of another.
func (l layer) over(defaults layer) layer {
	all := maps.Clone(defaults)
	if all == nil {
		all = layer{}
	}
	drop := func(keys ...string) {
		for _, k := range keys {
			delete(all, k)
		}
	}
	if l.chooses(sourceKeys()...) {
		provider, fallback := l["oauth"].is, all["oauth"].is
		drop(sourceKeys()...)
		if provider == nil || fallback != nil && provider != fallback {
			drop(oauthKeys()...)
		}
	}
	if l.chooses("tls_cert") {
		drop("tls_key") // of another certificate
	}
	if l.chooses("tunnel") {
		drop("tls") // of the accounts with a socket
	}
	maps.Copy(all, l)
	return all
}

// chooses reports whether one of the keys is written and not empty.
func (l layer) chooses(keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool {
		v, written := l[k]
		return written && v.is != "" && v.is != false
	})
}

// sourceKeys are the ways to get what a login takes, of which an account has
// one.
func sourceKeys() []string {
	var keys []string
	for _, s := range new(Account).allSources() {
		keys = append(keys, s.key)
	}
	return keys
}

// oauthKeys describe a provider and the client that it knows.
func oauthKeys() []string {
	return []string{"oauth_client_id", "oauth_client_secret", "oauth_tenant", "oauth_scopes", "oauth_device_url", "oauth_auth_url", "oauth_token_url"}
}
