package api

import "strconv"

// Sizes are the sizes of a list's pages.
type Sizes struct {
	Default, Most int
}

// Whole are the sizes of lists that the API sends as one page if the client asks for none.
var Whole = Sizes{1 << 20, 1 << 20}

// Usual are the sizes of most lists.
var Usual = Sizes{20, 1000}

// Page returns the part of a list that the query parameters page and per_page select, and its
// result_info. The page after the last one is empty, because the SDKs' iterators read until they
// get an empty page.
func Page[T any](c *Call, list []T, sizes Sizes) (part []T, info map[string]any) {
	q := c.R.URL.Query()
	page, perPage := PositiveOr(q.Get("page"), 1), min(PositiveOr(q.Get("per_page"), sizes.Default), sizes.Most)
	from := min((page-1)*perPage, len(list))
	part = list[from:min(from+perPage, len(list))]
	return OrEmpty(part), map[string]any{
		"page": page, "per_page": perPage, "count": len(part), "total_count": len(list),
		"total_pages": (len(list) + perPage - 1) / perPage,
	}
}

// ReplyPage sends the page of a list that the query asks for.
func ReplyPage[T any](c *Call, list []T, sizes Sizes) *Error {
	part, info := Page(c, list, sizes)
	return c.ReplyWith(part, info)
}

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
