package tree

import (
	"fmt"
	"strings"
)

// Place is a position in a file. Line is 0 if it is not known.
type Place struct {
	File string
	Line int
}

// String returns "file:line".
func (p Place) String() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return p.File
}

// Source is the file from which a tool generated another one. Messages about the generated file
// name the source, because people edit the source and not the output.
type Source struct {
	file  string
	lines map[string]int // of its values, by path
}

// NewSource returns the source of a file that was generated for one environment; "" is none.
func NewSource(file string, top *Table, env string) *Source {
	s := &Source{file: file, lines: map[string]int{}}
	s.add(top, "")
	if envs := top.Get("env"); env != "" && envs != nil {
		if t, ok := envs.Value.(*Table); ok && t.Get(env) != nil {
			chosen := t.Get(env)
			if own, ok := chosen.Value.(*Table); ok {
				s.add(own, chosen.Path+".")
			}
		}
	}
	return s
}

// add adds the lines of a table's values. Their paths begin with a prefix that is left out.
func (s *Source) add(t *Table, prefix string) {
	for _, name := range t.Names {
		s.addNode(t.Get(name), prefix)
	}
}

func (s *Source) addNode(n *Node, prefix string) {
	s.lines[strings.TrimPrefix(n.Path, prefix)] = n.Line
	switch v := n.Value.(type) {
	case *Table:
		s.add(v, prefix)
	case []*Node:
		for _, e := range v {
			s.addNode(e, prefix)
		}
	}
}

// place returns the position of the value with a path in the source. If the source does not set it,
// this is the position of the object or list around it.
func (s *Source) place(path string) Place {
	for path != "" {
		if line, ok := s.lines[path]; ok {
			return Place{s.file, line}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return Place{File: s.file}
}
