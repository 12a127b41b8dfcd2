package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	oneLineFix = "write one line of text"
	nameFix    = "write lower-case letters, digits, - and _, at most 63"
	retryFix   = "it contains spaces, line breaks or other invalid characters; copy it again"
)

const (
	edgeCacheFix   = "write true, false, or a number of seconds, at most a year, such as 86400"
	overlayFix     = "write a table [overlay], or overlay = false"
	retainFix      = "write a number from 1 to 100; Cloudflare does not roll back further"
	graceFix       = `write a time from an hour to a year, such as "24h"`
	parallelFix    = "write a number from 1 to 64"
	memoryCacheFix = `write false, or a size of at most 64 MiB, such as "16MiB"`
	memoryFix      = `write a size of at least 32 MiB, such as "64MiB"`
)

// manyLines returns more than n different lines that begin with prefix.
func manyLines(prefix string, n int) string {
	lines := make([]string, n+1)
	for i := range lines {
		lines[i] = prefix + strconv.Itoa(i)
	}
	return strings.Join(lines, "\n")
}

// inputs returns a project in which the key can be set.
func (k keyTest) inputs(t *testing.T, files map[string]string) Inputs {
	t.Helper()
	all := maps.Clone(k.files)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, files)
	flags := maps.Clone(k.with)
	if flags == nil {
		flags = map[string]string{}
	}
	return Inputs{Root: project(t, siteFiles(all)), Flags: flags}
}

// Every setting accepts its valid values, and refuses others with a message that names
// the setting, the value and what to write.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	for _, k := range keys {
		tt, ok := keyTests[k.name]
		if !ok {
			t.Errorf("keyTests has no entry for %s", k.name)
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			in := tt.inputs(t, nil)
			s, _ := mustLoad(t, in)
			if d := cmp.Diff(tt.unset, tt.get(s)); d != "" {
				t.Errorf("the default (-want +got):\n%s", d)
			}
			for _, text := range append(slices.Clone(tt.more), tt.values[:]...) {
				in.Flags[k.name] = text
				mustLoad(t, in)
			}
			for text, fix := range tt.refused {
				in.Flags[k.name] = text
				_, _, err := Load(in)
				want := fmt.Sprintf("  --%s: %s is %.60q; ", strings.Replace(k.name, "directory", "dir", 1), k.name, text)
				switch k.name {
				case "api-token":
					want = "  --api-token: the API token is invalid; "
				case "api-key":
					want = "  --api-key: the API key is invalid; "
				}
				if err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), fix) {
					t.Errorf("%q: error %v, want %s%s", text, err, want, fix)
				}
			}
		})
	}
	if len(keyTests) != len(keys) {
		t.Errorf("%d entries for %d settings", len(keyTests), len(keys))
	}
}

// source is one of the places that can set a key.
type source struct {
	name  string
	where string // a regular expression of what Where returns
	apply func(in *Inputs, files, env map[string]string, text string)
}

// sources returns the places that can set a key, in order of precedence.
func (k key) sources(tt keyTest) []source {
	flag := strings.Replace(k.name, "directory", "dir", 1)
	list := []source{{"flag", "^--" + flag + "$", func(in *Inputs, _, _ map[string]string, text string) {
		in.Flags[k.name] = text
	}}}
	for _, variable := range k.env {
		list = append(list, source{variable, "^" + variable + "$", func(_ *Inputs, _, env map[string]string, text string) {
			env[variable] = text
		}})
	}
	if k.file {
		toml := tt.toml
		if toml == nil {
			toml = strconv.Quote
		}
		list = append(list, source{ProjectFile, "^kv-sync.toml:2$", func(_ *Inputs, files, _ map[string]string, text string) {
			files[ProjectFile] = "\n" + k.name + " = " + toml(text) + "\n"
		}})
	}
	if tt.wrangler != nil {
		list = append(list, source{"wrangler.json", "^wrangler.json:2$|^the default$",
			func(_ *Inputs, files, _ map[string]string, text string) {
				files["wrangler.json"] = "{\n" + tt.wrangler(text) + "}"
			}})
	}
	return list
}

// The order of precedence is: flag, environment variables in their order, kv-sync.toml,
// wrangler file. The test compares every two sources of every setting.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	for _, k := range keys {
		tt := keyTests[k.name]
		list := k.sources(tt)
		for i, stronger := range list {
			for _, weaker := range list[i:] {
				name := k.name + "/" + stronger.name + "_before_" + weaker.name
				t.Run(name, func(t *testing.T) {
					files, env := map[string]string{}, map[string]string{}
					in := Inputs{Flags: map[string]string{}}
					weaker.apply(&in, files, env, tt.values[1])
					stronger.apply(&in, files, env, tt.values[0])
					flags := in.Flags
					in = tt.inputs(t, files)
					maps.Copy(in.Flags, flags)
					in.Getenv = environ(env)
					s, _ := mustLoad(t, in)
					if d := cmp.Diff(tt.want[0], tt.get(s)); d != "" {
						t.Errorf("(-want +got):\n%s", d)
					}
					if !regexp.MustCompile(stronger.where).MatchString(s.Where(k.name)) {
						t.Errorf("it comes from %s, want %s", s.Where(k.name), stronger.where)
					}
				})
			}
		}
	}
}

// A key that only the environment may set is refused in a file. The error names key and line.
func TestEnvironmentOnlyKeys(t *testing.T) {
	t.Parallel()
	for _, k := range keys {
		if k.file {
			continue
		}
		in := keyTests[k.name].inputs(t, map[string]string{ProjectFile: "\n" + k.name + ` = "x"`})
		_, _, err := Load(in)
		want := fmt.Sprintf("kv-sync.toml:2: %s cannot be set in a file; set it in the environment: %s", k.name, k.env[0])
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A value of another type is refused. The error says what to write instead.
func TestValueTypes(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{"7": "a number", "true": "a boolean", "[1]": "a list", "{}": "an object"}
	for _, k := range keys {
		if !k.file || k.name == "overlay" {
			continue
		}
		for literal, kind := range kinds {
			accepted := literal == "7" && slices.Contains(numeric, k.name) ||
				literal == "true" && slices.Contains(switches, k.name)
			in := keyTests[k.name].inputs(t, map[string]string{ProjectFile: k.name + " = " + literal})
			_, _, err := Load(in)
			want := fmt.Sprintf("kv-sync.toml:1: %s is %s; ", k.name, kind)
			if literal == "[1]" && patternLists[k.name] != "" {
				want = fmt.Sprintf("kv-sync.toml:1: %s[0] is a number, not a string; put it in quotes", k.name)
			}
			if refused := err != nil && strings.Contains(err.Error(), want); refused == accepted {
				t.Errorf("%s = %s: error %v, want %s", k.name, literal, err, want)
			}
		}
	}
	for text, want := range map[string]string{
		"name = 7":          `name is a number; put it in quotes: name = "7"`,
		"retain = true":     "retain is a boolean; " + retainFix,
		"grace = 24":        "grace is a number; " + graceFix,
		"source = false":    `source is a boolean; write "auto", "commit" or "folder"`,
		`branch = ["main"]`: `branch is a list; write one value, in quotes: branch = "…"`,
		"ignore = 5":        `ignore is a number; write a list of patterns: ignore = ["*.map"]`,
		"retire = true":     `retire is a boolean; write a list of patterns: retire = ["/assets/*"]`,
		"overlay = 1":       "overlay is a number, not a table; write the line [overlay]",
	} {
		_, _, err := Load(Inputs{Root: project(t, siteFiles(map[string]string{ProjectFile: text}))})
		if err == nil || !strings.Contains(err.Error(), "kv-sync.toml:1: "+want) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

// docs/configuration.md has a row for each setting of kv-sync.toml, with the right variable
// and default, and no other rows.
func TestDocumentedKeys(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| key | variable | default | is |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") {
			rows[strings.Trim(cells[0], "| `")] = cells
		}
	}
	if got, want := slices.Sorted(maps.Keys(rows)), slices.Sorted(slices.Values(fileKeys())); !slices.Equal(got, want) {
		t.Fatalf("the document has %q, want %q", got, want)
	}
	for name, cells := range rows {
		k, tt := keyNamed(name), keyTests[name]
		if len(k.env) > 0 && !strings.HasPrefix(cells[1], "`"+k.env[0]+"`") {
			t.Errorf("%s: variable %s, want %s", name, cells[1], k.env[0])
		}
		if tt.documented != "" && cells[2] != "`"+tt.documented+"`" {
			t.Errorf("%s: default %s, want %s", name, cells[2], tt.documented)
		}
	}
}

func TestExportedChecks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		check func(string) bool
		text  string
		want  bool
	}{
		{ValidName, "shop", true}, {ValidName, "Shop", false}, {ValidName, "", false},
		{ValidAccount, "0123abc", true}, {ValidAccount, "a/b", false}, {ValidAccount, strings.Repeat("a", 65), false},
		{ValidMemory, "64MiB", true}, {ValidMemory, "1MiB", false}, {ValidMemory, "x", false},
	} {
		if tt.check(tt.text) != tt.want {
			t.Errorf("%q is accepted: %v", tt.text, !tt.want)
		}
	}
}
