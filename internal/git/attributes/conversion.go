package attributes

import (
	"bytes"
	"strings"
)

// Conversion is what a checkout does to the bytes of a file. The zero value changes nothing.
type Conversion struct {
	// CRLF is set if lines end in CR and LF.
	CRLF bool
	// Auto is set if git reads the whole file to see whether it is text. With CRLF, it changes
	// only text without any CR.
	Auto bool
	// Unix is set if git stores lines that end in CR and LF with LF alone. UnixAuto restricts
	// that to text.
	Unix, UnixAuto bool
	// Ident is set if $Id$ contains the id of the blob.
	Ident bool
	// Filter is the name of the filter that the file passes through, and Encoding its encoding
	// in a work tree; "" if none. Apply ignores both.
	Filter, Encoding string
}

// conversionOf decides as convert_attrs in git's convert.c does without configuration.
func conversionOf(values map[string]value) Conversion {
	c := Conversion{Ident: values["ident"].state == '+'}
	text := values["text"]
	if !text.isKnown() {
		text = values["crlf"] // the name that git had before 1.7.2
	}
	binary := text.state == '-'
	auto := text.state == '=' && text.text == "auto"
	if eol := values["eol"]; !binary {
		c.CRLF = eol == value{'=', "crlf"}
		c.Auto = auto && eol != value{'=', "lf"}
		c.Unix = text.isKnown() || eol == value{'=', "crlf"} || eol == value{'=', "lf"}
		c.UnixAuto = auto
	}
	if f := values["filter"]; f.state == '=' {
		c.Filter = f.text
	}
	if e := values["working-tree-encoding"]; e.state == '=' && !isUTF8(e.text) {
		c.Encoding = e.text
	}
	return c
}

// isKnown reports whether git knows this value of the attribute text. It ignores others, such as
// text=yes.
func (v value) isKnown() bool {
	return v.state == '+' || v.state == '-' || v.state == '=' && (v.text == "auto" || v.text == "input")
}

// isUTF8 reports whether git reads an encoding's name as UTF-8, the encoding of blobs. Then it
// converts nothing.
func isUTF8(name string) bool {
	return name == "" || strings.EqualFold(name, "UTF-8") || strings.EqualFold(name, "UTF8")
}

// None reports whether Apply changes nothing.
func (c Conversion) None() bool { return !c.CRLF && !c.Ident }

// Apply returns the bytes that a checkout has for a blob. id is the blob's id in hexadecimal.
func (c Conversion) Apply(content []byte, id string) []byte {
	switch {
	case c.Ident && c.Auto:
		content = expandIdent(content, id)
	case c.Ident:
		content = streamIdent(content, id)
	}
	if c.CRLF && (!c.Auto || isPlainText(content)) {
		content = withCRLF(content)
	}
	return content
}

// Stored returns the bytes that "git add" stores for a file of a work tree. before are those that it
// stored for the file before, or nil. Text in which CR LF is stored already stays as it is, unless
// the attributes say that it is text.
func (c Conversion) Stored(content, before []byte) []byte {
	if !c.Unix {
		return content
	}
	unix := withLF(content)
	if !c.UnixAuto {
		return unix
	}
	if was := withLF(before); !isPlainText(unix) || len(was) < len(before) && isPlainText(was) {
		return content
	}
	return unix
}

func withLF(content []byte) []byte { return bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")) }

func withCRLF(content []byte) []byte {
	out := make([]byte, 0, len(content)+bytes.Count(content, []byte("\n")))
	for i, c := range content {
		if c == '\n' && (i == 0 || content[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}

// isPlainText reports whether git treats content without CR as text (gather_stats and
// convert_is_binary in convert.c).
func isPlainText(content []byte) bool {
	printable, other := 0, 0
	for _, c := range content {
		switch {
		case c == '\r' || c == 0:
			return false
		case c == '\n':
		case c == '\b' || c == '\t' || c == 0x1b || c == '\f' || c >= ' ' && c != 0x7f:
			printable++
		default:
			other++
		}
	}
	if n := len(content); n > 0 && content[n-1] == 0x1a { // the end of a file in DOS
		other--
	}
	return printable>>7 >= other
}
