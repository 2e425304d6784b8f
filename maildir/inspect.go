package maildir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"satchel/sync/mail"
)

// Inspect reads a message and tells what is in it, in one pass and without
// holding it in memory. It returns ErrGone when the name is not there.
func (s *Store) Inspect(ctx context.Context, f File) (c Content, err error) {
	h, i, err := s.open("read", f)
	if err != nil {
		return Content{}, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	buf := s.buffer()
	defer s.release(buf)
	// The lower part is read into, the upper part takes the lines with CRLF.
	in, out := (*buf)[:bufferSize/4], (*buf)[bufferSize/4:]

	p := pass{converted: out}
	if err := p.read(ctx, h, f, in); err != nil {
		return Content{}, err
	}
	c = p.content()
	if p.mayBeTidied() {
		if err := s.inspectTidy(ctx, f, &c); err != nil {
			return Content{}, err
		}
	}
	bare := func() (mail.Digest, int64, error) { return s.digestOf(ctx, f, mail.FormBare) }
	if err := c.identify(p.housekeeping, bare); err != nil {
		return Content{}, err
	}
	c.ModTime = mail.DateOf(time.Unix(0, i.ModTime))
	c.Inode = i.Inode
	return c, nil
}

// pass is what one reading of a file learns.
type pass struct {
	size         int64       // bytes
	raw          mail.Digest // of the bytes as they are
	crlf         mail.Digest // of the lines with CRLF, where they are kept with LF
	lf           int64       // LFs that have become CRLF
	hasCRLF      bool
	last         byte
	ends         lineEnds
	head         headScanner
	housekeeping int64  // bytes
	converted    []byte // room for the lines with CRLF
}

// read reads a file to its end, a piece of in at a time. The hashes are no fields, so
// that they stay on the stack.
func (p *pass) read(ctx context.Context, h Handle, f File, in []byte) error {
	raw, crlf := sha256.New(), sha256.New()
	header := mail.NewEssence(io.Discard)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := h.Read(in)
		if b := in[:n]; n > 0 {
			p.take(b)
			_, _ = raw.Write(b) // a hash never fails
			if !p.hasCRLF {
				_, _ = crlf.Write(appendCRLF(p.converted[:0], b))
			}
			if !header.InBody() {
				_, _ = header.Write(b) // nor does io.Discard
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
		}
	}
	_ = header.Close() // it writes to io.Discard
	p.housekeeping = header.Housekeeping()
	raw.Sum(p.raw[:0])
	if p.keepsLF() {
		crlf.Sum(p.crlf[:0])
	}
	return nil
}

// take looks at the line ends and the header in one piece, which is not empty.
func (p *pass) take(b []byte) {
	p.ends.write(b)
	p.head.write(b)
	p.hasCRLF = p.hasCRLF || p.last == '\r' && b[0] == '\n' || bytes.Contains(b, []byte("\r\n"))
	p.last = b[len(b)-1]
	if !p.hasCRLF {
		p.lf += int64(bytes.Count(b, []byte{'\n'}))
	}
	p.size += int64(len(b))
}

// keepsLF reports whether the lines end with LF here and with CRLF on the server.
func (p *pass) keepsLF() bool { return p.lf > 0 && !p.hasCRLF }

// mayBeTidied reports whether a server that makes all line ends CRLF would keep other bytes.
func (p *pass) mayBeTidied() bool { return p.last == '\r' || p.hasCRLF && p.ends.broken }

// content is what the pass says of the content, without the tidy form and the essence.
func (p *pass) content() Content {
	c := Content{DiskSize: p.size, Size: p.size, Form: mail.FormRaw, Digest: p.raw, RawDigest: p.raw, MessageID: p.head.messageID()}
	if p.keepsLF() {
		c.Form, c.Size, c.Digest = mail.FormLF, p.size+p.lf, p.crlf
	}
	return c
}

// identify tells what identifies the message, of which so many bytes are
// housekeeping lines; bare reads it without these.
func (c *Content) identify(housekeeping int64, bare func() (mail.Digest, int64, error)) (err error) {
	c.Housekeeping = housekeeping
	switch {
	case housekeeping > 0:
		c.Essence, c.EssenceSize, err = bare()
	case !c.TidyDigest.IsZero():
		c.Essence, c.EssenceSize = c.TidyDigest, c.TidySize
	default:
		c.Essence, c.EssenceSize = c.Digest, c.Size
	}
	return err
}
