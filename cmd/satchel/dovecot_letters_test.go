package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// letter is a message of either side.
type letter struct {
	name    string // file name, or UID
	content []byte
	flags   []string // IMAP's names, sorted
	date    int64
}

// subject is what tells the messages of a test apart.
func (l letter) subject() string {
	_, rest, ok := bytes.Cut(append([]byte("\n"), l.content...), []byte("\nSubject: "))
	if !ok {
		return fmt.Sprintf("%.20q", l.content)
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return strings.TrimSuffix(string(line), "\r")
}

// letters is one side: every mailbox, also the empty ones.
type letters map[string][]letter

// lines tells a side in text, one line for each message.
func (s letters) lines(describe func(letter) string) []string {
	var all []string
	for mailbox, ls := range s {
		all = append(all, mailbox)
		for _, l := range ls {
			all = append(all, mailbox+": "+describe(l))
		}
	}
	slices.Sort(all)
	return all
}

// brief is subject and flags.
func brief(l letter) string {
	return strings.TrimSpace(l.subject() + " " + strings.Join(l.flags, " "))
}

// onDisk is the form that a message of the server has to have on disk.
func onDisk(content []byte) []byte {
	lf := bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	if bytes.HasSuffix(content, []byte("\r\n")) && !bytes.Contains(content, []byte("\r\r\n")) &&
		bytes.Count(content, []byte("\n")) == bytes.Count(content, []byte("\r\n")) {
		return lf
	}
	return content
}

// withoutLength leaves out the line that mutt adds where it saves a message: it
// stays on the side where it was saved (SPEC §5).
func withoutLength(content []byte) []byte {
	head, body, _ := bytes.Cut(content, []byte("\n\n"))
	lines := bytes.SplitAfter(append(head, '\n'), []byte("\n"))
	lines = slices.DeleteFunc(lines, func(l []byte) bool { return bytes.HasPrefix(l, []byte("Content-Length: ")) })
	return slices.Concat(bytes.Join(lines, nil), []byte("\n"), body)
}

var namedByUID = regexp.MustCompile(`U=\d`)

// disk reads the Maildir, in the nested layout.
func (r *rig) disk() letters {
	r.Helper()
	all := letters{}
	r.must(filepath.WalkDir(r.mail, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if d.Name() != "cur" {
			return nil
		}
		dir := filepath.Dir(path)
		rel, err := filepath.Rel(r.mail, dir)
		if err != nil {
			return err
		}
		mailbox := decodePercent(rel)
		all[mailbox] = r.folder(dir)
		return fs.SkipDir
	}))
	return all
}

// decodePercent undoes the encoding of SPEC §5.
func decodePercent(dir string) string {
	dir = strings.ReplaceAll(dir, "%+/", "")
	return regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(dir, func(s string) string {
		n, _ := strconv.ParseUint(s[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

func (r *rig) folder(dir string) (all []letter) {
	r.Helper()
	keywords := map[string]string{}
	if b, err := os.ReadFile(filepath.Join(dir, "dovecot-keywords")); err == nil {
		for line := range strings.Lines(string(b)) {
			n, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			i, err := strconv.Atoi(n)
			r.must(err)
			keywords[string(rune('a'+i))] = name
		}
	}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		r.must(err)
		for _, e := range entries {
			path := filepath.Join(dir, sub, e.Name())
			content, err := os.ReadFile(path)
			r.must(err)
			info, err := os.Stat(path)
			r.must(err)
			l := letter{name: path, content: content, date: info.ModTime().Unix()}
			_, flags, _ := strings.Cut(e.Name(), ":2,")
			for _, c := range strings.Split(flags, "") {
				name, ok := map[string]string{"D": `\Draft`, "F": `\Flagged`, "P": "$Forwarded", "R": `\Answered`, "S": `\Seen`, "T": `\Deleted`}[c]
				if !ok {
					name, ok = keywords[c]
				}
				if !ok {
					r.Errorf("%s: what is flag %s?", path, c)
				}
				l.flags = append(l.flags, name)
			}
			slices.Sort(l.flags)
			all = append(all, l)
		}
	}
	if tmp, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(tmp) > 0 {
		r.Errorf("%s/tmp still holds %v", dir, tmp)
	}
	return all
}

// equal compares the sides: mailboxes, bytes, flags and dates. It returns what both hold.
func (r *rig) equal() letters {
	r.Helper()
	server, disk := r.imap.read(), r.disk()
	r.compare(server, disk)
	return server
}

func (r *rig) compare(server, disk letters) {
	r.Helper()
	whole := func(l letter) string {
		return fmt.Sprintf("%s %d %v %q", l.subject(), l.date, l.flags, l.content)
	}
	s := server.lines(func(l letter) string { l.content = withoutLength(onDisk(l.content)); return whole(l) })
	d := disk.lines(func(l letter) string { l.content = withoutLength(l.content); return whole(l) })
	if !slices.Equal(s, d) {
		r.Errorf("the sides differ:\n%s", differ(s, d, "server", "disk"))
	}
	for _, ls := range disk {
		for _, l := range ls {
			if namedByUID.MatchString(filepath.Base(l.name)) || strings.Contains(filepath.Base(l.name), distinctUID) {
				r.Errorf("a UID in the name %s", l.name)
			}
		}
	}
}

// distinctUID begins the UIDs of INBOX in TestDovecot/sides.
const distinctUID = "8675309"

// differ shows the lines that only one of two sorted lists has.
func differ(a, b []string, nameA, nameB string) string {
	count := map[string]int{}
	for _, l := range a {
		count[l]++
	}
	for _, l := range b {
		count[l]--
	}
	var out strings.Builder
	for _, l := range slices.Sorted(maps.Keys(count)) {
		if n := count[l]; n != 0 {
			who := nameA
			if n < 0 {
				who = nameB
			}
			fmt.Fprintf(&out, "only %s: %.300s\n", who, l)
		}
	}
	return out.String()
}

// holds compares what there is with mailboxes, and messages as "mailbox: subject flags".
func (r *rig) holds(s letters, want ...string) {
	r.Helper()
	want = sorted(slices.Clone(want))
	if got := s.lines(brief); !slices.Equal(got, want) {
		r.Errorf("not what it should be:\n%s", differ(want, got, "wanted", "present"))
	}
}
