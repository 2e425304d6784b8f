package simulate

import (
	"context"
)

// statusSays: status never says complete when the server, as the last run left
// it, has a message that is not on disk and that nobody here removed.
func (w *World) statusSays(res result, _ fault) *Violation {
	e, err := w.engine(nil)
	if err != nil {
		return broken("harness", "%v", err)
	}
	st, err := e.Status(context.Background())
	switch {
	case err != nil:
		return broken("status", "status fails: %v", err)
	case !st.Complete:
		return nil
	}
	here := w.tree.snapshot().where()
	for _, x := range w.there() {
		if w.hidden(x) || !w.wanted(x.box) {
			continue
		}
		t := w.model.tokens[x.token]
		if t != nil && len(here[x.token]) == 0 && !t.touch[Disk] && !t.touch[Server] && t.excused == "" {
			return broken("status", "status says complete, and message %d of %s is not on disk (%v)", x.token, x.box, res)
		}
	}
	return nil
}
