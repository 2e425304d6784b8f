package remote

import (
	"errors"
	"slices"
	"strings"
)

// errReadOnly is a command that [Options.ReadOnly] forbids. The planner leaves
// such changes out; this makes sure that no other way leads to the server.
var errReadOnly = errors.New("nothing is changed on the server of this account (direction = \"pull\")")

// onlyReads reports whether a command, without its tag, changes nothing that
// other clients could see. What is not known changes something.
func onlyReads(line string) bool {
	fields := strings.Fields(line)
	if len(fields) > 1 && strings.EqualFold(fields[0], "UID") {
		fields = fields[1:]
	}
	return len(fields) > 0 && slices.Contains([]string{
		"CAPABILITY", "NOOP", "LOGOUT", "ID", "STARTTLS", "AUTHENTICATE", "LOGIN", "ENABLE", "COMPRESS", "NAMESPACE",
		"EXAMINE", "UNSELECT", "LIST", "LSUB", "STATUS", "FETCH", "SEARCH", "IDLE", "NOTIFY", "MYRIGHTS",
	}, strings.ToUpper(fields[0]))
}
