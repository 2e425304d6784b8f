package maildir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"

	"satchel/sync/mail"
)

// Spooled is a message written to a folder's tmp/ and not yet delivered.
// Flush makes its content durable, Publish gives it its name, Abort drops it.
type Spooled struct {
	Base     string
	Folder   string
	Size     int64 // bytes of the server form
	DiskSize int64 // bytes
	Digest   mail.Digest
	Essence  mail.Digest // of what identifies the message
	Form     mail.Form
	Inode    uint64
	// MessageID is the value of the first Message-ID field, "" without one.
	MessageID string

	path    string // in tmp/
	tmp     string // the directory
	device  uint64
	durable bool // the content survives a crash
}

// Spool writes a message, given in its server form, to tmp/ of folder. It
// fails unless r holds exactly size bytes. A date of 0 is unknown and leaves
// the file's time at now. Nothing is synced yet.
func (s *Store) Spool(ctx context.Context, folder string, r io.Reader, size int64, date mail.Date) (*Spooled, error) {
	dir, err := s.Dir(folder)
	if err != nil {
		return nil, err
	}
	if size < 0 {
		return nil, fmt.Errorf("receive a message for %s: %d bytes are announced", folder, size)
	}
	sp := &Spooled{Base: s.NewBase(), Folder: Canonical(folder), Size: size, tmp: filepath.Join(dir, "tmp")}
	sp.path = filepath.Join(sp.tmp, sp.Base)
	buf := s.buffer()
	defer s.release(buf)
	if size <= bufferSize {
		err = s.spoolSmall(ctx, sp, r, *buf, dir)
	} else {
		err = s.spoolLarge(ctx, sp, r, *buf, dir)
	}
	if err == nil && date != 0 {
		if err = s.fs.Chtimes(sp.path, date.Time()); err != nil {
			err = failedChange("set the date of a message in", folder, mail.KindMailbox, err)
		}
	}
	if err != nil {
		s.Abort(sp)
		return nil, err
	}
	return sp, nil
}

// spoolSmall converts in memory and writes once.
func (s *Store) spoolSmall(ctx context.Context, sp *Spooled, r io.Reader, buf []byte, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := buf[:sp.Size]
	n, err := io.ReadFull(r, p)
	if err := s.sized(sp, int64(n), err, r); err != nil {
		return err
	}
	sp.Digest = sha256.Sum256(p)
	var head headScanner
	head.write(p)
	sp.MessageID = head.messageID()
	var ends lineEnds
	ends.write(p)
	sp.Form = mail.FormRaw
	if ends.convertible() {
		sp.Form = mail.FormLF
	}
	sp.Essence = sp.Digest
	if sp.Form == mail.FormRaw || housekept(p) {
		e := newEssenceSum()
		e.write(p)
		sp.Essence = e.digest()
	}
	if sp.Form == mail.FormLF {
		p = toLF(p)
	}
	sp.DiskSize = int64(len(p))
	h, err := s.createTmp(sp, dir)
	if err != nil {
		return s.spoolFailed(sp, err)
	}
	_, err = h.Write(p)
	return s.closeTmp(sp, h, err)
}

// spoolLarge writes the server form first, and takes out the CRs once it is
// known that all may go.
func (s *Store) spoolLarge(ctx context.Context, sp *Spooled, r io.Reader, buf []byte, dir string) error {
	h, err := s.createTmp(sp, dir)
	if err != nil {
		return s.spoolFailed(sp, err)
	}
	sum := sha256.New()
	var head headScanner
	var ends lineEnds
	essence := newEssenceSum()
	got, readErr, err := copyOut(ctx, h, io.LimitReader(r, sp.Size), buf, sum, essence, &head, &ends)
	if err != nil {
		return s.closeTmp(sp, h, err)
	}
	if readErr == nil && got < sp.Size {
		readErr = io.ErrUnexpectedEOF
	}
	if err := s.sized(sp, got, readErr, r); err != nil {
		_ = h.Close() // the file is removed
		return err
	}
	sum.Sum(sp.Digest[:0])
	sp.Essence = essence.digest()
	sp.MessageID = head.messageID()
	sp.Form, sp.DiskSize = mail.FormRaw, sp.Size
	if ends.convertible() {
		sp.Form = mail.FormLF
		sp.DiskSize, err = compact(ctx, h, sp.Size, buf)
	}
	return s.closeTmp(sp, h, err)
}

// copyOut writes what r holds to h and shows it to the others. readErr is the
// server's fault, err the disk's.
func copyOut(ctx context.Context, h Handle, r io.Reader, buf []byte, sum hash.Hash, essence *essenceSum, head *headScanner, ends *lineEnds) (got int64, readErr, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return got, err, nil
		}
		n, rerr := io.ReadFull(r, buf)
		if p := buf[:n]; n > 0 {
			_, _ = sum.Write(p) // a hash never fails
			essence.write(p)
			head.write(p)
			ends.write(p)
			if _, err := h.Write(p); err != nil {
				return got, nil, err
			}
			got += int64(n)
		}
		switch rerr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return got, nil, nil
		default:
			return got, rerr, nil
		}
	}
}

// housekept reports whether the header of a message has housekeeping lines.
func housekept(p []byte) bool {
	const piece = 4 << 10 // most headers are not longer, and most bodies are
	e := mail.NewEssence(io.Discard)
	for len(p) > 0 && !e.InBody() {
		n := min(piece, len(p))
		_, _ = e.Write(p[:n]) // io.Discard takes everything
		p = p[n:]
	}
	return e.Housekeeping() > 0
}

// essenceSum is the digest of what identifies a message that goes by.
type essenceSum struct {
	h hash.Hash
	e *mail.Essence
}

func newEssenceSum() *essenceSum {
	h := sha256.New()
	return &essenceSum{h, mail.NewEssence(h)}
}

func (s *essenceSum) write(p []byte) { _, _ = s.e.Write(p) } // a hash never fails

func (s *essenceSum) digest() (d mail.Digest) {
	_ = s.e.Close() // nor here
	s.h.Sum(d[:0])
	return d
}

// compact removes the CR of each CRLF from a file of size bytes, within the
// file: what is written never catches up with what is still to be read.
func compact(ctx context.Context, h Handle, size int64, buf []byte) (int64, error) {
	var from, to int64
	for from < size {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := h.ReadAt(buf[:min(int64(len(buf)), size-from)], from)
		if n == 0 {
			return 0, errors.Join(io.ErrUnexpectedEOF, err)
		}
		p := buf[:n]
		if p[n-1] == '\r' && from+int64(n) < size {
			if n == 1 {
				// Cannot be: the buffer is larger. Reading on would never end.
				return 0, io.ErrShortBuffer
			}
			p = p[:n-1] // its LF may come next
		}
		from += int64(len(p))
		w, err := h.WriteAt(toLF(p), to)
		to += int64(w)
		if err != nil {
			return 0, err
		}
	}
	return to, h.Truncate(to)
}

// sized makes sure that got bytes were all that r held and that was promised.
func (s *Store) sized(sp *Spooled, got int64, err error, r io.Reader) error {
	op := "receive a message for"
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &mail.Error{Op: op, Mailbox: sp.Folder, Kind: mail.KindMessage,
			Err: fmt.Errorf("it ended after %d of %d bytes: %w", got, sp.Size, io.ErrUnexpectedEOF)}
	case err != nil:
		return fmt.Errorf("%s %s: %w", op, sp.Folder, err)
	}
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return &mail.Error{Op: op, Mailbox: sp.Folder, Kind: mail.KindMessage,
			Err: fmt.Errorf("it is longer than the %d bytes that were announced", sp.Size)}
	case err != io.EOF:
		return fmt.Errorf("%s %s: %w", op, sp.Folder, err)
	}
	return nil
}

func (s *Store) createTmp(sp *Spooled, dir string) (Handle, error) {
	if err := s.checkTmp(sp.tmp); err != nil {
		return nil, err
	}
	h, err := s.fs.Create(sp.path, filePerm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.ensureTmp(dir); err != nil {
			return nil, err
		}
		h, err = s.fs.Create(sp.path, filePerm)
	}
	return h, err
}

// closeTmp ends the writing of a spooled file; err is what went wrong so far.
func (s *Store) closeTmp(sp *Spooled, h Handle, err error) error {
	if err == nil {
		var i Info
		i, err = h.Info()
		sp.Inode, sp.device = i.Inode, i.Device
		if err == nil && i.Size != sp.DiskSize {
			err = fmt.Errorf("%s is %d bytes long after %d were written", sp.path, i.Size, sp.DiskSize)
		}
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return s.spoolFailed(sp, err)
	}
	return nil
}

func (s *Store) spoolFailed(sp *Spooled, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return failedChange("write a message to", sp.Folder, mail.KindMailbox, err)
}

// Abort removes a message that will not be delivered. It may be called at any
// time and more than once; a message that was published stays.
func (s *Store) Abort(sp *Spooled) {
	if sp == nil || sp.path == "" {
		return
	}
	if err := ignoreMissing(s.fs.Remove(sp.path)); err != nil {
		s.log.Warn("a temporary file stays behind until tmp is swept", "mailbox", sp.Folder, "err", err)
	}
	sp.path, sp.durable = "", false
}
