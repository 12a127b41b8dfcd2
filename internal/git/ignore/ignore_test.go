package ignore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// ignored reports whether a walk would skip a path: the patterns exclude the path itself or a
// directory above it.
func ignored(s *Scope, rel string, isDir bool) bool {
	parts := strings.Split(rel, "/")
	for i := range parts {
		last := i == len(parts)-1
		if s.Decide(strings.Join(parts[:i+1], "/"), !last || isDir) == Exclude {
			return true
		}
	}
	return false
}

// checkIgnore asks git which of the files it ignores.
func checkIgnore(w *gittest.Work, files []string) map[string]bool {
	w.Helper()
	cmd := exec.Command("git", "check-ignore", "--no-index", "-z", "--stdin")
	cmd.Dir = w.Dir
	cmd.Stdin = strings.NewReader(strings.Join(files, "\x00"))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		w.Fatal(err)
	}
	set := map[string]bool{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		set[name] = true
	}
	return set
}

// A pattern matches exactly the paths that git matches. The files need not exist, because git
// only needs their paths.
func TestPatternsAsGit(t *testing.T) {
	t.Parallel()
	patterns := []string{
		"a", "/a", "a/", "a/b", "/a/b", "a/*", "a/**", "**/a", "**/a/b", "a/**/b", "**", "*", "/*", "/**", "**/",
		"*/", "*/b",
		"*.js", "*a*", "?", "a?", "?/b", "[ab]", "[!a]", "[^a]", "[a-c]", "[]a]", "[!]a]", "[a", "[a-", "a[/]b",
		"a[.-0]b",
		"[[:alpha:]]", "[[:digit:]b]", "[[:nope:]]", "[[:punct:]]", "[c-a]", `\a`, `\*`, `\!a`, `\#a`, `a\`, `[\a]`,
		`[\]]`,
		"!a", "#a", "a ", `a\ `, "a  ", " a", "a**", "**a", "a/**b", "***", "a/***/b", "//a", "a//b", "", "!", "/",
		"a/b/",
		"a/**/", "**/**/b", "*/**/c", "a\r", "\ufeffa", "a.*", "*.*", ".*", "a*b*c", "foo[", "[[]", "a/./b",
	}
	files := []string{
		"a", "b", "c", "ab", "abc", "a/b", "a/c", "b/a", "b/b", "a/b/c", "a/a/b", "a/b/b", "b/a/b", "c/b/a", "a.js",
		"a/a.js",
		"b/c/a.js", "!a", "#a", "*", "]", "[", "[a", "foo[", "a ", " a", "1", "a/1", "a.b", "a.min.js", "a/.b", ".a",
		"a-b", "-", "a/x/b", "aXb",
	}
	slices.Sort(files)
	w := gittest.New(t)
	for _, pattern := range patterns {
		compareIgnores(w, pattern+"\n", files)
	}
	compareIgnores(w, "*\n!a\n!*.js\n/b/*\n!b/a/\n", files)
}

func compareIgnores(w *gittest.Work, text string, files []string) {
	w.Helper()
	w.Write(".gitignore", text)
	git := checkIgnore(w, files)
	s := (*Scope)(nil).Within("", text)
	for _, f := range files {
		if got := ignored(s, f, false); got != git[f] {
			w.Errorf("%q on %q: %v, git says %v", text, f, got, git[f])
		}
	}
}

// unclear matches patterns with "**" after a name and before a slash. git's documentation treats
// such a "**" as "*", but the result of git 2.39 depends on its memory layout.
var unclear = regexp.MustCompile(`[^/\n!]\*\*+/|(?m:^!?\*\*+[^*/\n]+\*\*+/)`)

func TestRandomPatternsAsGit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	pieces := []string{"a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "/**/", "**/", "/**", ".", "!", `\b`, "a/", " "}
	names := []string{"a", "b", "ab", "ba", "a.b", "c"}
	w := gittest.New(t)
	for range 100 {
		var text strings.Builder
		for range 1 + random.IntN(4) {
			for range 1 + random.IntN(5) {
				text.WriteString(pieces[random.IntN(len(pieces))])
			}
			text.WriteString("\n")
		}
		if unclear.MatchString(text.String()) {
			continue
		}
		var files []string
		for range 60 {
			var parts []string
			for range 1 + random.IntN(4) {
				parts = append(parts, names[random.IntN(len(names))])
			}
			files = append(files, strings.Join(parts, "/"))
		}
		slices.Sort(files)
		compareIgnores(w, text.String(), slices.Compact(files))
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestNestedScopes(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write(".gitignore", "*.log\n/only\n").Write("sub/.gitignore", "!keep.log\n/only\nx/y\n")
	files := []string{
		"a.log",
		"only",
		"sub/a.log",
		"sub/keep.log",
		"sub/only",
		"sub/in/only",
		"sub/x/y",
		"x/y",
		"sub/x/keep.log",
	}
	git := checkIgnore(w, files)
	outer := (*Scope)(nil).Within("", "*.log\n/only\n")
	inner := outer.Within("sub/", "!keep.log\n/only\nx/y\n")
	for _, f := range files {
		s := outer
		if strings.HasPrefix(f, "sub/") {
			s = inner
		}
		if got := s.Decide(f, false) == Exclude; got != git[f] {
			t.Errorf("%s: %v, git says %v", f, got, git[f])
		}
	}
}

func TestParentNeverExcludesTheFolder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dist":              "a.js a.map sub/a.map",
		"dist/":             "a.js a.map sub/a.map",
		"/dist/*":           "a.js a.map sub/a.map",
		"dist/**":           "a.js a.map sub/a.map",
		"**/dist/**/*":      "a.js a.map sub/a.map",
		"*":                 "a.js a.map sub/a.map",
		"d*":                "a.js a.map sub/a.map",
		"*.map":             "a.js",
		"/dist/*.map":       "a.js sub/a.map",
		"/*.map":            "a.js a.map sub/a.map",
		"dist/sub":          "a.js a.map",
		"dist\n!dist\nsub/": "a.js a.map",
	} {
		s := Parent(nil, "dist", text)
		var got []string
		for _, f := range []string{"a.js", "a.map", "sub/a.map"} {
			if !ignored(s, f, false) {
				got = append(got, f)
			}
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%q: %s, want %s", text, g, want)
		}
	}
}

// Matching does not panic, and takes linear time for every pattern.
func FuzzPatterns(f *testing.F) {
	f.Add("a/**/b*[!c]\\ \n", "a/b/c")
	f.Add("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("[[:alpha:]-\\]]\n!/x/", "x/y")
	f.Fuzz(func(t *testing.T, text, rel string) {
		if rel == "" {
			return
		}
		s := (*Scope)(nil).Within("", text)
		_ = fmt.Sprint(s.Decide(rel, true), s.Decide(rel, false), Parent(s, "dist", text).Decide(rel, false))
	})
}
