package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// site is a generated site in a git repository. The files are in public/, and each revision is a
// commit. The site is the same on every machine.
type site struct {
	dir string
	siteFacts
}

// siteFacts are the contents of facts.json in the site's folder.
type siteFacts struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Commits are the commit ids of the revisions.
	Commits [revisions]string `json:"commits"`
	// Changed are the files that each revision changes.
	Changed [revisions][]siteFile `json:"changed"`
}

// siteFile is a file that a revision changes. The revision adds a line break at the end.
type siteFile struct {
	Path string `json:"path"` // relative to public/
	Size int64  `json:"size"` // before the change
}

const (
	// In revision 1, one file differs from revision 0. In revision 2, one in a hundred others
	// differs from revision 1.
	revisions = 3
	// siteForm is the version of the generated site. Increase it if the generated files change.
	siteForm = 1
	minFiles = 20
	seed     = 20261121
)

func (s *site) public() string { return filepath.Join(s.dir, "public") }

// openSite returns the site in the user's cache folder. It generates the site if the folder does
// not have it.
func openSite(ctx context.Context, files int) (*site, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	return siteIn(ctx, filepath.Join(cache, "kv-sync", "bench"), files)
}

// siteIn is openSite with another folder.
func siteIn(ctx context.Context, parent string, files int) (*site, error) {
	s := &site{dir: filepath.Join(parent, fmt.Sprintf("site-%d-%d", siteForm, files))}
	raw, err := os.ReadFile(filepath.Join(s.dir, "facts.json"))
	if os.IsNotExist(err) {
		if err := s.make(ctx, files); err != nil {
			return nil, fmt.Errorf("make the site: %w", err)
		}
		raw, err = os.ReadFile(filepath.Join(s.dir, "facts.json"))
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.siteFacts)
	}
	if err != nil {
		return nil, fmt.Errorf("read the site: %w; remove %s", err, s.dir)
	}
	return s, s.show(0)
}

// make generates the site in another process and creates its folder atomically.
func (s *site) make(ctx context.Context, files int) error {
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(s.dir), "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover in a cache folder is harmless
	cmd, err := self(ctx, "site", tmp, fmt.Sprint(files))
	if err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		return err
	}
	return os.Rename(tmp, s.dir)
}

// show changes the files in public/ to those of a revision.
func (s *site) show(revision int) error {
	for r := range revisions {
		for _, f := range s.Changed[r] {
			if err := revise(filepath.Join(s.public(), filepath.FromSlash(f.Path)), f.Size, r <= revision); err != nil {
				return err
			}
		}
	}
	return nil
}

// revise adds the line break of a revision to a file, or removes it. It does not write a file
// that is already right.
func revise(path string, size int64, revised bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	want := size
	if revised {
		want++
	}
	switch {
	case info.Size() == want:
		return nil
	case !revised:
		return os.Truncate(path, size)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("\n"); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// makeSite generates the site and its repository.
func makeSite(ctx context.Context, dir string, files int) error {
	s := &site{dir: dir, siteFacts: siteFacts{Files: files}}
	all := make([]siteFile, files)
	var content []byte
	for i := range files {
		f := pick(i)
		content = f.write(content[:0])
		all[i] = siteFile{f.path, int64(len(content))}
		s.Bytes += int64(len(content))
		path := filepath.Join(s.public(), filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	s.Changed[1] = all[files/2 : files/2+1]
	for i := 3; i < files; i += 100 {
		if i != files/2 {
			s.Changed[2] = append(s.Changed[2], all[i])
		}
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	raw, err := json.Marshal(s.siteFacts)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "facts.json"), raw, 0o644)
}

// commit creates the repository with a commit for each revision. It packs the objects, as in a
// clone.
func (s *site) commit(ctx context.Context) error {
	if _, err := s.git(ctx, "init", "--quiet", "--initial-branch=main"); err != nil {
		return err
	}
	for r := range revisions {
		if err := s.show(r); err != nil {
			return err
		}
		if _, err := s.git(ctx, "add", "public"); err != nil {
			return err
		}
		if _, err := s.git(ctx, "commit", "--quiet", "--message", fmt.Sprintf("Revision %d", r)); err != nil {
			return err
		}
		id, err := s.git(ctx, "rev-parse", "HEAD")
		if err != nil {
			return err
		}
		s.Commits[r] = strings.TrimSpace(id)
	}
	if _, err := s.git(ctx, "repack", "-a", "-d", "--quiet"); err != nil {
		return err
	}
	return s.show(0)
}

// git runs git in the repository, without the user's configuration.
func (s *site) git(ctx context.Context, args ...string) (string, error) {
	return command.New(command.Options{Dir: s.dir, Environ: without(os.Environ(), "GIT_"), Set: []string{
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z",
	}}).Run(ctx, args...)
}

// kind is a kind of file. The smallest file has low bytes. The range of sizes has octaves, each
// twice as large as the one before, and each has the same number of files. So most files are
// small, as in real sites. The code uses only integers, because floating-point results can differ
// between machines.
type kind struct {
	perMille     int // the number of files among 1,000
	ext          string
	low, octaves int
	text         bool
}

// kinds are the kinds of 999 files among 1,000. One file is large.
var kinds = []kind{
	{600, "html", 1500, 4, true},
	{40, "css", 1200, 6, true},
	{60, "js", 1200, 6, true},
	{150, "json", 350, 5, true},
	{49, "svg", 500, 4, true},
	{100, "webp", 9000, 5, false},
}

var large = kind{1, "jpg", 1_100_000, 1, false}

// generatedFile describes a file of the site. Its content is random with the seed of Rand.
type generatedFile struct {
	path string
	size int
	kind
	*rand.Rand
}

// pick returns the i-th file.
func pick(i int) generatedFile {
	f := generatedFile{kind: large, Rand: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // reproducible
	// Among 1,000 files, n has each value once, because 389 and 1,000 are coprime.
	n := (i*389 + 276) % 1000
	for _, k := range kinds {
		if n < k.perMille {
			f.kind = k
			break
		}
		n -= k.perMille
	}
	octave := f.low << f.IntN(f.octaves)
	f.size = octave + f.IntN(octave)
	slug := fmt.Sprintf("%s-%s-%d", words[i%len(words)], words[i*7%len(words)], i)
	switch {
	case f.ext != "html":
		f.path = fmt.Sprintf("assets/%s/%02x/%s.%s", f.ext, i%64, slug, f.ext)
	case i%2 == 0:
		f.path = fmt.Sprintf("%s/%d/%s/index.html", words[i%8], 2010+i%16, slug)
	default:
		f.path = fmt.Sprintf("docs/%s/%s.html", words[i%40], slug)
	}
	return f
}

// write appends the content of the file. Texts compress like prose, and images do not compress.
func (f generatedFile) write(b []byte) []byte {
	b = append(b, map[string]string{
		"html": "<!doctype html>\n<title>" + f.path + "</title>\n<p>", "css": "/* " + f.path + " */\n", "js": "// " +
			f.path + "\n",
		"json": `{"text": "`, "svg": `<svg xmlns="http://www.w3.org/2000/svg"><desc>`,
		"webp": "RIFF\x00\x00\x00\x00WEBPVP8 ", "jpg": "\xff\xd8\xff\xe0",
	}[f.ext]...)
	for line := 0; len(b) < f.size; {
		if !f.text {
			v := f.Uint64()
			b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
			continue
		}
		// With two random numbers, the first words are frequent and the last words rare.
		word := words[f.IntN(1+f.IntN(len(words)))]
		b = append(append(b, word...), ' ')
		if line += len(word); line > 70 {
			b, line = append(b, '\n'), 0
		}
	}
	return b
}

var words = strings.Fields(`the tide of harbour and stone light water under a long way from north
 river in field it was that for on are with as his they at be this have or by one had not but what all were when we
 there can an your which their said if do will each about how up out them then she many some so these would other into
 has more her two like him see time could no make than first been its who now people my made over did down only find
 use may part sound new work place year live back give most very after thing our just name good sentence man think say
 great where help through much before line right too mean old any same tell boy follow came want show also around form
 three small set put end does another well large must big even such because turn here why ask went men read need land
 different home us move try kind hand picture again change off play spell air away animal house point page letter
 mother answer found study still learn should world`)
