package judge

import (
	"fmt"

	"satchel/sync/simulate"
)

// mbsyncTool is isync. Its manual page (1.4.4) says what it knows: new
// messages, deletions, the flags of Maildir, empty mailboxes that are made.
// It asks that mail programs give a file another name when they move it
// (RECOMMENDATIONS), and has no keywords.
func mbsyncTool() Tool {
	leaves := foreign("mbsync(1) does not speak of it; mailboxes that hold messages are never deleted (Remove)")
	return Tool{
		Name: "mbsync", Program: "mbsync", Version: []string{"--version"},
		Files: func(p Place) map[string]string {
			return map[string]string{".mbsyncrc": fmt.Sprintf(`FSync no

IMAPAccount sim
Host 127.0.0.1
Port %d
User %s
Pass %s
SSLType None
AuthMechs LOGIN

IMAPStore far
Account sim

MaildirStore near
Path %s/
Inbox %s/INBOX
SubFolders Verbatim

Channel sim
Far :far:
Near :near:
Patterns INBOX *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
`, p.Port, p.User, p.Password, p.maildir(), p.maildir())}
		},
		Args: func(_ Place, kind, mailbox string) []string {
			args := []string{"-q", "-c", ".mbsyncrc"}
			switch kind {
			case "run pull":
				args = append(args, "--pull")
			case "run push":
				args = append(args, "--push")
			}
			if kind == "run box" {
				return append(args, "sim:"+mailbox)
			}
			return append(args, "sim")
		},
		Runs:     []string{"run box", "run pull", "run push"},
		Leaves:   leaves,
		Claims:   simulate.Claims{Dates: true, Header: "X-TUID: "},
		Flags:    []int{0, 1, 2, 3, 4},
		NewNames: true,
	}
}
