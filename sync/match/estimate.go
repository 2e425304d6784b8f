package match

import (
	"slices"

	"satchel/state"
	"satchel/sync/plan"
	"satchel/sync/quirk"
	"satchel/sync/view"
)

// byEstimate gathers suspects where sizes are estimates: what is new on disk in
// the same mailbox, and what vanished from elsewhere.
func (s *Match) byEstimate(list []*unidentified) []*unidentified {
	if s.quirks.Sizes != quirk.SizesInexact {
		return list
	}
	of := map[*view.Message]*unidentified{}
	for _, sus := range list {
		of[sus.m] = sus
	}
	for _, m := range s.NewRemote {
		if !m.HasMeta || m.Replaces != 0 {
			continue
		}
		sus := of[m]
		if sus == nil {
			sus = &unidentified{m: m}
		}
		add := func(c *view.Message, size int64) {
			if quirk.AboutAsLarge(size, m.Item.Size) && !slices.Contains(sus.candidates, c) {
				sus.candidates = append(sus.candidates, c)
			}
		}
		for _, f := range s.NewLocal {
			if f.File.Folder == m.Item.Remote.Mailbox || s.wasUploading(f.Content.Digest) {
				add(f, f.Content.Size)
			}
		}
		for _, i := range s.Intents {
			if i.Kind == state.IntentRemoteMove || i.Kind == state.IntentTrash {
				if c := s.movedHalfway(i, m); c != nil {
					add(c, c.Row.Size)
				}
			}
		}
		for _, v := range s.Messages {
			if v.Item.Remote.State == plan.Removed && !s.Trashed(v) && (v.OnDisk() || s.LocalIncomplete || s.HiddenFile(v.Row.Base, v.Row.DiskSize) != "" || s.needsWhole(v)) {
				add(v, v.Row.Size)
			}
		}
		sus.whole = true
		if of[m] == nil && len(sus.candidates) > 0 {
			list = append(list, sus)
		}
	}
	return list
}
