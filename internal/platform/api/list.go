package api

import "strconv"

// ReplyList sends a complete list as one page.
func (c *Call) ReplyList(list []any) *Error {
	return c.ReplyWith(list, map[string]any{"page": 1, "per_page": max(len(list), 20), "count": len(list),
		"total_count": len(list), "total_pages": 1})
}

// EmptyList sends an empty list.
func EmptyList(c *Call) *Error { return c.ReplyList([]any{}) }

// PositiveOr parses a positive number, for example of a page. It returns otherwise if raw is
// not such a number.
func PositiveOr(raw string, otherwise int) int {
	if n, err := strconv.Atoi(raw); err == nil && n > 0 && n < 1<<20 {
		return n
	}
	return otherwise
}

// OrEmpty returns the list, or an empty list instead of nil, which JSON writes as null.
func OrEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
