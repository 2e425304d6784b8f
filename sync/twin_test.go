package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// twin returns one of two messages that agree in Message-ID, size and date,
// and differ in one place only.
func twin(place, mark string) []byte {
	at := map[string]string{"head": "________", "middle": "________", "tail": "________"}
	at[place] = mark
	return fmt.Appendf(nil, "Received: by mx id %s\r\nMessage-ID: <twin@test>\r\n\r\n%s\r\n%s\r\n%s\r\n%s\r\n",
		at["head"], strings.Repeat("x", 3000), at["middle"], strings.Repeat("y", 3000), at["tail"])
}

// TestTwinsAreTwo: a new message on each side that agree in all but a few
// bytes are two messages, wherever they differ.
func TestTwinsAreTwo(t *testing.T) {
	date := time.Unix(1500000000, 0)
	for _, place := range []string{"head", "middle", "tail"} {
		t.Run(place, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{})
			w.sync()
			w.srv.Append("INBOX", nil, date, twin(place, "server__"))
			path := filepath.Join(w.acct.Maildir, "INBOX", "cur", "twin:2,")
			must(w, os.WriteFile(path, []byte(strings.ReplaceAll(string(twin(place, "maildir_")), "\r\n", "\n")), 0o600))
			must(w, os.Chtimes(path, date, date))
			w.sync()
			if s := w.agree(); len(s["INBOX"]) != 2 {
				t.Errorf("%d messages", len(s["INBOX"]))
			}
			w.quiet()
		})
	}
}

// TestTwinIsNoMove: one twin is expunged, the other one delivered elsewhere.
// With an identity on the server they are told apart for certain, without one
// by the first and last bytes.
func TestTwinIsNoMove(t *testing.T) {
	date := time.Unix(1500000000, 0)
	for _, x := range []struct {
		place string
		caps  imaptest.Caps
	}{
		{"head", imaptest.DefaultCaps}, {"tail", imaptest.DefaultCaps},
		{"middle", imaptest.DefaultCaps.With(imaptest.CapObjectID)},
	} {
		t.Run(x.place, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: x.caps})
			must(w, w.srv.CreateMailbox("Archive"))
			uid := w.srv.Append("INBOX", nil, date, twin(x.place, "one_____"))
			w.sync()
			w.srv.Expunge("INBOX", uid)
			w.srv.Append("Archive", nil, date, twin(x.place, "other___"))
			w.sync()
			w.agree()
			w.quiet()
		})
	}
}
