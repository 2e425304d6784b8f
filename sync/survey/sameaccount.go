package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"satchel/state"
	"satchel/sync/mail"
	"satchel/sync/remote"
	"satchel/sync/remote/pool"
)

// A state belongs to one account of a server. With another user or host in the
// configuration, all mail of the old account would go up to the new one. But a host
// may merely have got another name: then the server has the messages of the base
// under their UIDs.

// metaIdentity is the account that the state belongs to.
const metaIdentity = "identity"

// sameAccount stops a run on another account than that of the state, before
// anything is done.
func (s *Survey) sameAccount(ctx context.Context, f *finding) error {
	if s.Alone || s.Rep.Cycles != 1 {
		return nil
	}
	was, err := s.DB.Meta(ctx, metaIdentity)
	if err != nil || was == s.Identity() {
		return err
	}
	s.newIdentity = true
	if was == "" {
		return nil
	}
	if empty, err := s.DB.Empty(ctx); err != nil || empty {
		return err
	}
	same, err := s.holdsBase(ctx, f)
	if err != nil || same {
		return err
	}
	s.newIdentity = false
	path := s.DB.Path()
	return &mail.Error{Op: "safety brake", Kind: mail.KindBrake,
		Err: fmt.Errorf("the state is that of %s, and this is %s, which has not the same messages; nothing was done", was, s.Identity()),
		Hint: fmt.Sprintf("to keep the accounts apart: set user and host as they were, and give the other one a name and a Maildir of its own; "+
			"to make one of both, which sends what is here to the other account: mv %s %s && satchel sync %s",
			mail.ShellWord(path), mail.ShellWord(path+".old"), mail.ShellWord(s.Account.Name))}
}

// someProof is how many messages are fetched from each mailbox, and provingBoxes
// from how many: one that is another's proves that the account is.
const (
	someProof    = 2
	provingBoxes = 3
	largestProof = 1 << 20
)

// holdsBase reports whether the server has messages of the base under their UIDs.
func (s *Survey) holdsBase(ctx context.Context, f *finding) (bool, error) {
	c, err := s.Pool.First(ctx)
	if err != nil {
		return false, err
	}
	agreed, asked := 0, 0
	for _, r := range f.rows {
		b := f.boxes[r.Name]
		if b == nil || !b.Selectable || r.Cursor.UIDValidity == 0 || asked == provingBoxes {
			continue
		}
		rows, err := s.proofs(ctx, r)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 {
			continue
		}
		asked++
		req := remote.BodyRequest{Mailbox: r.Name, UIDValidity: r.Cursor.UIDValidity}
		for _, row := range rows {
			req.UIDs = append(req.UIDs, row.UID)
		}
		other := false
		_, err = c.FetchBodies(ctx, []remote.BodyRequest{req}, func(body remote.Body) error {
			d, err := body.Digest()
			i := slices.IndexFunc(rows, func(row *state.Message) bool { return row.UID == body.UID })
			switch {
			case err != nil || i < 0:
			case d == rows[i].Digest:
				agreed++
			default:
				other = true
			}
			return err
		})
		if err != nil && pool.Fatal(ctx, err) {
			return false, err
		}
		if other {
			return false, nil
		}
	}
	return agreed > 0, nil
}

// errEnough ends a walk through rows.
var errEnough = errors.New("enough")

// proofs returns messages of a mailbox that are small enough to be fetched.
func (s *Survey) proofs(ctx context.Context, r *state.Mailbox) (rows []*state.Message, err error) {
	err = s.DB.Range(ctx, r.ID, mail.AllUIDs(), func(row *state.Message) error {
		if !row.Pending && row.Size <= largestProof {
			rows = append(rows, row)
		}
		if len(rows) == someProof {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}

// NoteIdentity remembers the account behind a run that went well.
func (s *Survey) NoteIdentity(tx *state.Tx, err error) error {
	if err != nil || !s.newIdentity {
		return nil
	}
	return tx.SetMeta(metaIdentity, s.Identity())
}
