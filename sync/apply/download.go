package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
	"satchel/sync/run"
	"satchel/sync/view"
)

// download is a job: messages to fetch, in groups that are asked for one after
// the other. There is one group, unless the server ends the connection, or
// refuses: then what did not come is asked for apart, the first of it alone, for
// a server sends in order what it can; where nothing came, also in halves.
type download struct {
	a      *applier
	d      *deliverer
	groups [][]*plan.Op
	// over are the messages that were handed on, reported or set aside.
	over map[*plan.Op]bool
	// suspected is how often a message was the first that did not come.
	suspected map[*plan.Op]int
	refusals  int // of the server, to a FETCH
	vain      int // messages that were set aside since one came
}

const (
	// maxRefusals is how often a job asks anew because the server refused. When
	// maxVain messages in a row do not come, the job takes the cause for another one
	// than these messages, and stops.
	maxRefusals = 128
	maxVain     = 8
)

// downloadJobs cuts the downloads into jobs. Messages at which an earlier run
// failed come last, each alone, and those first that no run tried for longest.
func (a *applier) downloadJobs(ops []plan.Op, d *deliverer) []pool.Job {
	var fresh []plan.Op
	var damaged []*plan.Op
	var known [][]*plan.Op
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Kind != plan.Download || a.isAside(op):
		case !a.known(op):
			fresh = append(fresh, *op)
		default:
			damaged = append(damaged, op)
		}
	}
	slices.SortStableFunc(damaged, func(x, y *plan.Op) int { return a.triedAt(x).Compare(a.triedAt(y)) })
	for _, op := range damaged {
		if a.mayTry(op) {
			known = append(known, []*plan.Op{op})
			continue
		}
		a.catch(op, "the server could not give it to an earlier run, and was not asked again", errNotAsked)
	}
	jobs := a.transfers(fresh, plan.Download, fetchMessages, false, func(mine []*plan.Op) pool.Job {
		return newDownload(a, d, [][]*plan.Op{mine}).job()
	})
	if len(known) > 0 {
		j := newDownload(a, d, known).job()
		j.Broken = a.broken(slices.Concat(known...))
		jobs = append(jobs, j)
	}
	return jobs
}

// errNotAsked is why nothing new is known of a message.
var errNotAsked = fmt.Errorf("at most %d such messages are tried in a run", quirk.MaxKnown)

// mayTry reports whether one more message is tried that an earlier run knew of.
func (a *applier) mayTry(op *plan.Op) bool {
	f := quirk.MessageFault(a.asideKey(op))
	a.Mu.Lock()
	defer a.Mu.Unlock()
	if len(a.quirks.Blame.Tried) >= quirk.MaxKnown {
		return false
	}
	if a.quirks.Blame.Tried == nil {
		a.quirks.Blame.Tried = map[run.Fault]bool{}
	}
	a.quirks.Blame.Tried[f] = true
	return true
}

func newDownload(a *applier, d *deliverer, groups [][]*plan.Op) *download {
	dl := &download{a: a, d: d, groups: groups, over: map[*plan.Op]bool{}, suspected: map[*plan.Op]int{}}
	for _, g := range groups {
		for _, op := range g {
			if a.known(op) {
				dl.suspected[op] = 1
			}
		}
	}
	return dl
}

func (dl *download) job() pool.Job {
	return pool.Job{Run: dl.run, Narrow: dl.narrow}
}

// run fetches the groups. Its error leaves the group at which it came in front.
func (dl *download) run(ctx context.Context, c *remote.Conn) error {
	for len(dl.groups) > 0 {
		group := dl.open(dl.groups[0])
		refused, err := dl.fetch(ctx, c, group)
		if err != nil {
			return err
		}
		left := dl.open(group)
		if len(left) == 0 {
			dl.groups = dl.groups[1:]
			continue
		}
		dl.refusals++
		dl.split(group, left, "the server refuses to send it", refused)
		if dl.refusals > maxRefusals || dl.vain >= maxVain {
			dl.giveUp(left[0].Mailbox, refused)
		}
	}
	return nil
}

// open returns the messages of a group that still have to come, in the order in
// which they are asked for.
func (dl *download) open(group []*plan.Op) []*plan.Op {
	left := slices.DeleteFunc(slices.Clone(group), func(op *plan.Op) bool { return dl.over[op] || dl.d.has(op) })
	slices.SortStableFunc(left, func(x, y *plan.Op) int {
		return cmp.Or(strings.Compare(x.Mailbox, y.Mailbox), cmp.Compare(view.Ref(x.Item).UID, view.Ref(y.Item).UID))
	})
	return left
}

// split replaces the group in front after part of it did not come. A message
// that was asked for alone, and was the first that did not come before, is what
// is wrong.
func (dl *download) split(group, left []*plan.Op, why string, err error) {
	first, rest := left[0], left[1:]
	dl.suspected[first]++
	var groups [][]*plan.Op
	if len(group) == 1 && dl.suspected[first] > 1 {
		dl.over[first] = true
		dl.vain++
		dl.a.catch(first, why, err)
	} else {
		groups = append(groups, []*plan.Op{first})
	}
	if half := (len(rest) + 1) / 2; len(left) == len(group) && half > 0 {
		groups = append(groups, rest[:half])
		rest = rest[half:]
	}
	if len(rest) > 0 {
		groups = append(groups, rest)
	}
	dl.groups = slices.Concat(groups, dl.groups[1:])
}

// narrow sees to a connection that the server ended while the group in front was
// asked for.
func (dl *download) narrow(err error) bool {
	at, ok := remote.EndedAt(err)
	if !ok || len(dl.groups) == 0 {
		return false
	}
	group := dl.groups[0]
	left := dl.open(group)
	if !at.Messages || len(left) == 0 {
		return dl.a.opens(at.Mailbox, err, dl)
	}
	n, ok := dl.a.losesReading(left[0].Mailbox)
	if !ok {
		return false
	}
	dl.split(group, left, "the server ends the session when it is asked for it", err)
	if n >= quirk.MaxEndedIn {
		dl.giveUp(left[0].Mailbox, err)
	}
	return true
}

// losesReading counts a connection that ended at messages of a mailbox.
func (a *applier) losesReading(mailbox string) (n int, ok bool) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	return a.quirks.Blame.MayLose(&a.quirks.Blame.Reading, mailbox)
}

// opens sees to a connection that ended when a mailbox was opened.
func (a *applier) opens(mailbox string, err error, dl *download) bool {
	a.Mu.Lock()
	n, ok := a.quirks.Blame.MayLose(&a.quirks.Blame.Opening, mailbox)
	a.Mu.Unlock()
	if !ok {
		return false
	}
	if n > 1 || !a.quirks.Since(run.Fault{Mailbox: mailbox, What: run.FaultEnds}).IsZero() {
		a.quirks.LeaveAlone(mailbox, err)
		dl.leave(mailbox, a.quirks.LeftAlone(mailbox))
	}
	return true
}

// giveUp leaves what is still to come of a mailbox to the next run.
func (dl *download) giveUp(mailbox string, err error) {
	dl.vain = 0
	dl.leave(mailbox, &mail.Error{Op: "fetch", Mailbox: mailbox, Kind: mail.KindMailbox,
		Hint: "what is named is damaged on the server: tell its administrator; the next sync goes on with the rest",
		Err:  fmt.Errorf("the server fails at too many messages of the mailbox, the others wait: %w", quirk.EndedBy(err))})
}

// leave reports once why the messages of a mailbox that are still to come wait.
func (dl *download) leave(mailbox string, err error) {
	some := false
	for _, group := range dl.groups {
		for _, op := range group {
			if op.Mailbox == mailbox && !dl.over[op] {
				dl.over[op], some = true, true
				dl.a.leaveForLater(op)
			}
		}
	}
	dl.groups = slices.DeleteFunc(dl.groups, func(g []*plan.Op) bool { return len(dl.open(g)) == 0 })
	if some {
		dl.a.Rep.Problem(mailbox, "", err)
	}
}

// fetch asks for a group and hands what comes to the deliverer. A message that
// the server does not send is asked for once more; a message is never called
// gone because of it. refused is why the server sends nothing more of what is
// left then.
func (dl *download) fetch(ctx context.Context, c *remote.Conn, group []*plan.Op) (refused, err error) {
	a := dl.a
	wanted := view.ByUID[*plan.Op]{}
	for _, op := range group {
		wanted.Put(op.Mailbox, view.Ref(op.Item).UID, op)
	}
	doubtful, refused, err := dl.ask(ctx, c, wanted)
	if err != nil {
		a.abort(doubtful)
		return nil, err
	}
	if err := a.confirmSizes(ctx, c, doubtful, dl.d); err != nil {
		return nil, err
	}
	for _, x := range doubtful {
		dl.over[x.op] = true // if only by being set aside
	}
	if err := a.unsent(ctx, c, wanted); err != nil {
		return nil, err
	}
	for _, ops := range wanted {
		for _, op := range ops {
			dl.over[op] = true
		}
	}
	return refused, nil
}

// ask asks for messages, and once more for those that the server left out, and takes
// out of wanted what came. It returns what is not as long as the server says.
func (dl *download) ask(ctx context.Context, c *remote.Conn, wanted view.ByUID[*plan.Op]) (doubtful []*delivery, refused, err error) {
	for range 2 {
		reqs := run.Bodies(dl.a.Run, wanted)
		if len(reqs) == 0 {
			break
		}
		failed, err := c.FetchBodies(ctx, reqs, func(b remote.Body) error {
			op := wanted[b.Mailbox][b.UID]
			if op == nil {
				_, err := io.Copy(io.Discard, b)
				return err
			}
			delete(wanted[b.Mailbox], b.UID)
			x, err := dl.a.receive(ctx, op, b)
			switch {
			case err != nil:
				return err
			case x == nil: // it is reported
				dl.over[op] = true
				return nil
			case contradicts(x):
				doubtful = append(doubtful, x)
				return nil
			}
			return dl.add(ctx, x)
		})
		if err != nil {
			return doubtful, nil, err
		}
		if err := dl.refusal(wanted, failed); err != nil {
			refused = err
		}
	}
	return doubtful, refused, nil
}

// refusal takes out of wanted what a refusal left, and returns it. One that is
// about the mailbox, or a limit, is told of each message.
func (dl *download) refusal(wanted view.ByUID[*plan.Op], failed map[string]error) (refused error) {
	for name, err := range failed {
		var re *remote.ResponseError
		limit, _ := remote.LimitOf(err)
		if limit == remote.NoLimit && errors.As(err, &re) && remote.OfMessages(err) {
			refused = err
		} else {
			for _, op := range wanted[name] {
				dl.over[op] = true
				dl.a.skip(op, err)
			}
		}
		delete(wanted, name)
	}
	return refused
}

// add hands a message to the deliverer.
func (dl *download) add(ctx context.Context, x *delivery) error {
	dl.vain = 0
	dl.a.clear(x.op)
	return dl.d.add(ctx, x)
}
