package options_test

import (
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
)

var update = flag.Bool("update", false, "write action.yml and the tables in docs/")

// place is a section of a document that has lines about options.
type place struct {
	file string
	// after is the line that begins the section. In Markdown the options are in its first table.
	after string
	of    []*options.Option
	// key returns the beginning of an option's first line, text returns all of its lines.
	key, text func(*options.Option) string
}

func places() []place {
	only := func(list []*options.Option, keep func(*options.Option) bool) []*options.Option {
		return slices.DeleteFunc(list, func(o *options.Option) bool { return !keep(o) })
	}
	flags := only(options.All(), func(o *options.Option) bool { return o.Flag != "" })
	guard := func(o *options.Option) bool { return o.Group == options.GroupGuards || o.Group == options.GroupOnce }
	noGuard := func(o *options.Option) bool { return !guard(o) }
	flagKey := func(o *options.Option) string { return "| `" + usage(o) + "` |" }
	inputKey := func(o *options.Option) string { return "| `" + o.Input + "` |" }
	settingKey := func(o *options.Option) string { return "| `" + o.Setting + "` |" }
	return []place{
		{"action.yml", "inputs:", options.Inputs(), func(o *options.Option) string { return "  " + o.Input + ":" }, inputOf},
		{"docs/action.md", "## Inputs", only(options.Inputs(), noGuard), inputKey,
			func(o *options.Option) string { return inputKey(o) + cell(defaultOf(o)) + cell(docOf(o)) }},
		{"docs/action.md", "### Inputs that lift a guard", only(options.Inputs(), guard), inputKey,
			func(o *options.Option) string { return inputKey(o) + cell(docOf(o)) }},
		{"docs/commands.md", "## Which site, which account", only(slices.Clone(flags), noGuard), flagKey,
			func(o *options.Option) string { return flagKey(o) + cell(commandsOf(o)) + cell(docOf(o)) }},
		{"docs/commands.md", "## Guards", only(slices.Clone(flags), guard), flagKey,
			func(o *options.Option) string { return flagKey(o) + cell(docOf(o)) }},
		{"docs/configuration.md", "## Settings", only(options.Settings(), func(o *options.Option) bool { return !o.Secret }),
			settingKey,
			func(o *options.Option) string {
				return settingKey(o) + cell(variablesOf(o)) + cell(settingDefaultOf(o)) + cell(docOf(o))
			}},
	}
}

func cell(text string) string {
	if text == "" {
		return " |"
	}
	return " " + text + " |"
}

func inputOf(o *options.Option) string {
	text := "  " + o.Input + ":\n    description: " + strconv.Quote(describe(o))
	switch value := o.Default + o.Expression; {
	case o.Switch && value != "":
		text += "\n    default: " + strconv.Quote(value)
	case value != "":
		text += "\n    default: " + value
	}
	return text
}

// describe returns the text of an input in action.yml.
func describe(o *options.Option) string {
	text := o.Help
	if o.Waiver != options.NotWaiver {
		text += " true counts on workflow_dispatch only; elsewhere name " + o.Names() + "."
	}
	if o.Otherwise != "" {
		text += " Default: " + plain(o.Otherwise) + "."
	}
	return text
}

// plain removes code marks and links from Markdown.
func plain(markdown string) string {
	text := strings.ReplaceAll(markdown, "`", "")
	for {
		before, rest, found := strings.Cut(text, "](")
		if !found {
			return text
		}
		_, after, _ := strings.Cut(rest, ")")
		i := strings.LastIndexByte(before, '[')
		text = before[:i] + before[i+1:] + after
	}
}

// usage returns a flag with its placeholder, for the cell of a table.
func usage(o *options.Option) string {
	if o.Switch {
		return "--" + o.Flag
	}
	return "--" + o.Flag + " " + strings.ReplaceAll(o.Placeholder, "|", `\|`)
}

func docOf(o *options.Option) string {
	if o.Doc != "" {
		return o.Doc
	}
	return strings.ToLower(o.Help[:1]) + strings.TrimSuffix(o.Help[1:], ".")
}

func defaultOf(o *options.Option) string {
	if o.Otherwise == "" && o.Default+o.Expression != "" {
		return "`" + o.Default + o.Expression + "`"
	}
	return o.Otherwise
}

// settingDefaultOf returns the default of a setting that neither a variable nor a file sets.
func settingDefaultOf(o *options.Option) string {
	if o.Default != "" {
		return "`" + o.Default + "`"
	}
	_, rest, _ := strings.Cut(o.Otherwise, "the configuration's, else ")
	return rest
}

// variablesOf leaves out older names, and those of other tools.
func variablesOf(o *options.Option) string {
	var out []string
	for _, v := range o.Variables {
		if !strings.HasPrefix(v, "CF_") && v != "KV_SYNC_DIRECTORY" {
			out = append(out, "`"+v+"`")
		}
	}
	return strings.Join(out, ", ")
}

func commandsOf(o *options.Option) string {
	if slices.Contains(o.Commands, "history") { // history has only the flags that every command has
		return "every command about a site"
	}
	out := make([]string, 0, len(o.Commands))
	for _, c := range o.Commands {
		out = append(out, "`"+c+"`")
	}
	return strings.Join(out, ", ")
}

// action.yml and the tables in docs/ have the lines of the declared options.
func TestDocuments(t *testing.T) {
	for _, p := range places() {
		name := "../../" + p.file
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		begin := slices.Index(lines, p.after) + 1
		if begin == 0 {
			t.Fatalf("%s has no line %q", p.file, p.after)
		}
		if p.file != "action.yml" {
			begin += slices.IndexFunc(lines[begin:], isDelimiter) + 1
		}
		lines = p.write(t, lines, begin)
		if text := strings.Join(lines, "\n"); *update && text != string(b) {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// write sets the lines of each option in a document, and without -update reports differences.
func (p place) write(t *testing.T, lines []string, begin int) []string {
	t.Helper()
	last := begin // the end of the previous option's lines
	for _, o := range p.of {
		want := strings.Split(p.text(o), "\n")
		section := lines[begin:]
		if i := slices.IndexFunc(section, p.ends); i >= 0 {
			section = section[:i]
		}
		at := slices.IndexFunc(section, func(l string) bool { return strings.HasPrefix(l, p.key(o)) }) + begin
		end := at
		if at >= begin {
			for end++; p.file == "action.yml" && strings.HasPrefix(lines[end], "    "); end++ {
			}
		} else {
			at, end = last, last
		}
		if !slices.Equal(lines[at:end], want) && !*update {
			t.Errorf("%s, below %q: write\n%s\nor run: go test ./internal/options -update", p.file, p.after, p.text(o))
		}
		lines = slices.Replace(lines, at, end, want...)
		last = at + len(want)
	}
	return lines
}

// ends reports whether a line is the first line after the options.
func (p place) ends(line string) bool {
	if p.file == "action.yml" {
		return line == "outputs:"
	}
	return !strings.HasPrefix(line, "|")
}

// isDelimiter reports whether a line is the one between the head and the rows of a table.
func isDelimiter(line string) bool { return strings.HasPrefix(line, "|---") }

// The documents have no row outside of a table: the first line of each table is followed by a delimiter.
func TestRowsAreInTables(t *testing.T) {
	for _, file := range []string{"action.md", "commands.md", "configuration.md"} {
		b, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		before := ""
		lines := strings.Split(string(b), "\n")
		for i, line := range lines[:len(lines)-1] {
			if strings.HasPrefix(line, "|") && !strings.HasPrefix(before, "|") && !isDelimiter(lines[i+1]) {
				t.Errorf("%s:%d: a row outside of a table: %s", file, i+1, line)
			}
			before = line
		}
	}
}

// action.yml has no input that is not declared.
func TestNoOtherInputs(t *testing.T) {
	b, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\ninputs:\n")
	text, _, _ = strings.Cut(text, "\n\n")
	for line := range strings.Lines(text) {
		name, isKey := strings.CutSuffix(strings.TrimSpace(line), ":")
		declared := slices.ContainsFunc(options.Inputs(), func(o *options.Option) bool { return o.Input == name })
		if isKey && !strings.HasPrefix(line, "    ") && !declared {
			t.Errorf("the input %s is not declared", name)
		}
	}
}

// The configuration accepts every declared setting.
func TestSettings(t *testing.T) {
	for _, o := range options.Settings() {
		_, _, err := config.Load(config.Inputs{
			Root: t.TempDir(), Flags: map[string]string{o.Setting: "x"}, Getenv: func(string) string { return "" },
		})
		if err != nil && strings.Contains(err.Error(), "there is no such setting") {
			t.Errorf("internal/config has no key for %s", o.Setting)
		}
	}
}
