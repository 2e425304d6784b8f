package judge

import "fmt"

// offlineimapTool is offlineimap3, as the commented configuration of its
// package describes it. Keywords are left out: customflag_ speaks of those that come
// from the server. So are dates, which it offers to take from headers.
func offlineimapTool() Tool {
	return Tool{
		Name: "offlineimap3", Program: "offlineimap", Version: []string{"--version"},
		Files: func(p Place) map[string]string {
			return map[string]string{".offlineimaprc": fmt.Sprintf(`[general]
accounts = sim
metadata = %s/metadata
ui = quiet
fsync = False

[Account sim]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = %s
sep = /

[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = %d
remoteuser = %s
remotepass = %s
ssl = no
starttls = no
`, p.Dir, p.maildir(), p.Port, p.User, p.Password)}
		},
		Args: func(_ Place, kind, mailbox string) []string {
			args := []string{"-o", "-c", ".offlineimaprc"}
			switch kind {
			case "run box":
				args = append(args, "-f", mailbox)
			case "run dry":
				args = append(args, "--dry-run")
			}
			return args
		},
		Runs:   []string{"run box", "run dry"},
		Leaves: foreign("offlineimap.conf and offlineimap(1) do not speak of it; folders are created, never removed or renamed"),
		Alone:  true, // KNOWN ISSUES: "confused when mails change while in a sync"
		Flags:  []int{0, 1, 2, 3},
	}
}
