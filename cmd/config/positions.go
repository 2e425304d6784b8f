package config

import (
	"bytes"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// positions maps the path of a key, its parts joined by NUL, to the line on
// which it was first written.
//
// The decoder tells positions only of what it fails to decode, but a missing
// host or a number out of range has a line as well.
type positions map[string]int

func (p positions) line(path ...string) int { return p[strings.Join(path, "\x00")] }

// positionsOf reads a document that is known to be valid TOML.
func positionsOf(data []byte) positions {
	w := walker{data: data, pos: make(positions), line: 1}
	w.parser.Reset(data)
	var table []string
	for w.parser.NextExpression() {
		switch e := w.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = w.enter(nil, e.Key())
		case unstable.KeyValue:
			w.keyValue(table, e)
		}
	}
	return w.pos
}

type walker struct {
	parser unstable.Parser
	data   []byte
	pos    positions

	// line is the line of offset. Keys come in the order of the document, so
	// that each byte is looked at once.
	line   int
	offset int
}

// enter notes every prefix of a dotted key, and returns the whole path.
func (w *walker) enter(prefix []string, it unstable.Iterator) []string {
	path := append([]string(nil), prefix...)
	for it.Next() {
		node := it.Node()
		path = append(path, string(node.Data))
		at := w.lineAt(int(node.Raw.Offset))
		name := strings.Join(path, "\x00")
		if _, seen := w.pos[name]; !seen {
			w.pos[name] = at
		}
	}
	return path
}

func (w *walker) keyValue(prefix []string, node *unstable.Node) {
	path := w.enter(prefix, node.Key())
	value := node.Value()
	if value.Kind != unstable.InlineTable {
		return
	}
	for it := value.Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			w.keyValue(path, it.Node())
		}
	}
}

func (w *walker) lineAt(offset int) int {
	if offset < w.offset || offset > len(w.data) {
		return w.line
	}
	w.line += bytes.Count(w.data[w.offset:offset], []byte("\n"))
	w.offset = offset
	return w.line
}
