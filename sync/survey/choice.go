package survey

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"satchel/maildir"
	"satchel/sync/account"
	"satchel/sync/mail"
)

// What a person names must be there: a name that stands for nothing is a typo as
// a rule, and a run on nothing must not look like one that went well.

// ErrNotThere is the name of a mailbox that stands for none.
var ErrNotThere = errors.New("it is neither on the server nor in the Maildir, or not included")

// checkNames makes sure that the mailboxes that the command line names are there,
// and that include and exclude choose something.
func (s *Survey) checkNames(f *finding) error {
	if s.Named {
		return nil // a later cycle may have removed one
	}
	s.Named = true
	everything := len(s.Account.Include) == 0 || slices.Equal(s.Account.Include, []string{"*"})
	if everything && len(s.Account.Exclude) == 0 && len(s.Req.Mailboxes) == 0 {
		return nil // nothing was named
	}
	all := knownNames(f)
	for _, name := range s.Req.Mailboxes {
		if s.Mailboxes[maildir.Canonical(name)] == nil {
			return &mail.Error{Op: "mailbox " + name, Kind: mail.KindConfig, Err: ErrNotThere,
				Hint: nearestNames(name, all) + "satchel status -v " + s.Account.Name + " lists the mailboxes"}
		}
	}
	var nothing []string
	for _, pattern := range s.Account.Include {
		if !strings.ContainsAny(pattern, "*%") && !slices.ContainsFunc(all, func(name string) bool { return account.MatchPattern(pattern, name) }) {
			nothing = append(nothing, pattern)
		}
	}
	switch {
	case len(all) > 0 && !slices.ContainsFunc(all, s.Wanted):
		return &mail.Error{Op: "include and exclude", Kind: mail.KindConfig,
			Err:  fmt.Errorf("they choose none of the %d mailboxes", len(all)),
			Hint: strings.TrimSuffix(nearestNames(strings.Join(s.Account.Include, " "), all), "; ")}
	case len(s.Req.Mailboxes) > 0:
		return nil // the rest was not asked for
	}
	for _, pattern := range nothing {
		s.Rep.Problem("", "", &mail.Error{Op: fmt.Sprintf("include %q", pattern), Kind: mail.KindMailbox,
			Err:  errors.New("there is no such mailbox, neither on the server nor in the Maildir"),
			Hint: strings.TrimSuffix(nearestNames(pattern, all), "; ")})
	}
	return nil
}

// knownNames returns the names of all mailboxes that a side or the base has,
// included or not.
func knownNames(f *finding) []string {
	names := map[string]bool{}
	for name := range f.boxes {
		names[name] = true
	}
	for _, folder := range f.folders {
		names[folder.Name] = true
	}
	for _, r := range f.rows {
		names[r.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// someNames is how many names a hint proposes.
const someNames = 3

// nearestNames proposes names that a person may have meant, "" if there are none.
func nearestNames(name string, all []string) string {
	distance := func(to string) int { return levenshtein.Distance(strings.ToLower(name), strings.ToLower(to), nil) }
	near := slices.Clone(all)
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	near = near[:min(someNames, len(near))]
	if len(near) == 0 {
		return ""
	}
	return "the nearest names are " + strings.Join(near, ", ") + "; "
}
