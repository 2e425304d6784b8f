package sync_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
)

// TestCopiesWithoutIdentity: what another client copies on a server that has no
// identities is copied on disk; a message of the same size, date and Message-ID that
// differs in its middle is another one.
func TestCopiesWithoutIdentity(t *testing.T) {
	for name, caps := range levels() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, imaptest.Options{Caps: caps})
			server, _ := w.hands()
			server.create("Archive")
			var first []byte
			at := time.Unix(1_700_000_000, 0)
			for range 3 {
				first = append(w.message(), bytes.Repeat([]byte("filling\r\n"), 5000)...)
				w.srv.Append("INBOX", []string{`\Seen`}, at, first)
			}
			w.sync()
			for _, h := range server.list("INBOX") {
				server.copy(h, "Archive")
			}
			server.copy(server.list("INBOX")[0], "INBOX")
			middle := len(first) / 2
			other := append(bytes.Clone(first[:middle]), strings.ToUpper(string(first[middle:middle+50]))...)
			w.srv.Append("Archive", nil, at, append(other, first[middle+50:]...))
			rep := w.sync()
			if rep.Counts["local-copy"] != 4 || rep.Counts["download"] != 1 || rep.BytesIn > int64(3*len(first)) {
				t.Errorf("did %v with %d bytes", rep.Counts, rep.BytesIn)
			}
			w.agree()
			w.quiet()
		})
	}
}
