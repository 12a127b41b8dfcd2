package kv

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// pair is one element of a bulk write. Its slices refer to the request's body if
// possible.
type pair struct {
	key        string
	value      []byte // the JSON string, unescaped
	base64     bool
	metadata   []byte
	expiration int64
	ttl        int64
}

// size returns the length of the decoded value.
func (p *pair) size() (int, error) {
	if !p.base64 {
		return len(p.value), nil
	}
	n := len(p.value)
	if n%4 != 0 {
		return 0, fmt.Errorf("the value of %q is not base64", p.key)
	}
	n = n / 4 * 3
	return n - len(p.value[max(0, len(p.value)-2):]) + len(bytes.TrimRight(p.value[max(0, len(p.value)-2):], "=")), nil
}

func (p *pair) appendTo(buf []byte) ([]byte, error) {
	if !p.base64 {
		return append(buf, p.value...), nil
	}
	buf, err := base64.StdEncoding.AppendDecode(buf, p.value)
	if err != nil {
		return nil, fmt.Errorf("the value of %q is not base64", p.key)
	}
	return buf, nil
}

// parsePairs parses the body of a bulk write. It exists because benchmarks run against the
// platform: encoding/json reads each byte several times and copies it, and this parser finds
// the end of a value with one bytes.IndexByte. FuzzParsePairs compares the two.
func parsePairs(body []byte) ([]pair, error) {
	s := scanner{b: body}
	var pairs []pair
	err := s.array(func() error {
		p, err := s.pair()
		pairs = append(pairs, p)
		if len(pairs) > maxBulk {
			return errTooMany
		}
		return err
	})
	if err == nil && s.peek() != 0 {
		err = s.fault("the end")
	}
	return pairs, err
}

var errTooMany = fmt.Errorf("more than %d pairs", maxBulk)

// scanner parses JSON in a slice.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) fault(want string) error {
	return fmt.Errorf("invalid JSON at byte %d: want %s", s.i, want)
}

// peek skips blanks and returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		case 0:
			return 1 // a byte that begins no JSON value
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) error {
	if s.peek() != c {
		return s.fault(string(c))
	}
	s.i++
	return nil
}

// list parses the elements between open and end, separated by commas.
func (s *scanner) list(open, end byte, element func() error) error {
	if err := s.take(open); err != nil {
		return err
	}
	if s.peek() == end {
		s.i++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if s.peek() == end {
			s.i++
			return nil
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

func (s *scanner) array(element func() error) error { return s.list('[', ']', element) }

func (s *scanner) pair() (pair, error) {
	var p pair
	var hasKey, hasValue, plain bool
	err := s.list('{', '}', func() error {
		name, err := s.text()
		if err != nil {
			return err
		}
		if err := s.take(':'); err != nil {
			return err
		}
		switch string(name) {
		case "key":
			hasKey = true
			key, err := s.text()
			p.key = string(key)
			return err
		case "value":
			hasValue = true
			p.value, plain, err = s.value()
			return err
		case "base64":
			return s.into(&p.base64)
		case "metadata":
			raw, err := s.any()
			if p.metadata = raw; string(raw) == "null" {
				p.metadata = nil
			}
			return err
		case "expiration":
			return s.into(&p.expiration)
		case "expiration_ttl":
			return s.into(&p.ttl)
		}
		_, err = s.any()
		return err
	})
	if err == nil && (!hasKey || !hasValue) {
		err = errors.New("a pair needs a key and a value, both strings")
	}
	if err == nil && plain && !p.base64 {
		// Base64 is checked when it is decoded.
		p.value, err = checked(p.value)
	}
	return p, err
}

func (s *scanner) into(v any) error {
	raw, err := s.any()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// text parses a string. It copies only strings with escapes.
func (s *scanner) text() ([]byte, error) {
	text, plain, err := s.value()
	if err == nil && plain {
		return checked(text)
	}
	return text, err
}

// value parses a string. plain reports that the string has no escapes. Such a string is not
// copied, and the caller must check it.
func (s *scanner) value() (text []byte, plain bool, err error) {
	raw, escaped, err := s.quoted()
	if err != nil {
		return nil, false, err
	}
	if !escaped {
		return raw[1 : len(raw)-1], true, nil
	}
	var decoded string
	if err := json.Unmarshal(raw, &decoded); err != nil {
		return nil, false, err
	}
	return []byte(decoded), false, nil
}

// checked validates a string without escapes in the same way as encoding/json.
func checked(text []byte) ([]byte, error) {
	for _, c := range text {
		if c < 0x20 {
			return nil, errors.New("invalid JSON: a control character in a string")
		}
	}
	if !utf8.Valid(text) {
		return []byte(string([]rune(string(text)))), nil // each invalid byte becomes U+FFFD
	}
	return text, nil
}

// quoted parses a string with its quotes.
func (s *scanner) quoted() (raw []byte, escaped bool, err error) {
	if s.peek() != '"' {
		return nil, false, s.fault("a string")
	}
	start := s.i
	for s.i++; ; {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false, s.fault("the end of a string")
		}
		escaped = escaped || bytes.IndexByte(s.b[s.i:s.i+n], '\\') >= 0
		quote := s.i + n
		s.i = quote + 1
		slashes := 0
		for k := quote - 1; k > start && s.b[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return s.b[start:s.i], escaped, nil
		}
	}
}

// any parses one value of any kind.
func (s *scanner) any() (json.RawMessage, error) {
	s.peek()
	start := s.i
	depth := 0
	for {
		switch c := s.peek(); {
		case c == '"':
			if _, _, err := s.quoted(); err != nil {
				return nil, err
			}
		case c == '{' || c == '[':
			depth++
			s.i++
		case (c == '}' || c == ']') && depth > 0:
			depth--
			s.i++
		case (c == ',' || c == ':') && depth > 0:
			s.i++
			continue
		case c == 0 || c == ',' || c == ':' || c == '}' || c == ']':
			return nil, s.fault("a value")
		default:
			for s.i < len(s.b) && bytes.IndexByte([]byte(" \t\r\n,:]}[{\""), s.b[s.i]) < 0 {
				s.i++
			}
		}
		if depth == 0 {
			raw := s.b[start:s.i]
			if !json.Valid(raw) {
				return nil, s.fault("a value before here")
			}
			return bytes.Clone(raw), nil
		}
	}
}
