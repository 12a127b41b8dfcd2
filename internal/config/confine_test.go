//go:build unix

package config

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

func below(t *testing.T, top string) *boundary.Boundary {
	t.Helper()
	b, err := boundary.New(top)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// link makes a symlink, or a FIFO if target is that word.
func link(t *testing.T, root, name, target string) {
	t.Helper()
	file := filepath.Join(root, name)
	err := os.Symlink(target, file)
	if target == "FIFO" {
		_ = os.Remove(file)
		err = syscall.Mkfifo(file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// canary is the content of the files outside. No setting or message may contain it.
const canary = "canary-0d1f9c"

// escape is a configuration that leads out of the boundary. OUTSIDE is replaced by a folder
// outside.
type escape struct {
	files, links, flags, env map[string]string
	// want is what Load reports. "" means that the file is silently not read.
	want string
}

func own(link string) map[string]string { return map[string]string{ProjectFile: link} }

var escapes = map[string]escape{
	"kv-sync.toml outside": {
		links: own("OUTSIDE/kv-sync.toml"), want: "kv-sync.toml: the file is not read: it leads to",
	},
	"kv-sync.toml of git":       {links: own(".git/config"), want: "one of git's own files"},
	"kv-sync.toml of a process": {links: own("/proc/self/environ"), want: "outside of"},
	"kv-sync.toml a device":     {links: own("/dev/zero"), want: "outside of"},
	"kv-sync.toml a FIFO":       {links: own("FIFO"), want: "not a regular file"},
	"kv-sync.toml of credentials": {
		files: map[string]string{".env": "namespace = \"" + canary + "\""}, links: own(".env"),
		want: "kv-sync.toml: the file is not read: files of this name have credentials",
	},
	"wrangler.toml of credentials": {
		files: map[string]string{".env": "name = \"" + canary + "\""}, links: map[string]string{"wrangler.toml": ".env"},
		want: "wrangler.toml: the file is not read: files of this name have credentials",
	},
	"wrangler.toml outside": {
		links: map[string]string{"wrangler.toml": "OUTSIDE/wrangler.toml"},
		want:  "wrangler.toml: the file is not read: it leads to",
	},
	"wrangler.json a FIFO": {links: map[string]string{"wrangler.json": "FIFO"}},
	"package.json outside": {links: map[string]string{"package.json": "OUTSIDE/package.json"}},
	"package.json a FIFO":  {links: map[string]string{"package.json": "FIFO"}},
	"config names git's": {
		files: map[string]string{ProjectFile: `config = ".git/wrangler.toml"`, ".git/wrangler.toml": ""},
		want:  "config may not be used: it is one of git's own files",
	},
	"directory names git's":  {files: own(`directory = ".git"`), want: "directory may not be used"},
	"worker names git's":     {files: own(`worker = ".git/w.js"`), want: "worker may not be used"},
	"worker names a process": {files: own(`worker = "/proc/self/environ"`), want: "worker may not be used"},
	"tsconfig": {
		files: wranglerTOML("main = \"w.js\"\ntsconfig = \"OUTSIDE/t.json\""), want: "tsconfig may not be used",
	},
	"base_dir": {
		files: wranglerTOML("main = \"w.js\"\nbase_dir = \"/etc\""), want: "base_dir may not be used",
	},
	"build.cwd": {
		files: wranglerTOML("[build]\ncommand = \"x\"\ncwd = \".git\""), want: "build.cwd may not be used",
	},
	"main of a file outside": {flags: map[string]string{"config": "OUTSIDE/main.toml"}, want: "worker may not be used"},
	"a public folder outside": {
		links: map[string]string{"dist": "OUTSIDE/public"}, files: map[string]string{"public/index.html": "-"},
		want: "dist: directory may not be used",
	},
	"directory by a variable": {
		env: map[string]string{"KV_SYNC_DIR": "OUTSIDE"}, want: "KV_SYNC_DIR: directory may not be used",
	},
	"config by a variable": {
		env: map[string]string{"KV_SYNC_CONFIG": "OUTSIDE/wrangler.toml"}, want: "KV_SYNC_CONFIG: config may not be used",
	},
	"directory by a flag, link": {
		links: map[string]string{"dist": "OUTSIDE/public"}, flags: map[string]string{"directory": "dist"},
		want: "--dir: directory may not be used: it leads to",
	},
	"directory by a flag, missing": {
		flags: map[string]string{"directory": "OUTSIDE/a\x00b"}, want: "--dir: directory is",
	},
	"directory by a flag, git's": {
		links: map[string]string{"dist": ".git"}, flags: map[string]string{"directory": "dist"},
		want: "one of git's own files",
	},
	"config by a flag, link": {
		links: map[string]string{"w.toml": "OUTSIDE/wrangler.toml"}, flags: map[string]string{"config": "w.toml"},
		want: "config may not be used",
	},
}

// replaced returns m with OUTSIDE replaced in its values.
func replaced(m map[string]string, outside string) map[string]string {
	out := maps.Clone(m)
	for k, v := range out {
		out[k] = strings.ReplaceAll(v, "OUTSIDE", outside)
	}
	return out
}

// No configuration file is read if it is outside of the boundary or one of git's own. A path
// in a configuration file cannot be there, either.
func TestConfined(t *testing.T) {
	t.Setenv("KV_SYNC_CANARY", canary)
	outside := project(t, map[string]string{
		"kv-sync.toml": "namespace = \"" + canary + "\"", "wrangler.toml": "name = \"" + canary + "\"",
		"package.json": `{"name": "` + canary + `"}`, "public/index.html": canary, "t.json": "{}",
		"main.toml": `main = "w.js"`,
	})
	for name, c := range escapes {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{".git/config": canary, "public/index.html": ""}
			maps.Copy(files, replaced(c.files, outside))
			if files["public/index.html"] == "-" {
				delete(files, "public/index.html")
			}
			root := project(t, files)
			for name, target := range replaced(c.links, outside) {
				link(t, root, name, target)
			}
			s, refused, noticed := reported(t, Inputs{
				Root: root, Flags: replaced(c.flags, outside), Getenv: environ(replaced(c.env, outside)),
			})
			text := strings.Join(append(noticed, refused...), "\n")
			if s != nil {
				text += s.Name + s.Namespace
			}
			if strings.Contains(text, canary) {
				t.Errorf("the file was read: %s", text)
			}
			if (len(refused) == 0) != (c.want == "") || !strings.Contains(text, c.want) {
				t.Errorf("%q is missing in %s", c.want, text)
			}
		})
	}
}

// A project's folder that is a symlink out of the boundary is refused.
func TestProjectFolderOutside(t *testing.T) {
	t.Parallel()
	outside := project(t, siteFiles(nil))
	root := project(t, map[string]string{"kv-sync.toml": ""})
	link(t, root, "shop", outside)
	_, _, err := Load(Inputs{Root: filepath.Join(root, "shop"), Boundary: below(t, root)})
	if err == nil ||
		!strings.Contains(err.Error(), "the project's folder "+filepath.Join(root, "shop")+" may not be used") {
		t.Errorf("a project outside: %v", err)
	}
}

func TestSymlinkOutOfTheRepository(t *testing.T) {
	t.Parallel()
	outside := project(t, map[string]string{"wrangler.toml": "name = \"evil\"", "index.html": ""})
	for _, line := range []string{
		`config = "link/wrangler.toml"`, `directory = "link"`, `directory = "link/not/there"`, `worker = "link/w.js"`,
	} {
		root := project(t, siteFiles(ownFile(line)))
		link(t, root, "link", outside)
		_, refused, _ := reported(t, Inputs{Root: root})
		if len(refused) != 1 || !strings.HasPrefix(refused[0], "kv-sync.toml:1: ") ||
			!strings.Contains(refused[0], "may not be used: it leads to "+outside) {
			t.Errorf("%s: %q", line, refused)
		}
	}
	// A flag may name a path outside.
	s, _ := mustLoad(t, Inputs{Root: project(t, siteFiles(nil)), Flags: map[string]string{
		"directory": outside, "config": filepath.Join(outside, "wrangler.toml"),
	}})
	if s.Directory != filepath.ToSlash(outside) || s.Name != "evil" {
		t.Errorf("directory %s, name %s", s.Directory, s.Name)
	}
}

func TestProjectInsideOfARepository(t *testing.T) {
	t.Parallel()
	repository := project(t, map[string]string{
		"apps/site/kv-sync.toml": "config = \"../../deploy/wrangler.toml\"\ndirectory = \"../../out\"",
		"deploy/wrangler.toml": "name = \"site\"\nmain = \"src/index.ts\"\ncompatibility_date = \"2026-01-01\"\n" +
			"tsconfig = \"tsconfig.worker.json\"",
	})
	s, _ := mustLoad(t, Inputs{Root: filepath.Join(repository, "apps/site"), Boundary: below(t, repository)})
	if s.Directory != "../../out" || s.Code.Main != "../../deploy/src/index.ts" ||
		s.Code.Tsconfig != "../../deploy/tsconfig.worker.json" {
		t.Errorf("directory %s, main %s, tsconfig %s", s.Directory, s.Code.Main, s.Code.Tsconfig)
	}
	if got := s.Where("worker"); got != "../../deploy/wrangler.toml:2" {
		t.Errorf("worker comes from %s", got)
	}
}

// In a bare repository all files are below git's own folder, and exist only in the commit.
func TestPathsInABareRepository(t *testing.T) {
	t.Parallel()
	root := project(t, map[string]string{"HEAD": "ref: refs/heads/main\n", "objects/x": "", "refs/x": "", "config": ""})
	commit := fstest.MapFS{"public/index.html": {Data: []byte("x")}, "w.js": {Data: []byte("x")}}
	s, _ := mustLoad(t, Inputs{Root: root, Commit: commit, Flags: map[string]string{"name": "x", "worker": "w.js"}})
	if s.Directory != "public" || s.Code.Main != "w.js" {
		t.Errorf("directory %s, Worker %s", s.Directory, s.Code.Main)
	}
}
