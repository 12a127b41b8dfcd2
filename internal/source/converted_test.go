package source

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
)

// A commit publishes what a checkout by git has, without configuration: line endings and $Id$.
// The attributes and contents are random. A second listing, which reuses the first, has the same.
func TestCommitIsWhatACheckoutHas(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := gittest.New(t)
		writeRandomAttributes(w, rnd)
		w.Git("config", "core.safecrlf", "false")
		for i := range 120 {
			folder := []string{"site/", "site/sub/", "site/sub/deep/", "site/a b/"}[rnd.IntN(4)]
			name := fmt.Sprintf("%s%c%d.%s", folder, 'a'+rnd.IntN(3), i, []string{"txt", "csv", "bin", "html"}[rnd.IntN(4)])
			id := strings.TrimSpace(w.GitIn(w.Dir, randomContent(rnd), "hash-object", "-w", "--no-filters", "--stdin"))
			w.Git("update-index", "--add", "--cacheinfo", "100644,"+id+","+name)
		}
		w.Git("add", "-f", "--", ".gitattributes", "site/.gitattributes", "site/sub/.gitattributes")
		w.Git("commit", "-q", "-m", "random")
		checkout := filepath.Join(t.TempDir(), "checkout")
		w.Git("clone", "-q", w.Dir, checkout)

		options := Options{WorkDir: w.Dir, Dir: "site", Kind: KindCommit}
		first := sourcetest.List(t, openCommit(w, options), nil)
		if len(first.Files) < 100 {
			t.Fatal("only", len(first.Files), "files")
		}
		converted := 0
		for _, f := range first.Files {
			want, err := os.ReadFile(filepath.Join(checkout, "site", f.Path))
			if err != nil {
				t.Fatal(err)
			}
			content, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(content)
			content.Close()
			raw := w.GitIn(w.Dir, "", "cat-file", "blob", "HEAD:site"+f.Path)
			if err != nil || string(got) != string(want) || f.Size != int64(len(want)) {
				t.Fatalf("seed %d, %s: got %q of %d bytes, want %q; the blob is %q, %s", seed, f.Path, got, f.Size, want, raw,
					w.Git("check-attr", "-a", "--", "site"+f.Path))
			}
			if raw != string(want) {
				converted++
			}
		}
		if converted < 10 {
			t.Errorf("seed %d: only %d files are converted", seed, converted)
		}
	}
}

func writeRandomAttributes(w *gittest.Work, rnd *rand.Rand) {
	settings := []string{
		"text eol=crlf", "eol=crlf", "text=auto eol=crlf", "ident", "-text", "binary", "!eol", "-ident", "text", "text=auto",
		"eol=lf", "crlf eol=crlf", "own", "!ident", "ident eol=crlf", "-crlf", "text=input", "bad/name eol=crlf", "!text",
	}
	patterns := []string{
		"*.txt", "*.csv", "a*", "*", "sub/**", "/sub/*.html", "b[0-5]*", "!c*", "deep/", `"*\056bin"`, "**/deep/*", "site/*",
		"# eol=crlf", "c?.*",
	}
	for _, file := range []string{".gitattributes", "site/.gitattributes", "site/sub/.gitattributes"} {
		text := "[attr]own ident eol=crlf\n"
		for range 2 + rnd.IntN(6) {
			text += patterns[rnd.IntN(len(patterns))] + " " + settings[rnd.IntN(len(settings))] + "\n"
		}
		if file == "site/.gitattributes" {
			text += "*1.* ident\n*2.* eol=crlf\n*3.* text=auto eol=crlf\n" +
				"*4.txt text=other -crlf eol=crlf\n"
		}
		w.Write(file, text)
	}
}

func randomContent(rnd *rand.Rand) string {
	parts := []string{
		"a", "b\n", "\r\n", "\n", "\r", "\x00", "\x01", "$Id$", "$Id: x $", "$Id: x y $", "$Id:$", "$Id: ",
		"$Id:  $", "$", "Id",
		"ü", "\x1a", "plain text line\n", "another line\n", "$Id: a\n$", "\x7f", "$Id:x$", "$Id: $",
	}
	text := ""
	for range rnd.IntN(9) {
		text += parts[rnd.IntN(len(parts))]
	}
	if rnd.IntN(3) > 0 { // few contents would be text otherwise
		text = strings.NewReplacer("\r", "", "\x00", "", "\x01", "", "\x7f", "").Replace(text) + "line\n"
	}
	return text
}

// A file that git would transform as kv-sync cannot is refused from a commit. The automatic source
// is then the folder, which has the file as it is meant.
func TestFilteredFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, attribute, reason string }{
		{".gitattributes", "filter=secret", `the git filter "secret"`},
		{".gitattributes", "working-tree-encoding=UTF-16LE", "the encoding UTF-16LE"},
		{"site/sub/.gitattributes", "filter=secret", `the git filter "secret"`},
	} {
		w := gittest.New(t)
		w.Write("site/page.html", "page").Write("site/sub/members.html", "members").
			Write(tt.file, "members.html "+tt.attribute+"\n")
		id := strings.TrimSpace(w.GitIn(w.Dir, "members", "hash-object", "-w", "--no-filters", "--stdin"))
		w.Git("add", "-f", "site/page.html", tt.file)
		w.Git("update-index", "--add", "--cacheinfo", "100644,"+id+",site/sub/members.html")
		w.Git("commit", "-q", "-m", "filtered")
		options := Options{WorkDir: w.Dir, Dir: "site", Kind: KindCommit}
		got := sourcetest.Refusals(t, openCommit(w, options))
		if strings.Count(got, "\n") != 0 || !strings.Contains(got, "members.html: ") || !strings.Contains(got, tt.reason) {
			t.Errorf("%+v: %s", tt, got)
		}
		// The files on disk are what git takes for the commit's.
		w.Git("config", "filter.secret.clean", "cat")
		onDisk := "members"
		if tt.attribute != "filter=secret" {
			onDisk = "m\x00e\x00m\x00b\x00e\x00r\x00s\x00"
		}
		w.Write("site/sub/members.html", onDisk)
		w.Git("add", "--renormalize", "site/sub/members.html")
		src, err := Open(t.Context(), Options{WorkDir: w.Dir, Dir: "site", CacheDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if l := sourcetest.List(t, src, nil); l.Origin.Kind != KindFolder || len(l.Files) != 2 {
			t.Errorf("%+v: %s with %s", tt, l.Origin.Kind, sourcetest.Paths(l))
		}
	}
}

// A change of attributes above a folder reaches the files of the folder, although its tree is
// the same.
func TestChangedAttributes(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("site/sub/table.csv", "a,b\n").Write("site/index.html", "x").Write(".gitattributes", "*.md text\n")
	w.Commit("first")
	options := Options{WorkDir: w.Dir, Dir: "site", Kind: KindCommit}
	first := sourcetest.List(t, openCommit(w, options), nil)
	w.Write(".gitattributes", "*.csv text eol=crlf\n")
	w.Git("-c", "core.safecrlf=false", "commit", "-q", "-a", "-m", "attributes")
	second := sourcetest.List(t, openCommit(w, options), sourcetest.Manifest(t, first))
	if got := second.Files[1]; got.Path != "/sub/table.csv" || got.Size != 5 || second.Origin.ID == first.Origin.ID {
		t.Errorf("%s has %d bytes, of %s after %s", got.Path, got.Size, second.Origin.ID, first.Origin.ID)
	}
	third := sourcetest.List(t, openCommit(w, options), sourcetest.Manifest(t, second))
	if got := third.Files[1]; got.Size != 5 || got.Blob.Hash != second.Files[1].Blob.Hash {
		t.Errorf("again: %s has %d bytes", got.Path, got.Size)
	}
}
