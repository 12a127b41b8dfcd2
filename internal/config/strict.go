package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Place is the position of a table in a file. A struct that [Strict] fills may embed one,
// and can then report the lines of its settings.
type Place struct {
	file  string
	line  int
	lines map[string]int // of the table's settings
}

// Problem returns a problem of a setting of the table, or, if key is "", of the table itself.
func (p Place) Problem(key, reason, fix string) manifest.Problem {
	line, ok := p.lines[key]
	if !ok {
		line = p.line
	}
	return manifest.Problem{Path: p.file, Line: line, Reason: reason, Fix: fix}
}

// Has reports whether the table sets a key.
func (p Place) Has(key string) bool {
	_, ok := p.lines[key]
	return ok
}

// Read reports whether the table was read, which it is unless the file has no valid syntax.
func (p Place) Read() bool { return p.lines != nil }

// Valued is a setting that accepts several types.
type Valued interface {
	// SetValue receives a string, a bool or a [json.Number]. Its error says what to write.
	SetValue(v any) error
}

// Strict reads a TOML file into a struct whose fields have "toml" tags. It returns all
// problems, in the order of the file: unknown settings, and values of another type. Fields
// are strings, booleans, integers, lists, tables (structs, and pointers, maps and lists of
// them), [encoding.TextUnmarshaler] and [Valued].
func Strict(name string, data []byte, into any) []manifest.Problem {
	if len(data) > tree.MaxFileBytes {
		return []manifest.Problem{{Path: name, Reason: tooLarge, Fix: makeSmaller}}
	}
	top, err := tree.Parse(name, data)
	if err != nil {
		return []manifest.Problem{syntaxProblem(name, err)}
	}
	s := strict{tree.Reader{File: name}}
	s.table(&tree.Node{Line: 1, Value: top}, reflect.ValueOf(into).Elem())
	order(s.Errors)
	return s.Errors
}

type strict struct{ tree.Reader }

// withoutLogin replaces the login in an address, because it may contain a password.
func withoutLogin(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		return scheme + "://***" + rest[at:]
	}
	return text
}

var place = reflect.TypeFor[Place]()

// table fills a struct.
func (s *strict) table(n *tree.Node, into reflect.Value) {
	t := s.Object(n)
	at := Place{file: s.File, line: n.Line, lines: map[string]int{}}
	var names []string
	own := -1 // the index of the embedded Place
	for i := range into.NumField() {
		f := into.Type().Field(i)
		if f.Type == place {
			own = i
		}
		name := f.Tag.Get("toml")
		if name == "" {
			continue
		}
		names = append(names, name)
		if e := t.Get(name); e != nil {
			at.lines[name] = e.Line
			s.value(e, into.Field(i))
		}
	}
	if own >= 0 {
		into.Field(own).Set(reflect.ValueOf(at))
	}
	s.RefuseUnknown(t, names...)
}

// value fills a field.
func (s *strict) value(n *tree.Node, into reflect.Value) {
	switch v := into.Addr().Interface().(type) {
	case Valued:
		switch n.Value.(type) {
		case string, bool, json.Number:
			if err := v.SetValue(n.Value); err != nil {
				s.Refuse(n, n.Path+" is not understood", err.Error())
			}
		default:
			s.WrongType(n, "one value", tree.InQuotes)
		}
		return
	case encoding.TextUnmarshaler:
		if text, ok := n.Value.(string); !ok {
			s.WrongType(n, "a string", tree.InQuotes)
		} else if err := v.UnmarshalText([]byte(text)); err != nil {
			s.Refuse(n, fmt.Sprintf("%s is %.60q", n.Path, withoutLogin(text)), err.Error())
		}
		return
	}
	switch into.Kind() {
	case reflect.String:
		text := s.Text(n)
		if strings.ContainsAny(text, "\x00\r\n") {
			s.Refuse(n, n.Path+" contains a line break", "write one line of text")
		}
		into.SetString(text)
	case reflect.Bool:
		into.SetBool(s.Flag(n))
	case reflect.Int:
		number, _ := n.Value.(json.Number)
		i, err := strconv.Atoi(number.String())
		if err != nil {
			s.WrongType(n, "a whole number", "write digits, without quotes")
		}
		into.SetInt(int64(i))
	case reflect.Struct:
		s.table(n, into)
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		s.value(n, into.Elem())
	case reflect.Map:
		t := s.Object(n)
		into.Set(reflect.MakeMap(into.Type()))
		for _, name := range t.Names {
			e := reflect.New(into.Type().Elem()).Elem()
			s.value(t.Get(name), e)
			into.SetMapIndex(reflect.ValueOf(name), e)
		}
	case reflect.Slice:
		list := s.List(n)
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i, e := range list {
			s.value(e, into.Index(i))
		}
	default:
		panic("config: Strict cannot fill a " + into.Type().String())
	}
}
