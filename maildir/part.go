package maildir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"satchel/sync/mail"
)

// InspectPart tells what the first n bytes of a file were when it had no more, as
// [Store.Inspect] does of the whole. It returns an error when there are fewer.
func (s *Store) InspectPart(ctx context.Context, f File, n int64) (c Content, err error) {
	h, i, err := s.open("read", f)
	if err != nil {
		return Content{}, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if i.Size < n {
		return Content{}, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, fmt.Errorf("it has %d bytes, and had %d", i.Size, n))
	}
	part := func() io.Reader { return &contextReader{ctx, io.NewSectionReader(h, 0, n)} }
	var head headScanner
	lf := lineFinder{}
	if c.RawDigest, c.DiskSize, err = digestOf(io.TeeReader(part(), io.MultiWriter(&lf, writerOf(head.write)))); err != nil {
		return Content{}, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	c.Form, c.Digest, c.Size = mail.FormRaw, c.RawDigest, c.DiskSize
	if lf.lf && !lf.crlf {
		c.Form = mail.FormLF
		if c.Digest, c.Size, err = digestOf(newCRLFReader(part())); err != nil {
			return Content{}, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
		}
	}
	d, size, err := digestOf(newTidyReader(part()))
	if err != nil {
		return Content{}, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	if d != c.Digest {
		c.TidyDigest, c.TidySize = d, size
	}
	header := mail.NewEssence(io.Discard)
	if _, err = io.Copy(header, part()); err == nil {
		err = header.Close()
	}
	if err == nil {
		err = c.identify(header.Housekeeping(), func() (mail.Digest, int64, error) { return digestOf(newEssenceReader(part())) })
	}
	if err != nil {
		return Content{}, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	c.ModTime, c.Inode, c.MessageID = mail.DateOf(time.Unix(0, i.ModTime)), i.Inode, head.messageID()
	return c, nil
}

// digestOf reads r to its end.
func digestOf(r io.Reader) (d mail.Digest, n int64, err error) {
	h := sha256.New()
	if n, err = io.Copy(h, r); err == nil {
		h.Sum(d[:0])
	}
	return d, n, err
}

// lineFinder finds out which line ends there are.
type lineFinder struct {
	lf, crlf bool
	last     byte
}

func (l *lineFinder) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.crlf = l.crlf || l.last == '\r' && p[0] == '\n' || bytes.Contains(p, []byte("\r\n"))
		l.lf = l.lf || bytes.IndexByte(p, '\n') >= 0
		l.last = p[len(p)-1]
	}
	return len(p), nil
}

// writerOf makes a writer of what takes bytes.
type writerOf func([]byte)

func (w writerOf) Write(p []byte) (int, error) { w(p); return len(p), nil }
