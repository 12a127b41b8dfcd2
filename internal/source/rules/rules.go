package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// rulesVersion must change whenever this package would list the same files differently. It is
// part of Origin.Rules, so a deploy reuses nothing from a manifest that was made under other
// rules.
const rulesVersion = 5

// Limits of what can be published.
const (
	// maxPathBytes bounds a pathname. Its percent-encoded form fits into the request lines that
	// browsers and proxies accept.
	maxPathBytes = 1024
	// InspectBytes bounds the size of the files whose beginning is checked for private keys and
	// LFS pointers. The longest keys in use (RSA, 16384 bits) have 13 KiB.
	InspectBytes = 16 << 10
	// headBytes is how much of such a file is checked. A PEM file is checked completely, because
	// the key may follow a chain of certificates.
	headBytes = 4 << 10
)

// Hash identifies the inputs of a listing other than the files: the version of the rules, and
// the settings.
func Hash(patterns []string, htmlHandling, assetsIgnore string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %x %t %q %q", rulesVersion, contentTypesVersion(), htmlHandling == "none", patterns, assetsIgnore)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Selection says whether a path is published, and if not, why: Published, configures, or the
// kind under which it is counted.
type Selection = manifest.ExcludedKind

const (
	// Published is the selection of a path that is listed.
	Published Selection = ""
	// configures is that of git's own files, and of files that configure the site.
	configures Selection = "configures the site"
)

// atTop are paths at the top of the source that are not published because of their names.
var atTop = map[string]Selection{
	"node_modules": manifest.ExcludedPackages,
	"kv-sync.toml": manifest.ExcludedSettings, "wrangler.json": manifest.ExcludedSettings,
	"wrangler.jsonc": manifest.ExcludedSettings, "wrangler.toml": manifest.ExcludedSettings,
	RedirectsFile: configures, HeadersFile: configures, manifest.PulledName: configures,
}

// Configures reports whether a file is not published and decides what is, or how: an ignore file
// that counts without a setting, a rule file, or the list of pulled edits.
func Configures(rel string) bool {
	return path.Base(rel) == AssetsIgnoreFile || atTop[rel] == configures
}

// Unpublished reports whether a pathname is not published because of its name at the top of the
// source.
func Unpublished(pathname string) bool {
	rel := strings.TrimPrefix(pathname, "/")
	top, _, below := strings.Cut(rel, "/")
	return atTop[top] != Published && (!below || atTop[top] == manifest.ExcludedPackages)
}

// Select decides whether a file is listed or a directory is walked. assets has the
// .assetsignore files and the configured patterns; it decides first, and can let in what has a
// name that is left out. git has the ignore files that count, nil for none.
func Select(assets, git *ignore.Scope, rel string, isDir bool) Selection {
	name := path.Base(rel)
	reason := atTop[rel]
	if strings.EqualFold(name, ".git") || name == AssetsIgnoreFile || reason == configures {
		return configures
	}
	switch assets.Decide(rel, isDir) {
	case ignore.Include:
		return Published
	case ignore.Exclude:
		return manifest.ExcludedPattern
	}
	switch {
	case reason != Published:
		return reason
	case name[0] == '.' && name != ".well-known":
		return manifest.ExcludedDotfile
	case git.Decide(rel, isDir) == ignore.Exclude:
		return manifest.ExcludedGit
	}
	return Published
}

// Problem is why a path is refused, and how to fix it. The zero value means no problem.
type Problem struct{ Reason, Fix string }

// FixIgnore is the fix for a file that must not be published.
const FixIgnore = "remove it, or name it in " + AssetsIgnoreFile

// holdsKey is the problem that the checks of the name and of the content share, so that it is
// reported once.
var holdsKey = Problem{"the file holds a private key", FixIgnore + "; if it was public before, replace the key"}

// CheckName returns the problem of one element of a path in git or in the file system.
func CheckName(name string) Problem {
	switch {
	case name == "" || name == "." || name == ".." || strings.Contains(name, "/"):
		return Problem{fmt.Sprintf("the name %q leads elsewhere", name), "remove it from the commit"}
	case strings.Contains(name, "\x00"):
		return Problem{"the name has a NUL byte", "rename it"}
	case strings.Contains(name, `\`):
		return Problem{`the name has a backslash, which browsers turn into "/"`, "rename it"}
	case !utf8.ValidString(name):
		return Problem{"the name is not UTF-8", "rename it"}
	}
	return Problem{}
}

// CheckFile returns the problem of a file's path or size.
func CheckFile(rel, pathname string, size int64, hasAssetsIgnore bool) Problem {
	switch {
	case boundary.PrivateKey(path.Base(rel)):
		return holdsKey
	case boundary.Credentials(path.Base(rel)):
		return Problem{"the file holds secrets, and a pattern lets it in", "remove the pattern that begins with \"!\""}
	case (rel == "_worker.js" || strings.HasPrefix(rel, "_worker.js/")) && !hasAssetsIgnore:
		return Problem{"_worker.js is server code of Cloudflare Pages, which would become public",
			"name it in " + AssetsIgnoreFile + ", or have that file without it to publish it"}
	case len(pathname) > maxPathBytes:
		return Problem{fmt.Sprintf("the path is longer than %d bytes", maxPathBytes), "shorten it"}
	case size > manifest.MaxFileBytes:
		return Problem{fmt.Sprintf("the file has %.1f GiB, and must have less than 4", float64(size)/(1<<30)),
			"make it smaller, serve it from R2, or name it in " + AssetsIgnoreFile}
	}
	return Problem{}
}

var (
	lfsPointer = []byte("version https://git-lfs.github.com/spec/v1")
	gitCrypt   = []byte("\x00GITCRYPT\x00")
	puttyKey   = []byte("PuTTY-User-Key-File-")
	pemWords   = []byte("PRIVATE KEY") // part of every match of pemFile and pemKey
	// pemBegin matches the beginning of PEM of any kind.
	pemBegin = regexp.MustCompile(`\A\s*-----BEGIN `)
	// pemFile matches a file that begins with a private key, even if the key is damaged or
	// truncated.
	pemFile = regexp.MustCompile(`\A\s*-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----`)
	// pemKey matches a private key with some of its body, at the start of a line or as the value
	// of "private_key" in the JSON of a service account. A page that only mentions keys does not
	// match.
	pemKey = regexp.MustCompile(`(?m)(?:^[ \t]*|"private_key"\s*:\s*")` +
		`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----` +
		`(?:\s|\\n|\\r|[A-Za-z-]+: [^\n]*\n)+[A-Za-z0-9+/=]{40}`)
)

// checkContent returns the problem of a file's content. Callers pass only files of up to
// InspectBytes.
func checkContent(content []byte) Problem {
	mark := []byte("\ufeff")
	head := content[:min(len(content), headBytes)]
	if pemBegin.Match(bytes.TrimPrefix(head, mark)) {
		head = content
	}
	head = bytes.TrimPrefix(head, mark)
	switch {
	case bytes.HasPrefix(head, lfsPointer):
		return Problem{"the file is a Git LFS pointer, not the file itself",
			"check out with LFS (actions/checkout: lfs: true) and deploy the folder (source: folder)"}
	case bytes.HasPrefix(head, gitCrypt):
		return Problem{"the file is encrypted by git-crypt, and this is its cipher text",
			"unlock it (git-crypt unlock) and deploy the folder (source: folder), or name it in " + AssetsIgnoreFile}
	// The expressions are slow, and few files contain the words.
	case bytes.HasPrefix(head, puttyKey), bytes.Contains(head, pemWords) && (pemFile.Match(head) || pemKey.Match(head)):
		return holdsKey
	}
	return Problem{}
}
