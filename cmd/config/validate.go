package config

import (
	"net"
	"path/filepath"
	"strings"

	"satchel/maildir"
	"satchel/sync/mail"
)

// complete fills in the defaults that depend on other keys.
func (p *parser) complete(a *Account, keys layer) {
	if _, written := keys["tls"]; !written && a.Tunnel != "" {
		a.TLS = "none"
	}
	if a.Port == 0 {
		a.Port = 143
		if a.TLS == "implicit" {
			a.Port = 993
		}
	}
	if _, written := keys["maildir"]; !written || a.Maildir == "" {
		dir, err := expand("~/Mail/"+a.Name, p.env)
		if err != nil && !written {
			p.errorf(a.Line, `write below [accounts.`+a.Name+`]: maildir = "/path/to/mail"`, "account %q has no maildir", a.Name)
		}
		a.Maildir = dir
	}
	if len(a.Include) == 0 {
		a.Include = []string{"*"}
	}
}

// check holds the rules that join several keys of one account.
func (p *parser) check(a *Account) {
	write := func(what string) string { return "write below [accounts." + a.Name + "]: " + what }
	if a.Host == "" {
		if a.Tunnel == "" || a.TLS != "none" { // TLS wants to know whose certificate it should be
			p.errorf(p.at(a, "host"), write(`host = "imap.example.org"`), "account %q has no host", a.Name)
		}
	} else if reason := hostMistake(a.Host); reason != "" {
		p.errorf(p.at(a, "host"), write(`host = "imap.example.org"`), "host %s", reason)
	}
	p.checkLogin(a, write)
	if _, err := maildir.NewNaming(a.layout(), a.FolderNames == "utf-7", a.Separator, a.Folders); err != nil {
		key := "separator"
		if len(a.Folders) > 0 && strings.HasPrefix(err.Error(), "folders") {
			key = "folders"
		}
		p.errorf(p.at(a, key), "", "%w", err)
	}
	if a.TLS == "none" && a.Tunnel == "" && a.Host != "" && !mail.Loopback(a.Host) && !a.AllowCleartext {
		p.errorf(p.at(a, "tls"), `write tls = "implicit", or allow_cleartext = true if mail and password may be read on the way`,
			"tls = \"none\" would send the password in clear to %s", a.Host)
	}
}

// at is the line of a key, or of the account when the key is not written.
func (p *parser) at(a *Account, key string) int {
	if line := a.lines[key]; line != 0 {
		return line
	}
	return a.Line
}

// checkTogether holds the rules that join accounts.
func (p *parser) checkTogether(accounts []Account) {
	for i := range accounts {
		for j := range i {
			a, b := &accounts[j], &accounts[i]
			if strings.EqualFold(a.Name, b.Name) {
				// Their state would be one file where names ignore case.
				p.errorf(b.Line, "", "accounts %q and %q differ only in case", a.Name, b.Name)
			}
			if a.Maildir == "" || b.Maildir == "" {
				continue
			}
			switch {
			case a.Maildir == b.Maildir:
				p.errorf(p.at(b, "maildir"), "give each account a folder of its own", "accounts %q and %q have the same maildir", a.Name, b.Name)
			case within(a.Maildir, b.Maildir) || within(b.Maildir, a.Maildir):
				p.errorf(p.at(b, "maildir"), "give each account a folder of its own",
					"the maildirs of accounts %q and %q lie inside one another", a.Name, b.Name)
			}
		}
	}
}

// within reports whether b lies below a; both are clean.
func within(a, b string) bool {
	return strings.HasPrefix(b, strings.TrimSuffix(a, string(filepath.Separator))+string(filepath.Separator))
}

// hostMistake tells the two usual ones, a URL and an appended port.
func hostMistake(host string) string {
	switch {
	case strings.Contains(host, "://"), strings.Contains(host, "/"):
		return "must be a name or an address, not a URL"
	case strings.ContainsAny(host, " \t@"):
		return "must be a name or an address without blanks and without @"
	case strings.Contains(host, ":") && net.ParseIP(host) == nil:
		return "must be a name or an address; the port has a key of its own, port = 993"
	}
	return ""
}
