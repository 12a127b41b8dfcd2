package pull

import (
	"iter"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

const (
	// maxName is the longest file name of most file systems, in bytes.
	maxName = 255
	// maxPathname is the longest pathname that a deploy accepts, in bytes.
	maxPathname = 1024
)

// invalidPathReason returns why a pull may not create a file for a pathname, or "". The overlay's
// writer refuses most of these pathnames. They are checked again, because KV is not trusted.
func invalidPathReason(path string) string {
	const notAFile = "the pathname is not the name of a file of the site"
	switch {
	case !strings.HasPrefix(path, "/") || !utf8.ValidString(path) || strings.ContainsAny(path, "\x00\\"):
		return notAFile
	case len(path) > maxPathname:
		return "the pathname is too long to be deployed"
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		switch {
		case name == "" || name == "." || name == "..":
			return notAFile
		case isGitName(name):
			return "the name means git's folder .git on some systems"
		case name[0] == '.' && name != ".well-known":
			return "files and folders whose names begin with a dot are not published"
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

// isGitName reports whether some file system treats a name as .git. macOS ignores some invisible
// characters, and Windows has the short name git~1. git refuses commits with such names.
func isGitName(name string) bool {
	name = strings.ToLower(strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, name))
	name, _, _ = strings.Cut(name, ":") // on Windows a colon begins the name of a data stream
	name = strings.TrimRight(name, ". ")
	return name == ".git" || name == "git~1"
}

// device matches the names that Windows reserves for devices, with any extension.
var device = regexp.MustCompile(`(?i)^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:[.:].*)?$`)

// invalidOnWindows returns the first part of a relative file name that Windows does not allow,
// or "".
func invalidOnWindows(name string) string {
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if strings.ContainsAny(part, `<>:"|?*`) || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") ||
			device.MatchString(part) {
			return part
		}
	}
	return ""
}

// takenPaths are the files that a pull has written, and their folders, by their folded form. A
// real pull finds conflicts between edits in the tree. A dry run finds the same ones here.
type takenPaths map[string]takenPath

type takenPath struct {
	path string
	file bool
}

func (t takenPaths) add(path string) {
	for end := range eachPart(path) {
		t[folded(path[:end])] = takenPath{path[:end], end == len(path)}
	}
}

// blocker returns why no file can be at a pathname beside those that were taken, or "".
func (t takenPaths) blocker(path string) string {
	for end := range eachPart(path) {
		switch other, ok := t[folded(path[:end])]; {
		case !ok:
			return ""
		case other.path != path[:end]:
			return variantReason(other.path[strings.LastIndexByte(other.path, '/')+1:])
		case other.file:
			return fileInTheWay
		case end == len(path):
			return isFolder
		}
	}
	return ""
}

// eachPart yields where each part of a pathname ends.
func eachPart(path string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 1; i <= len(path); i++ {
			if (i == len(path) || path[i] == '/') && !yield(i) {
				return
			}
		}
	}
}

// names are the names in one folder by their folded form. A file system that ignores case and
// Unicode composition does not distinguish names with the same folded form.
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

// find looks up a part of a pathname. name is the folder's name with the same spelling, or "". If
// variant is not "", the pull may not create the name: variant is an existing name that differs
// from part only in case or composition.
func (n names) find(part string) (name, variant string) {
	for _, other := range n[folded(part)] {
		if other == part {
			return part, ""
		}
		variant = other
	}
	return "", variant
}

// variantReason is the conflict's reason for a name of [names.find].
func variantReason(variant string) string {
	return "git has " + humanize.Path(variant) + " there, and the names differ only in case or Unicode composition"
}
