package maildir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"satchel/sync/mail"
)

// Graft tells, of the message that has a file's body behind this header, its
// digest and size, both zero where the header is not the file's but for
// housekeeping lines. The header ends with its empty line; lines end in CRLF in
// all of it. So what a server holds is known from its header and its size.
func (s *Store) Graft(ctx context.Context, f File, header []byte) (d mail.Digest, size int64, err error) {
	r, err := s.OpenServerForm(f, mail.FormBare)
	if err != nil {
		return d, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var want bytes.Buffer
	e := mail.NewEssence(&want)
	_, _ = e.Write(header) // a buffer takes everything
	_ = e.Close()
	have := make([]byte, want.Len())
	_, err = io.ReadFull(r, have)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return d, 0, nil
	case err != nil:
		return d, 0, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	case !e.InBody() || !bytes.Equal(have, want.Bytes()):
		return d, 0, nil
	}
	sum := sha256.New()
	_, _ = sum.Write(header) // a hash never fails
	n, err := io.Copy(sum, &contextReader{ctx, r})
	if err != nil {
		return d, 0, failed("read "+f.String()+" in", f.Folder, mail.KindMessage, err)
	}
	sum.Sum(d[:0])
	return d, int64(len(header)) + n, nil
}
