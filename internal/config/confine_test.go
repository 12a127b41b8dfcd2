//go:build unix

package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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

// No configuration is read from outside of the boundary or from git's files, and none
// leads there (promise 13).
func TestConfined(t *testing.T) {
	const canary = "canary-0d1f9c"
	t.Setenv("KV_SYNC_CANARY", canary)
	outside := project(t, map[string]string{
		"kv-sync.toml": "namespace = \"" + canary + "\"", "wrangler.toml": "name = \"" + canary + "\"", "package.json": `{"name": "` + canary + `"}`,
		"public/index.html": canary, "tsconfig.json": "{}",
	})
	for name, c := range map[string]struct {
		files, links, flags, env map[string]string
		want                     string // "" if it is only not read
	}{
		"kv-sync.toml outside":          {links: map[string]string{"kv-sync.toml": outside + "/kv-sync.toml"}, want: "kv-sync.toml: it is not read: it leads to"},
		"kv-sync.toml of git":           {links: map[string]string{"kv-sync.toml": ".git/config"}, want: "one of git's own files"},
		"kv-sync.toml of a process":     {links: map[string]string{"kv-sync.toml": "/proc/self/environ"}, want: "outside of"},
		"kv-sync.toml a device":         {links: map[string]string{"kv-sync.toml": "/dev/zero"}, want: "outside of"},
		"kv-sync.toml a FIFO":           {links: map[string]string{"kv-sync.toml": "FIFO"}, want: "no regular file"},
		"kv-sync.toml of credentials":   {files: map[string]string{".env": "namespace = \"" + canary + "\""}, links: map[string]string{"kv-sync.toml": ".env"}, want: "kv-sync.toml: it is not read: a file of this name holds credentials"},
		"wrangler.toml of credentials":  {files: map[string]string{".env": "name = \"" + canary + "\""}, links: map[string]string{"wrangler.toml": ".env"}, want: "wrangler.toml: it is not read: a file of this name holds credentials"},
		"wrangler.toml outside":         {links: map[string]string{"wrangler.toml": outside + "/wrangler.toml"}, want: "wrangler.toml: it is not read: it leads to"},
		"wrangler.json a FIFO":          {links: map[string]string{"wrangler.json": "FIFO"}},
		"package.json outside":          {links: map[string]string{"package.json": outside + "/package.json"}},
		"package.json a FIFO":           {links: map[string]string{"package.json": "FIFO"}},
		"config names git's":            {files: map[string]string{"kv-sync.toml": `config = ".git/wrangler.toml"`, ".git/wrangler.toml": ""}, want: "config may not be used: it is one of git's own files"},
		"directory names git's":         {files: map[string]string{"kv-sync.toml": `directory = ".git"`}, want: "directory may not be used"},
		"worker names git's":            {files: map[string]string{"kv-sync.toml": `worker = ".git/w.js"`}, want: "worker may not be used"},
		"worker names a process":        {files: map[string]string{"kv-sync.toml": `worker = "/proc/self/environ"`}, want: "worker may not be used"},
		"tsconfig":                      {files: map[string]string{"wrangler.toml": "main = \"w.js\"\ntsconfig = \"" + outside + "/tsconfig.json\""}, want: "tsconfig may not be used"},
		"base_dir":                      {files: map[string]string{"wrangler.toml": "main = \"w.js\"\nbase_dir = \"/etc\""}, want: "base_dir may not be used"},
		"build.cwd":                     {files: map[string]string{"wrangler.toml": "[build]\ncommand = \"x\"\ncwd = \".git\""}, want: "build.cwd may not be used"},
		"main of a file outside":        {files: map[string]string{}, flags: map[string]string{"config": outside + "/main.toml"}, want: "worker may not be used"},
		"directory by the environment":  {env: map[string]string{"KV_SYNC_DIR": outside}, want: "KV_SYNC_DIR: directory may not be used"},
		"config by the environment":     {env: map[string]string{"KV_SYNC_CONFIG": outside + "/wrangler.toml"}, want: "KV_SYNC_CONFIG: config may not be used"},
		"directory by a flag is a link": {links: map[string]string{"dist": outside + "/public"}, flags: map[string]string{"directory": "dist"}, want: "--dir: directory may not be used: it leads to"},
		"directory by a flag is git's":  {links: map[string]string{"dist": ".git"}, flags: map[string]string{"directory": "dist"}, want: "one of git's own files"},
		"config by a flag is a link":    {links: map[string]string{"w.toml": outside + "/wrangler.toml"}, flags: map[string]string{"config": "w.toml"}, want: "config may not be used"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{".git/config": canary, "public/index.html": ""}
			for name, text := range c.files {
				files[name] = text
			}
			if name == "main of a file outside" {
				if err := os.WriteFile(filepath.Join(outside, "main.toml"), []byte(`main = "w.js"`), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			root := project(t, files)
			for name, target := range c.links {
				var err error
				if target == "FIFO" {
					err = syscall.Mkfifo(filepath.Join(root, name), 0o600)
				} else {
					err = os.Symlink(target, filepath.Join(root, name))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			s, notices, err := Load(Inputs{Root: root, Flags: c.flags, Getenv: func(name string) string { return c.env[name] }})
			text := ""
			for _, n := range notices {
				text += n.String() + "\n"
			}
			if err != nil {
				text += err.Error()
			} else {
				text += s.Name + s.Namespace
			}
			t.Log(text)
			if strings.Contains(text, canary) {
				t.Error("it was read")
			}
			if (err == nil) != (c.want == "") || !strings.Contains(text, c.want) {
				t.Errorf("%q is missing", c.want)
			}
		})
	}
	// A project's folder may be a symlink as well.
	root := project(t, map[string]string{"kv-sync.toml": ""})
	if err := os.Symlink(outside, filepath.Join(root, "shop")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(Inputs{Root: filepath.Join(root, "shop"), Boundary: below(t, root)}); err == nil || !strings.Contains(err.Error(), "the project's folder") {
		t.Errorf("a project outside: %v", err)
	}
}
