//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

// message is one that the benchmark wrote, with CRLF.
type message struct {
	data  []byte
	flags string
	date  time.Time
}

// author writes messages: no two the same, and the same ones in every run.
type author struct {
	src   *rand.PCG
	rng   *rand.Rand
	text  []byte // lines of words
	lines []int  // where they begin
	n     int
}

func newAuthor() *author {
	src := rand.NewPCG(5, 8)
	a := &author{src: src, rng: rand.New(src)}
	words := make([][]byte, 4096)
	for i := range words {
		w := make([]byte, 2+a.rng.IntN(9))
		for j := range w {
			w[j] = byte('a' + a.rng.IntN(26))
		}
		words[i] = w
	}
	for len(a.text) < 2<<20 {
		a.lines = append(a.lines, len(a.text))
		for width := 0; width < 64; {
			w := words[a.rng.IntN(len(words))]
			a.text = append(append(a.text, w...), ' ')
			width += len(w) + 1
		}
		a.text = append(a.text[:len(a.text)-1], '\r', '\n')
	}
	return a
}

// twin writes the same messages that a would write from now on.
func (a *author) twin() *author {
	src := *a.src
	b := *a
	b.src, b.rng = &src, rand.New(&src)
	return &b
}

// write makes a message of a size in bytes, with CRLF, on average: half to
// three halves of it, because programs that compare sizes would meet in mail
// of one size what no account holds. A small one grows to what its header and
// a line need. Three of four are read, some flagged or answered.
func (a *author) write(average int) message {
	a.n++
	size := average/2 + a.rng.IntN(average+1)
	date := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(a.n) * 97 * time.Second)
	var b bytes.Buffer
	b.Grow(size + 100)
	fmt.Fprintf(&b, "From: Writer %d <writer%d@example.org>\r\nTo: Reader <reader@example.org>\r\nSubject: message %d\r\n"+
		"Date: %s\r\nMessage-ID: <%d.%016x@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
		a.n%89, a.n%89, a.n, date.Format(time.RFC1123Z), a.n, a.rng.Uint64())
	for size = max(size, b.Len()+40); b.Len() < size-2; {
		at := a.lines[a.rng.IntN(len(a.lines))]
		b.Write(a.text[at:min(len(a.text), at+size-2-b.Len())])
	}
	text := bytes.TrimRight(b.Bytes(), "\r\n ")
	text = append(text, '\r', '\n')
	flags := ""
	switch a.rng.IntN(16) {
	case 0, 1, 2, 3:
	case 4:
		flags = "FS"
	case 5:
		flags = "RS"
	default:
		flags = "S"
	}
	return message{data: text, flags: flags, date: date}
}

func (a *author) writeMany(n, size int) []message {
	all := make([]message, n)
	for i := range all {
		all[i] = a.write(size)
	}
	return all
}
