package source

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// git status finds no change in files that it converts. Auto selects the folder if their bytes on disk
// are not those that the commit publishes, and the commit if they are.
func TestAutoComparesBytesThatGitConverts(t *testing.T) {
	const lines = "<p>\nsite\n"
	// Without git, a file that is not older than the index is hashed as it is.
	const onlyGit = "with git: " + KindCommit
	again := func(w *gittest.Work) { // checks the folder out with the configuration that is set
		w.Remove("public/index.html")
		w.Git("checkout", "-q", "--", "public/index.html")
	}
	attributesFile := func(w *gittest.Work, text string) {
		w.Write("../attributes", text)
		w.Git("config", "core.attributesFile", w.Path("../attributes"))
	}
	for _, tt := range []struct {
		name       string
		attributes string // of the commit
		change     func(w *gittest.Work)
		want       string
	}{
		{"autocrlf", "", func(w *gittest.Work) { w.Git("config", "core.autocrlf", "true"); again(w) }, KindFolder},
		{"autocrlf, set later", "", func(w *gittest.Work) { w.Git("config", "core.autocrlf", "true") }, KindCommit},
		{"autocrlf of input", "", func(w *gittest.Work) { w.Git("config", "core.autocrlf", "input"); again(w) }, KindCommit},
		{"autocrlf of input, an editor wrote CRLF", "", func(w *gittest.Work) {
			w.Git("config", "core.autocrlf", "input")
			w.Write("public/index.html", "<p>\r\nsite\r\n")
			w.Git("add", "-A")
		}, KindFolder},
		{"no autocrlf", "", func(w *gittest.Work) { w.Git("config", "core.autocrlf", "false"); again(w) }, KindCommit},
		{"eol", "* text=auto\n", func(w *gittest.Work) { w.Git("config", "core.eol", "crlf"); again(w) }, KindFolder},
		{"attributes of the clone", "", func(w *gittest.Work) {
			w.Write(".git/info/attributes", "*.html text eol=crlf\n")
			again(w)
		}, KindFolder},
		{"attributes of a user", "", func(w *gittest.Work) { attributesFile(w, "* eol=crlf\n"); again(w) }, KindFolder},
		{"a filter of the user that keeps the size", "", func(w *gittest.Work) {
			attributesFile(w, "*.html filter=x\n")
			w.Git("config", "filter.x.smudge", "tr a-z b-za")
			w.Git("config", "filter.x.clean", "tr b-za a-z")
			again(w)
		}, KindFolder},
		{"a filter of the user that changes nothing", "", func(w *gittest.Work) {
			attributesFile(w, "*.html filter=x\n")
		}, KindCommit},
		{"attributes of the user that convert nothing", "", func(w *gittest.Work) {
			attributesFile(w, "*.png diff=exif\n*.html -text\n")
			again(w)
		}, KindCommit},
		{"attributes of the commit", "*.html eol=crlf\n", again, onlyGit},
		{"attributes of the commit, overridden by the clone", "*.html eol=crlf\n", func(w *gittest.Work) {
			w.Write(".git/info/attributes", "*.html eol=lf\n")
			again(w)
		}, KindFolder},
		{"attributes of the commit, an editor wrote CRLF", "* text=auto\n", func(w *gittest.Work) {
			w.Write("public/index.html", "<p>\r\nsite\r\n")
			w.Git("add", "-A")
		}, KindFolder},
		{"attributes below the folder, an editor wrote CRLF", "", func(w *gittest.Work) {
			w.Write("public/docs/page.html", lines).Write("public/docs/.gitattributes", "*.html text\n").Commit("docs")
			w.Write("public/docs/page.html", "<p>\r\nsite\r\n")
			w.Git("add", "-A")
		}, KindFolder},
		{"attributes below the folder, for other files", "", func(w *gittest.Work) {
			w.Write("public/docs/page.html", lines).Write("public/docs/.gitattributes", "*.css text\n").Commit("docs")
		}, KindCommit},
		{"a file that is not published", "* text=auto\n", func(w *gittest.Work) {
			w.Write("public/.note", "a\r\nb\r\n")
			w.Git("add", "-A")
		}, onlyGit},
	} {
		for _, command := range []string{"git", "no git"} {
			t.Run(tt.name+", "+command, func(t *testing.T) {
				w := gittest.New(t)
				w.Dir = w.Path("clone")
				if err := os.Mkdir(w.Dir, 0o755); err != nil {
					t.Fatal(err)
				}
				w.Git("init", "-q", "-b", "main")
				w.Git("config", "core.safecrlf", "false")
				w.Write("public/index.html", lines).Write("public/.note", "a\nb\n").Write("public/empty", "")
				if tt.attributes != "" {
					w.Write(".gitattributes", tt.attributes)
				}
				w.Commit("First")
				tt.change(w)
				if command == "no git" {
					t.Setenv("PATH", t.TempDir())
				}
				log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
				s, err := Open(t.Context(), options(w, Options{Dir: "public", Log: log}))
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == onlyGit && command != "git" {
					return
				}
				if o, err := s.Origin(t.Context()); err != nil || o.Kind != strings.TrimPrefix(tt.want, "with git: ") {
					t.Errorf("%s (%v), want %s", o.Kind, err, tt.want)
				}
			})
		}
	}
}
