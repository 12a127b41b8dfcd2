package attributes

import "bytes"

// git has two implementations of $Id$, which differ for unusual contents: one for streams, and one
// for files that it reads as a whole to see whether they are text.

// streamIdent replaces $Id$ and $Id: …$ by the id of the blob, as ident_filter_fn in git's
// convert.c does.
func streamIdent(content []byte, id string) []byte {
	const head = "$Id"
	ident := ": " + id + " $"
	out := make([]byte, 0, len(content)+len(ident))
	var left []byte // read, and not yet decided
	matched := 0    // characters of head before the current one
	inside := false // after "$Id:"
	drain := func() { out, left, matched, inside = append(out, left...), left[:0], 0, false }
	for _, c := range content {
		switch {
		case inside:
			if left = append(left, c); c != '\n' && c != '$' {
				continue
			}
			if c == '$' && !isForeignStream(left) {
				left = append(left[:len(head)], ident...)
			}
			drain()
		case matched < len(head) && head[matched] == c:
			matched++
		case matched == len(head) && c == '$':
			left = append(append(left, head...), ident...)
			drain()
		case matched == len(head) && c == ':':
			left, inside = append(append(left, head...), c), true
		case matched == len(head):
			left, matched = append(append(left, head...), c), 0
		default:
			left = append(append(left, head[:matched]...), c)
			drain()
		}
	}
	if !inside {
		left = append(left, head[:matched]...)
	}
	drain()
	return out
}

// isForeignStream reports whether streamIdent keeps an identifier: one with white space inside,
// which another version control system wrote. text includes "$Id:" and the closing "$".
func isForeignStream(text []byte) bool {
	rest, found := bytes.CutPrefix(text, []byte("$Id: "))
	if !found {
		return false
	}
	if end := bytes.IndexByte(rest, 0); end >= 0 {
		rest = rest[:end]
	}
	for i, c := range rest {
		if bytes.IndexByte([]byte(" \t\n\r"), c) >= 0 && (i+1 == len(rest) || rest[i+1] != '$') {
			return true
		}
	}
	return false
}

// expandIdent does the same as [streamIdent], but as ident_to_worktree in git's convert.c does.
func expandIdent(content []byte, id string) []byte {
	var out []byte
	rest := content
	for {
		dollar := bytes.IndexByte(rest, '$')
		if dollar < 0 {
			break
		}
		out, rest = append(out, rest[:dollar+1]...), rest[dollar+1:]
		if len(rest) < 3 || string(rest[:2]) != "Id" {
			continue
		}
		switch rest[2] {
		case '$':
			rest = rest[3:]
		case ':':
			end := bytes.IndexByte(rest[3:], '$')
			if end < 0 {
				return append(out, rest...)
			}
			text := rest[3 : 3+end]
			if bytes.IndexByte(text, '\n') >= 0 || isForeignIdent(text) {
				continue
			}
			rest = rest[3+end+1:]
		default:
			continue
		}
		out = append(out, "Id: "+id+" $"...)
	}
	return append(out, rest...)
}

// isForeignIdent reports whether expandIdent keeps an identifier: one with a space inside, which
// another version control system wrote. text is what is between "$Id:" and the closing "$".
func isForeignIdent(text []byte) bool {
	if len(text) < 2 {
		return false
	}
	space := bytes.IndexByte(text[1:], ' ')
	return space >= 0 && space+1 < len(text)-1
}
