package sync

import (
	"context"
	"fmt"
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote"
)

// Where both sides hold the same mail and nothing proves it, everything would be
// there twice: another program made the Maildir and keeps its folders elsewhere,
// or the server gives its messages in another form. The Message-IDs tell, before
// anything is transferred.

// manyDoubles is how many messages may look like that without a question.
const manyDoubles = 20

// brakeOnDoubles stops a first sync, or one that pairs a mailbox from the start,
// when many of the files and messages that are left new have the same Message-IDs.
func (s *session) brakeOnDoubles(ctx context.Context) error {
	if s.req.AllowDoubles || s.alone || s.rep.Cycles != 1 || len(s.newLocal) <= manyDoubles {
		return nil
	}
	var down []*message
	for _, m := range s.newRemote {
		if !m.done && m.item.CopyOf == nil && m.replaces == 0 && s.startsAnew(m) {
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
	var example *message
	for _, m := range down {
		if up[m.messageID] != nil && !seen[m.messageID] {
			seen[m.messageID] = true
			if example == nil {
				example = m
			}
		}
	}
	if len(seen) <= manyDoubles || 2*len(seen) < len(up) {
		return nil
	}
	return s.errDoubles(len(seen), up[example.messageID], example)
}

// fileIDs returns the new files by their Message-IDs, without those that have none.
func (s *session) fileIDs(ctx context.Context) (map[string]*message, error) {
	ids := map[string]*message{}
	for _, f := range s.newLocal {
		if f.done || f.paired() || f.content == nil || f.item.CopyOf != nil {
			continue
		}
		id := f.content.MessageID
		if f.guessed {
			c, err := s.store.Inspect(ctx, f.file)
			if ctx.Err() != nil {
				return nil, err
			}
			id = c.MessageID // none where the file cannot be read now
		}
		if id := bare(id); id != "" {
			ids[id] = f
		}
	}
	return ids, nil
}

// askIDs asks for the Message-IDs of messages that did not come with the listing.
func (s *session) askIDs(ctx context.Context, list []*message) error {
	list = slices.DeleteFunc(slices.Clone(list), func(m *message) bool { return m.hasMessageID })
	if len(list) == 0 {
		return nil
	}
	reqs, at := requests(s, list, func(m *message) *message { return m })
	c, err := s.pool.first(ctx)
	if err != nil {
		return err
	}
	failed, err := c.Headers(ctx, reqs, []string{"Message-ID"}, func(mailbox string, h remote.Header) error {
		if m := at[mailbox][h.UID]; m != nil {
			m.messageID, m.hasMessageID = bare(mail.FieldOf(h.Data, "Message-ID")), true
		}
		return nil
	})
	s.logFailed("headers", failed)
	return err
}

func (s *session) errDoubles(n int, f, m *message) error {
	account, root := mail.ShellWord(s.account.Name), s.store.Root()
	return &mail.Error{Op: "safety brake", Kind: mail.KindBrake,
		Err: fmt.Errorf("%d new files have the Message-IDs of new messages of the server, and nothing proves that they are the same mail, such as %s in the folder %s and in the mailbox %s; all of it would be there twice; nothing was transferred",
			n, m.messageID, f.file.Folder, m.item.Remote.Mailbox),
		Hint: fmt.Sprintf("if another program named the folders, set layout, folder_names, separator or folders for account %s as it does; to begin with an empty Maildir: mv %s %s && satchel sync %s; to keep both of each: satchel sync --allow-doubles %s",
			s.account.Name, mail.ShellWord(root), mail.ShellWord(root+".old"), account, account)}
}
