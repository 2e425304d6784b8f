package imaptest

import (
	"maps"
	"strconv"
)

// state is what a connection must have reached for a command.
type state int

const (
	inAny state = iota
	inFresh
	inAuthenticated
	inSelected
)

// handler executes one kind of command. It returns the tagged reply without its tag, or "" to leave that to the errors of
// the parser.
type handler struct {
	state state
	need  Caps
	tells tells
	run   func(c *Conn, tag string, p *parser) string // with the lock of the server
	free  func(c *Conn, tag string, p *parser) string // instead of run: without it, because it reads from the client
}

// commands are the handlers of all commands, in the order of RFC 3501 §6.
func commands() map[string]handler {
	all := anyState()
	maps.Copy(all, afterLogin())
	maps.Copy(all, inMailbox())
	return all
}

// anyState are the commands that need no login, and those that make one.
func anyState() map[string]handler {
	return map[string]handler{
		"CAPABILITY":   {run: runCapability},
		"NOOP":         {run: runNoop},
		"LOGOUT":       {tells: tellNothing, run: runLogout},
		"ID":           {need: CapID, run: runID},
		"STARTTLS":     {state: inFresh, need: CapStartTLS, free: freeStartTLS},
		"AUTHENTICATE": {state: inFresh, free: freeAuthenticate},
		"LOGIN":        {state: inFresh, run: runLogin},
	}
}

// afterLogin are the commands that need a login.
func afterLogin() map[string]handler {
	return map[string]handler{
		"ENABLE":      {state: inAuthenticated, need: CapEnable, run: runEnable},
		"COMPRESS":    {state: inAuthenticated, need: CapCompress, free: freeCompress},
		"NAMESPACE":   {state: inAuthenticated, need: CapNamespace, run: runNamespace},
		"SELECT":      {state: inAuthenticated, tells: tellNothing, run: selectHandler(false)},
		"EXAMINE":     {state: inAuthenticated, tells: tellNothing, run: selectHandler(true)},
		"CREATE":      {state: inAuthenticated, run: runCreate},
		"DELETE":      {state: inAuthenticated, run: runDelete},
		"RENAME":      {state: inAuthenticated, run: runRename},
		"SUBSCRIBE":   {state: inAuthenticated, run: subscribeHandler(true)},
		"UNSUBSCRIBE": {state: inAuthenticated, run: subscribeHandler(false)},
		"LIST":        {state: inAuthenticated, run: runList},
		"LSUB":        {state: inAuthenticated, run: runLsub},
		"STATUS":      {state: inAuthenticated, run: runStatus},
		"APPEND":      {state: inAuthenticated, run: runAppend},
		"IDLE":        {state: inAuthenticated, need: CapIdle, free: freeIdle},
	}
}

// inMailbox are the commands that need a selected mailbox.
func inMailbox() map[string]handler {
	return map[string]handler{
		"CHECK":       {state: inSelected, run: runNoop},
		"CLOSE":       {state: inSelected, tells: tellNothing, run: runClose},
		"UNSELECT":    {state: inSelected, need: CapUnselect, tells: tellNothing, run: runUnselect},
		"EXPUNGE":     {state: inSelected, run: runExpunge},
		"UID EXPUNGE": {state: inSelected, need: CapUIDPlus, run: runUIDExpunge},
		"SEARCH":      {state: inSelected, tells: tellNoExpunges, run: searchHandler(false)},
		"UID SEARCH":  {state: inSelected, run: searchHandler(true)},
		"FETCH":       {state: inSelected, tells: tellNoExpunges, run: fetchHandler(false)},
		"UID FETCH":   {state: inSelected, run: fetchHandler(true)},
		"STORE":       {state: inSelected, tells: tellNoExpunges, run: storeHandler(false)},
		"UID STORE":   {state: inSelected, run: storeHandler(true)},
		"COPY":        {state: inSelected, run: copyHandler(false, false)},
		"UID COPY":    {state: inSelected, run: copyHandler(true, false)},
		"MOVE":        {state: inSelected, need: CapMove, run: copyHandler(false, true)},
		"UID MOVE":    {state: inSelected, need: CapMove, run: copyHandler(true, true)},
	}
}

// admit refuses commands that are unknown or out of place; "" lets them pass.
func (c *Conn) admit(h handler, known bool) string {
	switch {
	case !known || !c.srv.opts.Caps.Has(h.need):
		return "BAD Unknown command"
	case h.state == inFresh && c.user != "":
		return "BAD Already authenticated"
	case h.state >= inAuthenticated && c.user == "":
		return "BAD Not authenticated"
	case h.state == inSelected && c.sel == nil:
		return "BAD No mailbox selected"
	}
	return ""
}

func (c *Conn) execute(cmd command) {
	p := &parser{srv: c.srv, buf: cmd.text, pos: cmd.args, lits: cmd.lits}
	h, known := c.srv.commands[cmd.verb]
	reply := c.admit(h, known)
	if reply == "" && h.free != nil {
		if reply = h.free(c, cmd.tag, p); reply == "" {
			reply = p.reply()
		}
		if reply != replied {
			c.say(cmd.tag + " " + reply)
		}
		return
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	if c.sel != nil && c.sel.ended {
		c.tell(tellAll)
		c.out.printf("%s NO Selected mailbox is no longer there", cmd.tag)
		return
	}
	end := func() {}
	if reply == "" {
		end, reply = c.onServer(cmd.verb)
	}
	if reply == "" {
		if reply = h.run(c, cmd.tag, p); reply == "" {
			reply = p.reply()
		}
	}
	c.tell(h.tells)
	end()
	c.out.printf("%s %s", cmd.tag, reply)
}

// reply turns the errors of the parser into a tagged reply.
func (p *parser) reply() string {
	if p.err != nil {
		return "BAD " + printable(p.err.Error())
	}
	if p.no != "" {
		return p.no
	}
	return "BAD Command not understood"
}

// printable keeps what a client sent from breaking the line that quotes it.
func printable(s string) string {
	b := []byte(s)
	for i, ch := range b {
		if ch < ' ' || ch >= 0x7f {
			b[i] = '?'
		}
	}
	return string(b)
}

func itoa(n int) string    { return strconv.Itoa(n) }
func utoa(n uint64) string { return strconv.FormatUint(n, 10) }
