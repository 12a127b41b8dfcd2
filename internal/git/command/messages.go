package command

import (
	"bytes"
	"regexp"
)

// maxEnd is how much of the beginning and of the end of git's messages is kept.
const maxEnd = 2 << 10

// messages keeps what git writes to standard error. Of a long text it keeps the
// beginning and the end: one of the two has the reason.
type messages struct {
	ignore *regexp.Regexp // lines to drop; nil is none

	line       []byte // an incomplete line
	head, tail []byte
	omitted    bool
}

func (m *messages) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		m.line = append(m.line, line...)
		if !whole && len(m.line) <= maxEnd {
			return n, nil
		}
		if whole {
			m.line = append(m.line, '\n')
		}
		m.flush()
		p = rest
	}
}

// flush keeps the current line, unless it is to be ignored. Only whole lines are left
// out, so that a caller who removes secrets finds them whole.
func (m *messages) flush() {
	line := m.line
	m.line = m.line[:0]
	switch {
	case m.ignore != nil && m.ignore.Match(bytes.TrimSuffix(line, []byte("\n"))):
		return
	case !m.omitted && len(m.tail) == 0 && len(m.head)+len(line) <= maxEnd:
		m.head = append(m.head, line...)
		return
	}
	m.tail = append(m.tail, line...)
	if over := len(m.tail) - 2*maxEnd; over > 0 {
		m.omitted = true
		if end := bytes.IndexByte(m.tail[over:], '\n'); end >= 0 {
			over += end + 1
		}
		m.tail = append(m.tail[:0], m.tail[over:]...)
	}
}

// String returns the text. No more is written after it.
func (m *messages) String() string {
	m.flush()
	between := ""
	if m.omitted {
		between = "\n…\n"
	}
	return string(m.head) + between + string(m.tail)
}
