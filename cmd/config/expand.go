package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// expand replaces a leading ~ and $NAME or ${NAME}, and wants an absolute
// path as the result: cron, a timer and a shell start satchel in different
// directories.
//
// A variable that is not set is an error and not the empty string, because
// "$MAIL/home" would then be a Maildir in the root of the file system.
func expand(s string, env Env) (string, error) {
	if strings.ContainsRune(s, 0) {
		return "", errors.New("must not contain a NUL")
	}
	var out strings.Builder
	if s == "~" || strings.HasPrefix(s, "~/") {
		if env.Home == "" {
			return "", errors.New("begins with ~, but there is no home directory")
		}
		out.WriteString(env.Home)
		s = s[1:]
	} else if strings.HasPrefix(s, "~") {
		return "", errors.New("begins with ~ and a name; write the whole path")
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			out.WriteByte(s[i])
			continue
		}
		name, width := variable(s[i+1:])
		if name == "" {
			return "", errors.New("has a $ without the name of a variable")
		}
		value, ok := "", false
		if env.Lookup != nil {
			value, ok = env.Lookup(name)
		}
		if !ok || value == "" {
			return "", fmt.Errorf("uses the environment variable %s, which is not set", name)
		}
		out.WriteString(value)
		i += width
	}
	path := out.String()
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("must be an absolute path or begin with ~/, not %q", path)
	}
	return filepath.Clean(path), nil
}

// variable returns the name at the start of s and how many bytes it takes,
// braces included.
func variable(s string) (name string, width int) {
	braced := strings.HasPrefix(s, "{")
	if braced {
		s = s[1:]
	}
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if !braced {
		return s[:n], n
	}
	if n == len(s) || s[n] != '}' {
		return "", 0
	}
	return s[:n], n + 2
}
