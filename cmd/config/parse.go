package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/pelletier/go-toml/v2"

	"satchel/sync/mail"
)

// parser walks a decoded document and collects every error in it.
//
// The document is decoded into plain maps and not into structs, so that a
// wrong type or an unknown key is an error in the words of this package, and
// so that one run finds all of them.
type parser struct {
	file string
	env  Env
	pos  positions
	keys []key
	errs []located
}

// located is an error and the line that it is reported at; 0 when there is
// no such line.
type located struct {
	line int
	err  *mail.Error
}

func (p *parser) errorf(line int, hint, format string, args ...any) {
	p.errs = append(p.errs, located{line, &mail.Error{
		Op: place(p.file, line), Kind: mail.KindConfig, Hint: hint, Err: fmt.Errorf(format, args...),
	}})
}

// failure is all errors in the order of the file.
func (p *parser) failure() error {
	slices.SortStableFunc(p.errs, func(a, b located) int { return cmp.Compare(a.line, b.line) })
	// What [defaults] does to one account it may do to the next.
	p.errs = slices.CompactFunc(p.errs, func(a, b located) bool { return a.line == b.line && a.err.Error() == b.err.Error() })
	if len(p.errs) == 1 {
		return p.errs[0].err
	}
	all := make([]error, len(p.errs))
	for i, e := range p.errs {
		all[i] = e.err
	}
	return errors.Join(all...)
}

func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// syntaxError leaves out the lines that go-toml would show around the error:
// a password may be on one of them.
func syntaxError(file string, err error) error {
	var de *toml.DecodeError
	if !errors.As(err, &de) {
		return &mail.Error{Op: file, Kind: mail.KindConfig, Err: err}
	}
	row, column := de.Position()
	return &mail.Error{
		Op: fmt.Sprintf("%s:%d:%d", file, row, column), Kind: mail.KindConfig,
		Hint: `text stands in quotes, as in host = "imap.example.org", and the name of a table in brackets, as in [accounts.home]`,
		Err:  errors.New(strings.TrimPrefix(de.Error(), "toml: ")),
	}
}

// accounts reads the top level.
func (p *parser) accounts(doc map[string]any) []Account {
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if name != "accounts" && name != "defaults" {
			p.errorf(p.pos.line(name), "an account is a table such as [accounts.home]",
				"unknown key %q; the nearest known key is %q", name, nearest(name, []key{{name: "accounts"}, {name: "defaults"}}))
		}
	}
	common := p.readDefaults(doc)
	named, ok := doc["accounts"]
	if !ok {
		return nil
	}
	tables, ok := named.(map[string]any)
	if !ok {
		p.errorf(p.pos.line("accounts"), "an account is a table such as [accounts.home]", "accounts must be a table, not %s", typeName(named))
		return nil
	}
	var accounts []Account
	for _, name := range p.inOrder(tables) {
		line := p.pos.line("accounts", name)
		table, ok := tables[name].(map[string]any)
		if !ok {
			p.errorf(line, "an account is a table such as [accounts.home]",
				"unknown key %q in accounts, which holds one table for each account", name)
			continue
		}
		if !validName(name) {
			p.errorf(line, "", "account name %q: only letters, digits, '.', '_' and '-' are possible, and it begins with a letter or digit", name)
			continue
		}
		accounts = append(accounts, p.account(name, line, p.layerOf(table, "accounts", name).over(common)))
	}
	p.checkTogether(accounts)
	return accounts
}

// inOrder returns the names in the order of the file.
func (p *parser) inOrder(tables map[string]any) []string {
	names := slices.Sorted(maps.Keys(tables))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(p.pos.line("accounts", a), p.pos.line("accounts", b))
	})
	return names
}

// account reads the layers of one account: the value of each key, then the
// rules that join several of them.
func (p *parser) account(name string, line int, keys layer) Account {
	a := defaults(name)
	a.Line, a.file, a.lines = line, p.file, make(map[string]int)
	before := len(p.errs)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		p.set(&a, k, keys[k])
	}
	p.complete(&a, keys)
	if len(p.errs) == before { // otherwise one mistake would be told twice
		p.check(&a)
	}
	return a
}

// set gives the account one key, or tells what is wrong with it.
func (p *parser) set(a *Account, name string, v value) bool {
	i := slices.IndexFunc(p.keys, func(known key) bool { return known.name == name })
	if i < 0 {
		p.errorf(v.line, "", "unknown key %q; the nearest known key is %q", name, nearest(name, p.keys))
		return false
	}
	a.lines[name] = v.line
	if err := p.keys[i].set(a, p.env, v.is); err != nil {
		p.errorf(v.line, "", "%s %w", name, err)
		return false
	}
	return true
}

// nearest returns the known key with the smallest edit distance, the first of
// the table when several share it.
func nearest(name string, known []key) string {
	best, distance := "", -1
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(name), k.name, nil); distance < 0 || d < distance {
			best, distance = k.name, d
		}
	}
	return best
}

func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		// A dot in front would hide the state file, a dash would look like a flag.
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return name != "" && len(name) <= 100
}
