package config

import (
	"slices"
	"strings"
	"testing"
)

const (
	outsideFix  = "name a path inside; only the flag, or the Action's input, can name one outside"
	tooDeep     = "brackets are nested too deeply; correct the file there"
	badLanguage = "the file's name ends in none of .json, .jsonc and .toml; correct the file there"
)

// refusal is a configuration and the errors that it causes, in their order. ROOT in an
// error is the project's folder.
type refusal struct {
	name  string
	files map[string]string
	flags map[string]string
	env   map[string]string
	want  []string
}

func ownFile(text string) map[string]string      { return map[string]string{ProjectFile: text} }
func wranglerTOML(text string) map[string]string { return map[string]string{"wrangler.toml": text} }
func wranglerJSON(text string) map[string]string { return map[string]string{"wrangler.json": text} }

// refusals are errors of files, flags and the environment. Errors of single settings are in
// keyTests, and those of a wrangler file's sections in testdata/sections.txt.
var refusals = []refusal{
	{
		name: "a misspelled key", files: ownFile("name = \"a\"\n\nretian = 3"),
		want: []string{`kv-sync.toml:3: retian is not understood; did you mean "retain"?`},
	},
	{
		name: "an unknown key", files: ownFile("colour = 3"),
		want: []string{"kv-sync.toml:1: colour is not understood; remove it"},
	},
	{
		name: "keys of other tools", files: ownFile("domain = \"a.example\"\npublic = \"dist\"\nspa = true"),
		want: []string{
			"kv-sync.toml:1: domain is not understood; " + elsewhereSet,
			`kv-sync.toml:2: public is not understood; name the folder that is published with "directory"`,
			`kv-sync.toml:3: spa is not understood; write not-found = "single-page-application"`,
		},
	},
	{
		name:  "several errors",
		files: ownFile("name = 7\ngrace = \"soon\"\nsource = \"git\""),
		want: []string{
			`kv-sync.toml:1: name is a number; put it in quotes: name = "7"`,
			`kv-sync.toml:2: grace is "soon"; ` + graceFix,
			`kv-sync.toml:3: source is "git"; write "auto", "commit" or "folder"`,
		},
	},
	{
		name: "the API's address in a file", files: ownFile(`api-base-url = "https://evil.example"`),
		want: []string{"kv-sync.toml:1: api-base-url cannot be set in a file; " +
			"set it in the environment: CLOUDFLARE_API_BASE_URL"},
	},
	{
		name: "an unknown flag", flags: map[string]string{"naem": "x"},
		want: []string{"--naem: there is no such setting; remove it"},
	},
	{
		name: "an invalid variable", env: map[string]string{"KV_SYNC_RETAIN": "0"},
		want: []string{`KV_SYNC_RETAIN: retain is "0"; ` + retainFix},
	},

	{
		name: "a folder outside", files: ownFile(`directory = "../other"`),
		want: []string{"kv-sync.toml:1: directory may not be used: it is outside of ROOT; " + outsideFix},
	},
	{
		name: "a wrangler file outside", files: ownFile("\nconfig = \"../wrangler.toml\""),
		want: []string{"kv-sync.toml:2: config may not be used: it is outside of ROOT; " + outsideFix},
	},
	{
		name: "a Worker outside", files: wranglerTOML("\nmain = \"/etc/passwd\""),
		want: []string{"wrangler.toml:2: worker may not be used: it is outside of ROOT; name a path inside"},
	},
	{
		name: "assets outside", files: wranglerTOML("[assets]\ndirectory = \"../x\""),
		want: []string{"wrangler.toml:2: directory may not be used: it is outside of ROOT; " + outsideFix},
	},
	{
		name: "a tsconfig outside", files: wranglerTOML("main = \"w.js\"\ntsconfig = \"/etc/t.json\""),
		want: []string{"wrangler.toml:2: tsconfig may not be used: it is outside of ROOT; name a path inside"},
	},
	{
		name: "a base_dir outside", files: wranglerTOML("main = \"w.js\"\nbase_dir = \"..\""),
		want: []string{"wrangler.toml:2: base_dir may not be used: it is outside of ROOT; name a path inside"},
	},

	{
		name: "a missing wrangler file", flags: map[string]string{"config": "deploy/wrangler.toml"},
		want: []string{`deploy/wrangler.toml: the file does not exist; correct "config"`},
	},
	{
		name: "a wrangler file in another language", files: map[string]string{"w.yaml": ""},
		flags: map[string]string{"config": "w.yaml"}, want: []string{"w.yaml: " + badLanguage},
	},
	{
		name: "a folder instead of a file", files: map[string]string{"kv-sync.toml/x": ""},
		want: []string{"kv-sync.toml: this is not a regular file; replace it by a file, or remove it"},
	},
	{
		name: "an environment without a file", flags: map[string]string{"env": "prod"},
		want: []string{`--env: there is no wrangler file that could have an environment "prod"; remove --env`},
	},
	{
		name: "an unknown environment", files: wranglerTOML("[env.staging]\nname = \"s\""),
		flags: map[string]string{"env": "prod"},
		want:  []string{`wrangler.toml:1: there is no environment "prod"; choose "staging"`},
	},
	{
		name: "an environment of a file without any", files: wranglerTOML("name = \"s\""),
		flags: map[string]string{"env": "prod"},
		want:  []string{`wrangler.toml: there is no environment "prod"; remove --env`},
	},

	{
		name: "invalid JSON", files: wranglerJSON("{\n \"name\": }"),
		want: []string{"wrangler.json:2: invalid character '}' at start of value; correct the file there"},
	},
	{
		name: "a JSON member twice", files: wranglerJSON("{\n \"name\": \"a\",\n \"name\": \"b\"}"),
		want: []string{`wrangler.json:3: "name" is set twice; correct the file there`},
	},
	{
		name: "JSON that is a list", files: wranglerJSON("[]"),
		want: []string{"wrangler.json:1: the file contains a list, not an object; correct the file there"},
	},
	{
		name: "JSON of brackets", files: wranglerJSON(strings.Repeat("[", 1<<17)),
		want: []string{"wrangler.json: " + tooDeep},
	},
	{
		name:  "JSON nested deeply, below the limit of brackets",
		files: wranglerJSON(`{"vars":{"A":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}}"),
		want:  []string{"wrangler.json:1: " + tooDeep},
	},
	{
		name: "a TOML key twice", files: wranglerTOML("name = \"a\"\nname = \"b\""),
		want: []string{"wrangler.toml:2: Key 'name' has already been defined.; correct the file there"},
	},
	{
		name:  "a TOML key that would keep the decoder busy for minutes",
		files: wranglerTOML(strings.Repeat("a.", 1<<16) + "a = 1"),
		want:  []string{"wrangler.toml:1: a key is nested too deeply; correct the file there"},
	},
	{
		name: "TOML of brackets", files: wranglerTOML("a = " + strings.Repeat("[", 1<<17)),
		want: []string{"wrangler.toml: " + tooDeep},
	},
	{
		name:  "TOML nested deeply, below the limit of brackets",
		files: wranglerTOML("a = " + strings.Repeat("[", 500) + strings.Repeat("]", 500)),
		want:  []string{"wrangler.toml:1: " + tooDeep},
	},
	{
		name: "a TOML number that JSON does not have", files: wranglerTOML("[vars]\nA = inf"),
		want: []string{"wrangler.toml:2: vars.A is a number that JSON cannot represent; correct the file there"},
	},
	{
		name: "a TOML date", files: wranglerTOML("compatibility_date = 2026-01-01"),
		want: []string{
			"wrangler.toml:1: compatibility_date is a date without quotes; put it in quotes; correct the file there",
		},
	},
	{
		name: "a large file", files: wranglerTOML(strings.Repeat("#", 1<<18+1)),
		want: []string{"wrangler.toml: the file is too large for a configuration file; make it smaller than 256 KiB"},
	},

	{
		name: "migrations without a Worker", files: wranglerTOML("[[migrations]]\ntag = \"v1\"\nnew_classes = [\"A\"]"),
		want: []string{"the default: there are Durable Object migrations, but no Worker that has the classes; " +
			`name the Worker's file in "main"`},
	},
	{
		name: "a site and a project", flags: map[string]string{"name": "a", "project": "shop"},
		want: []string{
			"--name: a site and a project are named at once; the project is set by --project; remove one of the two",
		},
	},
}

// Each of the refusals has exactly the expected errors.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := siteFiles(tt.files)
			in := Inputs{Root: project(t, files), Flags: tt.flags, Getenv: environ(tt.env)}
			_, got, _ := reported(t, in)
			for i := range got {
				got[i] = replaceRoot(got[i], in.Root)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("errors\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// The error lists all problems, one per line.
func TestErrorText(t *testing.T) {
	t.Parallel()
	_, _, err := Load(Inputs{Root: project(t, siteFiles(ownFile("retain = 0\ngrace = \"1s\"")))})
	want := "the configuration is invalid; nothing was sent:\n" +
		"  kv-sync.toml:1: retain is \"0\"; " + retainFix + "\n" +
		"  kv-sync.toml:2: grace is \"1s\"; " + graceFix
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A setting without effect is a notice, not an error.
func TestNoticed(t *testing.T) {
	t.Parallel()
	dated := "main = \"w.js\"\ncompatibility_date = \"2026-01-01\"\n"
	for _, tt := range []refusal{
		{name: "nothing", files: ownFile("name = \"a\"")},
		{
			name: "another name in the wrangler file", files: map[string]string{
				ProjectFile: "name = \"a\"", "wrangler.toml": "name = \"b\"",
			},
			want: []string{"kv-sync.toml:1: this name is used, not the one in wrangler.toml:1"},
		},
		{
			name: "the same name", files: map[string]string{ProjectFile: "name = \"a\"", "wrangler.toml": "name = \"a\""},
		},
		{
			name: "several wrangler files", files: map[string]string{
				"wrangler.json": `{"name": "a"}`, "wrangler.toml": "name = \"b\"",
			},
			want: []string{`wrangler.json: this file is used, wrangler.toml is not; ` +
				`remove the files that are not needed, or choose one with "config"`},
		},
		{
			name: "a wrangler file of a build tool", files: map[string]string{
				"wrangler.json": `{"name": "a"}`, ".wrangler/deploy/config.json": `{"configPath": "../../out.json"}`,
				"out.json": `{"name": "a"}`,
			},
			want: []string{".wrangler/deploy/config.json: the build generated out.json, which is used, as with wrangler"},
		},
		{
			name: "an old variable", files: ownFile("name = \"a\""), env: map[string]string{"CF_API_TOKEN": "s3cret"},
			want: []string{"CF_API_TOKEN: this is the variable's old name; it still works; " +
				"rename it to CLOUDFLARE_API_TOKEN"},
		},
		{
			name: "no compatibility date", files: wranglerTOML("name = \"a\"\nmain = \"w.js\""),
			want: []string{`wrangler.toml:2: the file has no "compatibility_date", so ` + DefaultCompatibilityDate +
				" is used; write the date that the Worker was tested with"},
		},
		{
			name: "environments", files: wranglerTOML("name = \"a\"\n[env.b]\n[env.c]"),
			want: []string{"wrangler.toml:2: the top level of the file is used, none of its environments; " +
				"choose one with --env b, --env c"},
		},
		{
			name: "a section that is not inherited", flags: map[string]string{"env": "b"},
			files: wranglerTOML("name = \"a\"\n[vars]\nA = \"x\"\n[env.b]"),
			want: []string{`wrangler.toml:2: vars is not inherited, so environment "b" has none, as with wrangler; ` +
				"repeat it in env.b if the environment needs it"},
		},
		{
			name: "retire without code", files: ownFile("name = \"a\"\nretire = [\"/a\"]"),
			want: []string{"kv-sync.toml:2: retire has no effect: no code gets requests, " +
				"so every removed file stays reachable for open tabs; remove it"},
		},
		{
			name: "a build", files: wranglerTOML("name = \"a\"\n" + dated + "[build]\ncommand = \"make\""),
			want: []string{"wrangler.toml:5: build.command is not run: kv-sync publishes the files as they are; " +
				"run the build before kv-sync"},
		},
		{
			name: "a cache for a project", files: ownFile("project = \"shop\"\nedge-cache = 60"),
			want: []string{"kv-sync.toml:2: this has no effect: the responses of a project are not cached in front of " +
				"its loader; remove it"},
		},
		{
			name: "memory of a project", files: ownFile("project = \"shop\"\nmemory-cache = \"16MiB\""),
			want: []string{"kv-sync.toml:2: this has no effect: all projects of a loader share its memory; remove it"},
		},
		{
			name: "rights of a project", files: ownFile("project = \"shop\"\n[overlay]\nwrite = true"),
			want: []string{"kv-sync.toml:2: write and rules have no effect on a project: its loader gives the rights; " +
				"remove them"},
		},
		{
			name:  "handling in the layout kv-assets",
			files: ownFile("name = \"a\"\nlayout = \"kv-assets\"\nhtml-handling = \"none\"\nedge-cache = 60"),
			want: []string{
				`kv-sync.toml:3: html-handling has no effect in the layout "kv-assets": ` +
					"the Worker's own code serves the files; remove it",
				`kv-sync.toml:4: edge-cache has no effect in the layout "kv-assets": ` +
					"the Worker's own code serves the files; remove it",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, refused, got := reported(t, Inputs{Root: project(t, siteFiles(tt.files)), Flags: tt.flags,
				Getenv: environ(tt.env)})
			if !slices.Equal(got, tt.want) || len(refused) > 0 {
				t.Errorf("notices\n%s\nwant\n%s\nerrors %q", strings.Join(got, "\n"), strings.Join(tt.want, "\n"), refused)
			}
		})
	}
}
