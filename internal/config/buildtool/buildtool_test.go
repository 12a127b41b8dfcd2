package buildtool

import (
	"strings"
	"testing"
)

type files map[string]string

func (f files) IsFile(name string) bool { _, ok := f[name]; return ok }

func (f files) IsDir(name string) bool {
	for n := range f {
		if strings.HasPrefix(n, name+"/") {
			return true
		}
	}
	return false
}

func (f files) Read(name string) []byte { return []byte(f[name]) }

func TestOf(t *testing.T) {
	t.Parallel()
	const vite = `{"scripts": {"build": "b"}, "dependencies": {"vite": "8"}}`
	for name, c := range map[string]struct {
		files files
		want  Tool // zero is none
	}{
		"a configuration file": {files{"astro.config.mjs": ""}, Tool{"astro.config.mjs", "npx astro build", false, true}},
		"with a package": {
			files{"next.config.ts": "", "package.json": vite}, Tool{"next.config.ts", "npm run build", false, true},
		},
		"a package with a build": {files{"package.json": vite}, Tool{"package.json", "npm run build", false, false}},
		"after a byte order mark": {
			files{"package.json": "\ufeff" + vite}, Tool{"package.json", "npm run build", false, false},
		},
		"yarn": {
			files{"package.json": vite, "yarn.lock": ""}, Tool{"package.json", "yarn run build", false, false},
		},
		"bun": {
			files{"package.json": vite, "bun.lock": ""}, Tool{"package.json", "bun run build", false, false},
		},
		"Hugo": {files{"hugo.toml": ""}, Tool{"hugo.toml", "hugo", true, true}},
		"a package beside its input": {
			files{"package.json": `{"devDependencies": {"vite": "8"}}`, "index.html": ""},
			Tool{"package.json", "npx vite build", false, false},
		},
		"a package alone": {files{"package.json": `{"devDependencies": {"vite": "8"}}`}, Tool{}},
		"a script alone":  {files{"package.json": `{"scripts": {"build": "tsc"}}`}, Tool{}},
		"damaged":         {files{"package.json": `{"scripts"`}, Tool{}},
	} {
		got := Of(c.files)
		if got == nil {
			got = &Tool{}
		}
		if *got != c.want {
			t.Errorf("%s: %+v, want %+v", name, *got, c.want)
		}
	}
}

func TestUnbuilt(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"<link href=%PUBLIC_URL%/i>":                    "%PUBLIC_URL%",
		"<title><%= htmlWebpackPlugin.options.title %>": "<%= htmlWebpackPlugin.options.title %>",
		"<script><%= name %></script>":                  "",
		"":                                              "",
	} {
		if got := Unbuilt(files{"public/index.html": page}, "public"); got != want {
			t.Errorf("%s: %q, want %q", page, got, want)
		}
	}
}
