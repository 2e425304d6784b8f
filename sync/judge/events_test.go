package judge

import (
	"os"
	"path/filepath"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/simulate"
)

// TestEventsOutside: each kind of event that is drawn can be done to a world that
// others run.
func TestEventsOutside(t *testing.T) {
	variant, met := Variant{Name: "memory", Delim: "/"}, map[string]bool{}
	tool := satchelTool("satchel")
	for seed := range uint64(40) {
		srv := imaptest.NewServer(imaptest.Options{NoListen: true})
		t.Cleanup(srv.Close)
		h, dir := Draw(seed, tool, variant), t.TempDir()
		world, err := simulate.NewOutside(h, dir, filepath.Join(dir, "state"), srv, tool.Claims)
		if err != nil {
			t.Fatal(err)
		}
		plantFolders(t, filepath.Join(dir, "Mail"), srv.Mailboxes())
		for _, e := range h.Events {
			if e.Kind != "others agree" && !isRun(e.Kind) {
				met[e.Kind] = world.Do(e) || met[e.Kind]
			}
		}
		world.Finish()
		if v := world.Kept(); v != nil && v.Law == "foreign" {
			t.Errorf("seed %d: %v", seed, v)
		}
	}
	for _, kind := range []string{"disk no keywords", "disk odd", "disk half", "server rename"} {
		if !met[kind] {
			t.Errorf("%s was never done", kind)
		}
	}
}

// plantFolders is what a first run would have left.
func plantFolders(t *testing.T, root string, names []string) {
	t.Helper()
	for _, name := range names {
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(root, name, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(root, name, "dovecot-keywords"), []byte("0 work\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
