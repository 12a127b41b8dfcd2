package devvars

import (
	"regexp"
	"strings"
)

// space is what JavaScript regards as white space.
const space = `[\s\v\x{a0}\x{feff}\x{2028}\x{2029}\p{Zs}]`

// line is a line of dotenv's format: NAME=value or NAME: value, with or without "export". A value
// in quotes may have several lines. A comment may follow it.
var line = regexp.MustCompile(strings.NewReplacer("_", space).Replace(
	`(?m)^_*(?:export_+)?([[:word:].-]+)(?:_*=|:_)(_*'(?:\\'|[^'])*'|_*"(?:\\"|[^"])*"|_*` + "`(?:\\\\`|[^`])*`" +
		`|[^#\r\n]+)?_*(?:#.*)?$`))

// variable is one line of a file.
type variable struct{ name, value string }

// lines returns the variables of a file in their order.
func lines(text string) []variable {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var list []variable
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		list = append(list, variable{m[1], unquote(m[2])})
	}
	return list
}

func parse(text string) map[string]string {
	values := map[string]string{}
	for _, v := range lines(text) {
		values[v.name] = v.value
	}
	return values
}

// unquote removes the quotes around a value. Only double quotes have escapes.
func unquote(raw string) string {
	raw = strings.TrimFunc(raw, isSpace)
	if raw == "" {
		return ""
	}
	quote, value := raw[0], raw
	if len(raw) > 1 && strings.ContainsRune("'\"`", rune(quote)) && raw[len(raw)-1] == quote {
		value = raw[1 : len(raw)-1]
	}
	if quote == '"' {
		value = strings.ReplaceAll(strings.ReplaceAll(value, `\n`, "\n"), `\r`, "\r")
	}
	return value
}

func isSpace(r rune) bool {
	return r == '\ufeff' || strings.ContainsRune("\t\n\v\f\r \u00a0\u2028\u2029", r)
}
