package decide

import (
	"context"
	"fmt"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/match"
	"satchel/sync/remote"
	"satchel/sync/view"
)

// Where both sides hold the same mail and nothing proves it, everything would be
// there twice: another program made the Maildir and keeps its folders elsewhere,
// or the server gives its messages in another form. The Message-IDs tell, before
// anything is transferred.

// manyDoubles is how many messages may look like that without a question.
const manyDoubles = 20

// BrakeOnDoubles stops a first sync, or one that pairs a mailbox from the start,
// when many of the files and messages that are left new have the same Message-IDs.
func (s *Decide) BrakeOnDoubles(ctx context.Context) error {
	if s.Req.AllowDoubles || s.Alone || s.Rep.Cycles != 1 || len(s.NewLocal) <= manyDoubles {
		return nil
	}
	var down []*view.Message
	for _, m := range s.NewRemote {
		if !m.Done && m.Item.CopyOf == nil && m.Replaces == 0 && s.match.StartsAnew(m) {
			down = append(down, m)
		}
	}
	if len(down) <= manyDoubles {
		return nil
	}
	up, err := s.fileIDs(ctx)
	if err != nil || len(up) <= manyDoubles {
		return err
	}
	if err := s.askIDs(ctx, down); err != nil {
		return err
	}
	seen := map[string]bool{}
	var example *view.Message
	for _, m := range down {
		if up[m.MessageID] != nil && !seen[m.MessageID] {
			seen[m.MessageID] = true
			if example == nil {
				example = m
			}
		}
	}
	if len(seen) <= manyDoubles || 2*len(seen) < len(up) {
		return nil
	}
	return s.errDoubles(len(seen), up[example.MessageID], example)
}

// fileIDs returns the new files by their Message-IDs, without those that have none.
func (s *Decide) fileIDs(ctx context.Context) (map[string]*view.Message, error) {
	ids := map[string]*view.Message{}
	for _, f := range s.NewLocal {
		if f.Done || f.Paired() || f.Content == nil || f.Item.CopyOf != nil {
			continue
		}
		id := f.Content.MessageID
		if f.Guessed {
			c, err := s.Store.Inspect(ctx, f.File)
			if ctx.Err() != nil {
				return nil, err
			}
			id = c.MessageID // none where the file cannot be read now
		}
		if id := view.Bare(id); id != "" {
			ids[id] = f
		}
	}
	return ids, nil
}

// askIDs asks for the Message-IDs of messages that did not come with the listing.
func (s *Decide) askIDs(ctx context.Context, list []*view.Message) error {
	list = slices.DeleteFunc(slices.Clone(list), func(m *view.Message) bool { return m.HasMessageID })
	if len(list) == 0 {
		return nil
	}
	reqs, at := match.Requests(s.match, list, func(m *view.Message) *view.Message { return m })
	c, err := s.Pool.First(ctx)
	if err != nil {
		return err
	}
	failed, err := c.FetchHeaders(ctx, reqs, []string{"Message-ID"}, func(mailbox string, h remote.Header) error {
		if m := at[mailbox][h.UID]; m != nil {
			m.MessageID, m.HasMessageID = view.Bare(mail.FieldOf(h.Data, "Message-ID")), true
		}
		return nil
	})
	s.match.LogFailed("headers", failed)
	return err
}

func (s *Decide) errDoubles(n int, f, m *view.Message) error {
	account, root := mail.ShellWord(s.Account.Name), s.Store.Root()
	return &mail.Error{Op: "safety brake", Kind: mail.KindBrake,
		Err: fmt.Errorf("%d new files have the Message-IDs of new messages of the server, and nothing proves that they are the same mail, such as %s in the folder %s and in the mailbox %s; all of it would be there twice; nothing was transferred",
			n, m.MessageID, f.File.Folder, m.Item.Remote.Mailbox),
		Hint: fmt.Sprintf("if another program named the folders, set layout, folder_names, separator or folders for account %s as it does; to begin with an empty Maildir: mv %s %s && satchel sync %s; to keep both of each: satchel sync --allow-doubles %s",
			s.Account.Name, mail.ShellWord(root), mail.ShellWord(root+".old"), account, account)}
}
