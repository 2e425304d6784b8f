package judge

import (
	"fmt"

	"satchel/sync/simulate"
)

// satchelTool is the program of this repository. Other clients' \Deleted and a
// wait for a later day are left out: the one because \Deleted is a flag like
// others there and a removal for the others, the other because it takes time.
func satchelTool(program string) Tool {
	return Tool{
		Name: "satchel", Program: program, Version: []string{"version"},
		Files: func(p Place) map[string]string {
			return map[string]string{"satchel.toml": fmt.Sprintf(`[accounts.sim]
host = "127.0.0.1"
port = %d
tls = "none"
user = %q
password = %q
maildir = %q
fsync = false
max_delete_percent = 100
`, p.Port, p.User, p.Password, p.maildir())}
		},
		Args: func(_ Place, kind, mailbox string) []string {
			args := []string{"sync", "--config", "satchel.toml", "--no-progress"}
			switch kind {
			case "run box":
				args = append(args, "sim/"+mailbox)
			case "run pull":
				args = append(args, "--pull")
			case "run push":
				args = append(args, "--push")
			case "run dry":
				args = append(args, "--dry-run")
			case "run full":
				args = append(args, "--full")
			}
			return args
		},
		Runs:   []string{"run box", "run pull", "run push", "run dry", "run full"},
		Claims: simulate.Claims{Moves: true, Dates: true},
		Flags:  []int{0, 1, 2, 3, 4, 5, 6},
		State:  ".local/state/satchel",
	}
}
