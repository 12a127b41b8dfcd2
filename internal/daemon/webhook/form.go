package webhook

import (
	"bytes"
	"errors"
)

var errForm = errors.New("the form has no payload")

// formPayload decodes the field "payload" of a form in place, so that only one
// copy of a body is in memory.
func formPayload(body []byte) ([]byte, error) {
	for len(body) > 0 {
		field, rest, _ := bytes.Cut(body, []byte("&"))
		if value, ok := bytes.CutPrefix(field, []byte("payload=")); ok {
			return unescape(value)
		}
		body = rest
	}
	return nil, errForm
}

func unescape(b []byte) ([]byte, error) {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(b) {
				return nil, errForm
			}
			high, low := unhex(b[i+1]), unhex(b[i+2])
			if high < 0 || low < 0 {
				return nil, errForm
			}
			c, i = byte(high<<4|low), i+2
		}
		b[n] = c
		n++
	}
	return b[:n], nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
