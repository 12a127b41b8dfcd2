package pull

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a name: most file systems accept no longer name, and a deploy accepts no longer
// pathname.
const (
	maxName     = 255
	maxPathname = 1024
)

// invalidPathReason returns why no file may be made for a pathname, or "". The overlay's writer
// refuses most of these; what comes out of KV is checked again.
func invalidPathReason(path string) string {
	const elsewhere = "the pathname leads elsewhere"
	switch {
	case !strings.HasPrefix(path, "/") || !utf8.ValidString(path) || strings.ContainsAny(path, "\x00\\"):
		return elsewhere
	case len(path) > maxPathname:
		return "the pathname is too long to be deployed"
	case !norm.NFC.IsNormalString(path):
		return "a file is served at the composed form of its name (Unicode NFC), and the pathname is not composed"
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		switch {
		case name == "" || name == "." || name == "..":
			return elsewhere
		case isGitName(name):
			return "some systems take the name for git's own folder"
		case name[0] == '.' && name != ".well-known":
			return "files and folders that begin with a dot are not published"
		case len(name) > maxName:
			return "the name is too long for a file"
		}
		for _, r := range name {
			if r < ' ' || r == 0x7f {
				return "the pathname has a control character"
			}
		}
	}
	return ""
}

// isGitName reports whether a name is .git on some file system: macOS ignores invisible
// characters, Windows has short names. git accepts no commit with such a name from its remote.
func isGitName(name string) bool {
	name = strings.ToLower(strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, name))
	name, _, _ = strings.Cut(name, ":") // the rest is a Windows stream
	name = strings.TrimRight(name, ". ")
	return name == ".git" || name == "git~1"
}

// validOnWindows reports whether Windows allows this file name, relative to a folder.
func validOnWindows(name string) bool {
	if strings.ContainsAny(name, `<>:"|?*`) {
		return false
	}
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return false
		}
	}
	return true
}

// names are the names in one folder, by their folded form: file systems that ignore case and
// composition do not distinguish names of one form.
type names map[string][]string

func folded(name string) string { return strings.ToLower(norm.NFC.String(name)) }

func (n names) add(name string) { n[folded(name)] = append(n[folded(name)], name) }

func (n names) remove(name string) {
	key := folded(name)
	for i, other := range n[key] {
		if other == name {
			n[key] = append(n[key][:i:i], n[key][i+1:]...)
		}
	}
}

// find looks up a part of a pathname, which is composed. It returns the name that the folder
// has for it, "" for none, and a twin that forbids using or making it: a name that another file
// system would not distinguish from it.
func (n names) find(part string) (name, twin string) {
	for _, other := range n[folded(part)] {
		switch {
		case norm.NFC.String(other) != part:
			twin = other
		case name != "":
			return "", other // two are served at one pathname
		default:
			name = other
		}
	}
	if name != "" {
		twin = "" // git has both already
	}
	return name, twin
}

// twinReason describes a twin.
func twinReason(twin string) string {
	return "git has " + twin + " there, and the names differ in case or composition only"
}
