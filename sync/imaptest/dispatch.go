package imaptest

import "strconv"

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

// lookup finds the handler of a command. RFC 3501 §6 has them in the same order.
func lookup(verb string) (handler, bool) {
	var h handler
	switch verb {
	case "CAPABILITY":
		h = handler{run: runCapability}
	case "NOOP", "CHECK":
		h = handler{run: runNoop}
		if verb == "CHECK" {
			h.state = inSelected
		}
	case "LOGOUT":
		h = handler{tells: tellNothing, run: runLogout}
	case "ID":
		h = handler{need: CapID, run: runID}
	case "STARTTLS":
		h = handler{state: inFresh, need: CapStartTLS, free: freeStartTLS}
	case "AUTHENTICATE":
		h = handler{state: inFresh, free: freeAuthenticate}
	case "LOGIN":
		h = handler{state: inFresh, run: runLogin}
	case "ENABLE":
		h = handler{state: inAuthenticated, need: CapEnable, run: runEnable}
	case "COMPRESS":
		h = handler{state: inAuthenticated, need: CapCompress, free: freeCompress}
	case "NAMESPACE":
		h = handler{state: inAuthenticated, need: CapNamespace, run: runNamespace}
	case "SELECT", "EXAMINE":
		h = handler{state: inAuthenticated, tells: tellNothing, run: selectHandler(verb == "EXAMINE")}
	case "CREATE":
		h = handler{state: inAuthenticated, run: runCreate}
	case "DELETE":
		h = handler{state: inAuthenticated, run: runDelete}
	case "RENAME":
		h = handler{state: inAuthenticated, run: runRename}
	case "SUBSCRIBE", "UNSUBSCRIBE":
		h = handler{state: inAuthenticated, run: subscribeHandler(verb == "SUBSCRIBE")}
	case "LIST":
		h = handler{state: inAuthenticated, run: runList}
	case "LSUB":
		h = handler{state: inAuthenticated, run: runLsub}
	case "STATUS":
		h = handler{state: inAuthenticated, run: runStatus}
	case "APPEND":
		h = handler{state: inAuthenticated, run: runAppend}
	case "IDLE":
		h = handler{state: inAuthenticated, need: CapIdle, free: freeIdle}
	case "CLOSE":
		h = handler{state: inSelected, tells: tellNothing, run: runClose}
	case "UNSELECT":
		h = handler{state: inSelected, need: CapUnselect, tells: tellNothing, run: runUnselect}
	case "EXPUNGE":
		h = handler{state: inSelected, run: runExpunge}
	case "UID EXPUNGE":
		h = handler{state: inSelected, need: CapUIDPlus, run: runUIDExpunge}
	case "SEARCH", "UID SEARCH":
		h = handler{state: inSelected, run: searchHandler(verb == "UID SEARCH")}
	case "FETCH", "UID FETCH":
		h = handler{state: inSelected, run: fetchHandler(verb == "UID FETCH")}
	case "STORE", "UID STORE":
		h = handler{state: inSelected, run: storeHandler(verb == "UID STORE")}
	case "COPY", "UID COPY":
		h = handler{state: inSelected, run: copyHandler(verb == "UID COPY", false)}
	case "MOVE", "UID MOVE":
		h = handler{state: inSelected, need: CapMove, run: copyHandler(verb == "UID MOVE", true)}
	default:
		return h, false
	}
	switch verb {
	case "FETCH", "STORE", "SEARCH":
		h.tells = tellNoExpunges
	}
	return h, true
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
	h, known := lookup(cmd.verb)
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
