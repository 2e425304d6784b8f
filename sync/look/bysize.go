package look

import (
	"context"
	"slices"

	"satchel/state"
	"satchel/sync/view"
)

// RowsBySize returns rows that have the size of one of these messages, by size and date.
func (s *Look) RowsBySize(ctx context.Context, list []*view.Message) (map[state.SizeDate][]*state.Message, error) {
	sizes := make([]int64, len(list))
	for i, m := range list {
		sizes[i] = m.Item.Size
	}
	slices.Sort(sizes)
	return s.DB.BySizes(ctx, slices.Compact(sizes))
}
