package judge

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"satchel/sync/simulate"
)

// Server is a real server with many users, all without mail.
type Server struct {
	Addr, Password string
	Renumber       func(user, mailbox string, validity uint32) // gives a mailbox another UIDVALIDITY
}

// Verdict is what a history came to.
type Verdict struct {
	History                 simulate.History
	Violation               *simulate.Violation // nil: none
	Kinds                   []string            // of what happened since the last agreement before it
	Notes                   []string
	Runs, Kills, Cuts, Done int // Done counts events
}

// player lives through one history.
type player struct {
	tool   Tool
	place  Place
	world  *simulate.Outside
	mail   *client
	wire   *wire
	last   int64           // bytes of the last whole run
	kinds  map[string]bool // since the last agreement
	result Verdict
}

// Play lives through a history of a program, as a user of the server who has
// no mail yet, in a folder that is empty.
func Play(h simulate.History, t Tool, s Server, user, dir string) (v Verdict, err error) {
	p := &player{tool: t, last: 4000, kinds: map[string]bool{}, result: Verdict{History: h}}
	if p.wire, err = newWire(s.Addr); err != nil {
		return v, err
	}
	defer p.wire.close()
	p.mail = &client{addr: s.Addr, user: user, password: s.Password,
		renumber: func(mailbox string, validity uint32) { s.Renumber(user, mailbox, validity) }}
	defer p.mail.close()
	p.place = Place{Dir: dir, Port: p.wire.port(), User: user, Password: s.Password}
	if err := t.configure(p.place); err != nil {
		return v, err
	}
	state := ""
	if t.State != "" {
		state = filepath.Join(dir, t.State)
	}
	if p.world, err = simulate.NewOutside(h, dir, state, p.mail, t.Claims); err != nil {
		return v, err
	}
	err = p.live(h)
	if err == nil && p.mail.failed != nil {
		err = fmt.Errorf("ask the server: %w", p.mail.failed) // what was seen proves nothing
	}
	p.result.Notes = p.world.Notes()
	for k := range p.kinds {
		p.result.Kinds = append(p.result.Kinds, k)
	}
	return p.result, err
}

func (p *player) live(h simulate.History) error {
	var during []simulate.Event
	for _, e := range append(h.Events, simulate.Event{Kind: "others agree"}) {
		var err error
		switch {
		case e.During > 0:
			during = append(during, e)
		case e.Kind == "others agree":
			err = p.agree()
		case isRun(e.Kind):
			err = p.run(e, during)
			during = nil
		default:
			p.do(e)
		}
		if err != nil || p.result.Violation != nil {
			return err
		}
	}
	return nil
}

func isRun(kind string) bool { return len(kind) > 4 && kind[:4] == "run " }

func (p *player) do(e simulate.Event) {
	if p.world.Do(e) {
		p.kinds[e.Kind] = true
		p.result.Done++
	}
}

func (p *player) broken(law, format string, args ...any) {
	if p.result.Violation == nil {
		p.result.Violation = &simulate.Violation{Law: law, Text: fmt.Sprintf(format, args...)}
	}
}

// run is one run as an event says.
func (p *player) run(e simulate.Event, during []simulate.Event) error {
	var others []trigger
	for _, d := range during {
		others = append(others, trigger{at: p.bytesAt(d.During), others: true, do: func() {
			p.world.Note("while it runs:")
			p.do(d)
			p.kinds["others beside a run"] = true
		}})
	}
	mailbox := ""
	if e.Kind == "run box" {
		mailbox = p.world.Mailbox(e.A)
	}
	before := ""
	if e.Kind == "run dry" {
		before = p.world.Listing()
	}
	r, err := p.once(e.Kind, mailbox, fault{e.Fault, e.At}, others)
	if err != nil {
		return err
	}
	if e.Kind != "run all" {
		p.kinds[e.Kind] = true
	}
	if (r.killed && !r.hung) || e.Fault == "cut" {
		p.kinds[e.Fault] = true
	}
	if e.Kind == "run dry" && len(during) == 0 && p.world.Listing() != before {
		p.broken("dry", "a dry run changed something")
	}
	return nil
}

func (p *player) once(kind, mailbox string, f fault, others []trigger) (result, error) {
	p.world.Begin()
	r, err := p.execute(p.tool.command(p.place, kind, mailbox), f, others)
	if err != nil {
		return r, err
	}
	p.result.Runs++
	if r.killed && !r.hung {
		p.result.Kills++
	}
	p.world.Note("%s %s %s -> %v", kind, mailbox, f.kind, r)
	if r.hung {
		p.broken("hangs", "a run did not end within %v", endless)
	}
	if v := p.world.Kept(); v != nil {
		p.broken(v.Law, "%s", v.Text)
	}
	return r, nil
}

// agree ends what takes its time, and demands agreement within two plain runs
// and rest in the third.
func (p *player) agree() error {
	p.world.Finish()
	var r result
	for range 2 {
		var err error
		if r, err = p.once("run all", "", fault{}, nil); err != nil || p.result.Violation != nil {
			return err
		}
	}
	if v := p.world.Agreed(); v != nil {
		p.broken(v.Law, "%s", v.Text)
		return nil
	}
	if p.fails(r) {
		p.broken("error", "the sides agree, and the second run says %v", r)
		return nil
	}
	before := p.world.Listing()
	r, err := p.once("run all", "", fault{}, nil)
	if err != nil {
		return err
	}
	if p.fails(r) {
		p.broken("error", "there is nothing to do, and the third run says %v", r)
	}
	if after := p.world.Listing(); after != before {
		p.broken("restless", "a run with nothing to do changed\n%s\ninto\n%s", before, after)
	}
	clear(p.kinds)
	return nil
}

// fails reports whether a run whose sides agree has no reason to end with an error.
// What is no file among the messages a program may name each time, with exit code 1.
func (p *player) fails(r result) bool {
	return r.code != 0 && (r.code != 1 || !holdsOdd(p.place.maildir()))
}

// holdsOdd reports whether a link, a fifo or a directory is where messages are.
func holdsOdd(maildir string) bool {
	found := false
	_ = filepath.WalkDir(maildir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.Type().IsRegular() && slices.Contains([]string{"cur", "new"}, filepath.Base(filepath.Dir(path))) {
			found = true
		}
		return nil // what is not there any more is not odd
	})
	return found
}
