package maildir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"satchel/sync/mail"
)

// bufferSize is the size of the pooled buffers, and so of the largest message
// that is written in one go.
const bufferSize = 1 << 20

func (s *Store) buffer() *[]byte   { return s.buffers.Get().(*[]byte) }
func (s *Store) release(b *[]byte) { s.buffers.Put(b) }

// Content is what reading a whole file tells.
type Content struct {
	DiskSize  int64       // bytes
	Size      int64       // bytes of the server form
	Digest    mail.Digest // of the server form, which Form tells
	Form      mail.Form   // as a file of unknown origin would be sent
	RawDigest mail.Digest // of the bytes as they are; for a file known to be FormRaw
	// TidyDigest and TidySize are what the server form is for a server that
	// makes all line ends CRLF (mail.FormTidy); zero when that is as it would be sent.
	TidyDigest mail.Digest
	TidySize   int64 // bytes
	// Essence is the digest of what identifies the message, see [mail.Essence],
	// and EssenceSize how many bytes that is. Housekeeping is how many bytes of
	// the file are lines which are left out of it.
	Essence      mail.Digest
	EssenceSize  int64
	Housekeeping int64
	ModTime      mail.Date
	Inode        uint64
	MessageID    string // of the first Message-ID field; "" when there is none
}

// open opens a message. It returns ErrGone when nothing has this name, and
// ErrLink, ErrNotRegular or ErrForeign for what is no message: a link may lead
// to what nobody wants to send, and a fifo could block for ever.
func (s *Store) open(op string, f File) (Handle, Info, error) {
	path, err := s.path(f)
	if err != nil {
		return nil, Info{}, err
	}
	i, err := s.fs.Lstat(path)
	if err == nil {
		if odd := s.notRead(i); odd != nil {
			err = fmt.Errorf("%s %w", path, odd)
		}
	}
	var h Handle
	if err == nil {
		h, err = s.fs.Open(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Info{}, fmt.Errorf("%s %s: %w", op, f, mail.ErrGone)
	}
	if err != nil {
		return nil, Info{}, failed(op, f.Folder, mail.KindMessage, err)
	}
	if i, err = h.Info(); err != nil {
		return nil, Info{}, failed(op, f.Folder, mail.KindMessage, errors.Join(err, h.Close()))
	}
	return h, i, nil
}

// Likeness reads the first n bytes of a file, as many as the message has, for what may
// show that it is another one altered.
func (s *Store) Likeness(ctx context.Context, f File, n int64) (l mail.Likeness, err error) {
	h, _, err := s.open("read", f)
	if err != nil {
		return l, err
	}
	r := mail.NewReading()
	if _, err := io.Copy(r, &contextReader{ctx, io.LimitReader(h, n)}); err != nil {
		return l, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, errors.Join(err, h.Close()))
	}
	return r.Done(), h.Close()
}

// OpenServerForm streams a message as the server holds it, for APPEND. There is
// none for FormApart.
func (s *Store) OpenServerForm(f File, form mail.Form) (io.ReadCloser, error) {
	h, _, err := s.open("read", f)
	if err != nil {
		return nil, err
	}
	if form == mail.FormRaw {
		return h, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{serverForm(h, form), h}, nil
}

// ReadServerRange returns n bytes of the server form from offset off, fewer
// at the end of the message and none beyond it.
func (s *Store) ReadServerRange(f File, form mail.Form, off, n int64) (data []byte, err error) {
	if off < 0 || n < 0 {
		return nil, fmt.Errorf("read %s: no range begins at %d and is %d bytes long", f, off, n)
	}
	h, i, err := s.open("read", f)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	// What is asked for may be far more than there is.
	var r io.Reader
	if form == mail.FormRaw {
		n = min(n, max(0, i.Size-off))
		r = io.NewSectionReader(h, off, n)
	} else {
		// Where a line begins in the server form depends on all lines before.
		c := serverForm(h, form)
		if _, err := io.CopyN(io.Discard, c, off); errors.Is(err, io.EOF) {
			return nil, nil
		} else if err != nil {
			return nil, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
		}
		n = min(n, 2*i.Size)
		r = io.LimitReader(c, n)
	}
	data = make([]byte, 0, n)
	b := bytes.NewBuffer(data)
	if _, err := b.ReadFrom(r); err != nil {
		return nil, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	return b.Bytes(), nil
}
