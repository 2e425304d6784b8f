package maildir

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"satchel/sync/mail"
)

// tidyReader reads a message with CRLF at the end of every line, however the
// lines end in it: CRs before LF, and at the end of all, are dropped. That is
// what Dovecot keeps of what it is sent. It holds a run of CRs within a line in
// memory, whatever its length.
type tidyReader struct {
	r    io.Reader
	in   []byte // room for what is read at once
	out  []byte // converted and not yet handed out
	buf  []byte // room for out
	crs  int    // CRs at the end of what was read, of which it is not known whether a LF follows
	fail error
}

func newTidyReader(r io.Reader) *tidyReader {
	return &tidyReader{r: r, in: make([]byte, crlfChunk)}
}

func (t *tidyReader) Read(p []byte) (int, error) {
	for len(t.out) == 0 {
		if t.fail != nil {
			return 0, t.fail
		}
		n, err := t.r.Read(t.in)
		t.fail = err
		t.buf = t.tidy(t.buf[:0], t.in[:n])
		t.out = t.buf
		if len(p) == 0 {
			break
		}
	}
	n := copy(p, t.out)
	t.out = t.out[n:]
	return n, nil
}

func (t *tidyReader) tidy(dst, src []byte) []byte {
	for _, b := range src {
		switch b {
		case '\r':
			t.crs++
			continue
		case '\n':
			dst = append(dst, '\r')
			t.crs = 0
		}
		for ; t.crs > 0; t.crs-- {
			dst = append(dst, '\r')
		}
		dst = append(dst, b)
	}
	return dst
}

// essenceReader reads what identifies a message.
type essenceReader struct {
	r    io.Reader
	in   []byte // room for what is read at once
	out  bytes.Buffer
	e    *mail.Essence
	fail error
}

func newEssenceReader(r io.Reader) *essenceReader {
	t := &essenceReader{r: r, in: make([]byte, crlfChunk)}
	t.e = mail.NewEssence(&t.out)
	return t
}

func (t *essenceReader) Read(p []byte) (int, error) {
	for t.out.Len() == 0 && len(p) > 0 {
		if t.fail != nil {
			return 0, t.fail
		}
		n, err := t.r.Read(t.in)
		t.fail = err
		_, _ = t.e.Write(t.in[:n]) // a buffer takes everything
		if errors.Is(err, io.EOF) {
			_ = t.e.Close()
		}
	}
	return t.out.Read(p)
}

// serverForm reads the server form of a file that is not FormRaw.
func serverForm(r io.Reader, form mail.Form) io.Reader {
	switch form {
	case mail.FormTidy:
		return newTidyReader(r)
	case mail.FormBare:
		return newEssenceReader(r)
	}
	return newCRLFReader(r)
}

// inspectTidy completes what is known of a file with line ends that a server
// may not keep. Such files are rare, so it reads the file a second time.
func (s *Store) inspectTidy(ctx context.Context, f File, c *Content) error {
	d, n, err := s.digestOf(ctx, f, mail.FormTidy)
	if err == nil && d != c.Digest {
		c.TidyDigest, c.TidySize = d, n
	}
	return err
}

// digestOf reads a message in one of its forms.
func (s *Store) digestOf(ctx context.Context, f File, form mail.Form) (d mail.Digest, size int64, err error) {
	r, err := s.OpenServerForm(f, form)
	if err != nil {
		return d, 0, err
	}
	d, size, err = digestOf(&contextReader{ctx, r})
	if err = errors.Join(err, r.Close()); err != nil {
		return mail.Digest{}, 0, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	return d, size, nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Is reports whether d is what the server form may be, and takes it for that:
// as the file would be sent, as the bytes that it is, with all line ends CRLF, or
// without its housekeeping lines.
func (c *Content) Is(d mail.Digest) bool {
	switch d {
	case c.Digest:
	case c.RawDigest:
		c.Digest, c.Form, c.Size = d, mail.FormRaw, c.DiskSize
	case c.TidyDigest:
		c.Digest, c.Form, c.Size = d, mail.FormTidy, c.TidySize
	case c.Essence:
		c.Digest, c.Form, c.Size = d, mail.FormBare, c.EssenceSize
	default:
		return false
	}
	return true
}

// Apart takes a message of the server for what the file is, that no form of the
// file leads to.
func (c *Content) Apart(d mail.Digest, size int64) {
	if !c.Is(d) {
		c.Digest, c.Form, c.Size = d, mail.FormApart, size
	}
}

// Sizes returns what the server form may be long: as the file would be sent, as it is,
// with other line ends, or without the lines that a program added.
func (c *Content) Sizes() []int64 {
	all := []int64{c.Size}
	for _, n := range []int64{c.DiskSize, c.TidySize, c.EssenceSize} {
		if n > 0 && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// Digests returns what the server form's digest may be.
func (c *Content) Digests() []mail.Digest {
	all := []mail.Digest{c.Digest}
	for _, d := range []mail.Digest{c.RawDigest, c.TidyDigest, c.Essence} {
		if !d.IsZero() && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}
