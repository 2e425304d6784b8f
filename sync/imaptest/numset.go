package imaptest

import (
	"slices"
	"strconv"
	"strings"
)

// span is an inclusive range of UIDs or sequence numbers.
type span struct{ lo, hi uint32 }

// numSet is a sorted list of spans that neither overlap nor touch.
type numSet []span

func (s numSet) contains(n uint32) bool {
	i, found := slices.BinarySearchFunc(s, n, func(r span, n uint32) int {
		switch {
		case r.hi < n:
			return -1
		case r.lo > n:
			return 1
		}
		return 0
	})
	return found && i < len(s)
}

func (s numSet) max() uint32 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].hi
}

// setOf makes a set of ascending numbers.
func setOf(nums []uint32) numSet {
	var s numSet
	for _, n := range nums {
		if len(s) > 0 && n <= s.max()+1 && n >= s.max() {
			s[len(s)-1].hi = n
		} else {
			s = append(s, span{n, n})
		}
	}
	return s
}

func (s numSet) String() string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(r.lo), 10))
		if r.hi != r.lo {
			b.WriteByte(':')
			b.WriteString(strconv.FormatUint(uint64(r.hi), 10))
		}
	}
	return b.String()
}

// spans is a set as the client wrote it, in its order; 0 stands for "*".
type spans []span

// numSet reads a sequence-set, RFC 3501 §9.
func (p *parser) numSet() spans {
	var s spans
	for p.err == nil {
		r := span{lo: p.setNumber()}
		r.hi = r.lo
		if p.take(':') {
			r.hi = p.setNumber()
		}
		s = append(s, r)
		if !p.take(',') {
			break
		}
	}
	return s
}

func (p *parser) setNumber() uint32 {
	if p.take('*') {
		return 0
	}
	n := p.number()
	if n == 0 {
		p.fail("Zero in a set of numbers")
	}
	return n
}

// plainSet reads a set in which "*" is not allowed, RFC 7162 §7.
func (p *parser) plainSet() spans {
	s := p.numSet()
	for _, r := range s {
		if r.lo == 0 || r.hi == 0 {
			p.fail(`"*" is not allowed in this set`)
		}
	}
	return s
}

// resolve sorts the spans, with star in the place of "*". A set of nothing but "*" is empty when star is 0.
func (s spans) resolve(star uint32) numSet {
	var all []span
	for _, r := range s {
		if r.lo == 0 {
			r.lo = star
		}
		if r.hi == 0 {
			r.hi = star
		}
		if r.lo > r.hi {
			r.lo, r.hi = r.hi, r.lo
		}
		if r.lo == 0 {
			if r.hi == 0 {
				continue
			}
			r.lo = 1
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b span) int { return int(int64(a.lo) - int64(b.lo)) })
	var set numSet
	for _, r := range all {
		if n := len(set); n > 0 && uint64(r.lo) <= uint64(set[n-1].hi)+1 {
			set[n-1].hi = max(set[n-1].hi, r.hi)
		} else {
			set = append(set, r)
		}
	}
	return set
}

// ascending lists the numbers of a set that must be in ascending order, at most limit of them.
func (s spans) ascending(limit int) ([]uint32, bool) {
	var nums []uint32
	for _, r := range s {
		if r.lo > r.hi || len(nums) > 0 && r.lo <= nums[len(nums)-1] {
			return nil, false
		}
		for n := r.lo; ; n++ {
			if len(nums) == limit {
				return nil, false
			}
			nums = append(nums, n)
			if n == r.hi {
				break
			}
		}
	}
	return nums, true
}
