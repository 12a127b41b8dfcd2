package structure

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestContributingCommands: everything that the commands of CONTRIBUTING.md name
// exists: targets, packages, tests, scripts, guards.
func TestContributingCommands(t *testing.T) {
	text := read(t, top+"/CONTRIBUTING.md")
	commands := regexp.MustCompile(`(?m)^\$ ([^#\n]*)`).FindAllStringSubmatch(text, -1)
	if len(commands) < 10 {
		t.Fatalf("found only %d commands", len(commands))
	}
	for _, m := range commands {
		dir := top
		for command := range strings.SplitSeq(strings.TrimSpace(m[1]), " && ") {
			words := strings.Fields(strings.ReplaceAll(command, "'", ""))
			if words[0] == "cd" {
				if words[1] != "kv-sync" { // the clone
					dir = filepath.Join(dir, words[1])
				}
				continue
			}
			if fault := faultOf(t, dir, words); fault != "" {
				t.Errorf("CONTRIBUTING.md: %s: %s", command, fault)
			}
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(strings.ReplaceAll(m[1], "`", ""), ", ") {
			if _, err := os.Stat(filepath.Join(top, name)); err != nil {
				t.Errorf("CONTRIBUTING.md: %v", err)
			}
		}
	}
}

// faultOf says what a command in dir names that does not exist.
func faultOf(t *testing.T, dir string, words []string) string {
	t.Helper()
	last := words[len(words)-1]
	switch strings.Join(words[:min(2, len(words))], " ") {
	case "git clone":
		return ""
	case "make " + last:
		return missing(t, last, "\n"+last+":", dir+"/Makefile")
	case "go run":
		table, guard, _ := strings.Cut(last, "/")
		return missing(t, last, `name = "`+guard+`"`, dir+"/mutation/guards/"+table+".toml")
	case "go test":
		return faultOfGoTest(t, filepath.Join(dir, words[2]), words[3:])
	case "npm run":
		return missing(t, last, `"`+last+`": `, dir+"/package.json")
	case "node --test":
		source := strings.TrimSuffix(strings.TrimPrefix(last, ".build/"), ".mjs") + ".ts"
		if _, err := os.Stat(filepath.Join(dir, source)); err == nil {
			return ""
		}
		return "there is no " + source
	case "cargo test":
		return missing(t, last, "fn "+last+"(", glob(t, dir+"/tests/*.rs")...)
	}
	return "no check knows this command"
}

func faultOfGoTest(t *testing.T, dir string, flags []string) string {
	t.Helper()
	tests := glob(t, dir+"/*_test.go")
	for i, flag := range flags {
		switch flag {
		case "-run":
			test, script, nested := strings.Cut(regexp.MustCompile(`[$^]`).ReplaceAllString(flags[i+1], ""), "/")
			if fault := missing(t, test, "func "+test+"(", tests...); fault != "" {
				return fault
			}
			if _, err := os.Stat(filepath.Join(dir, "testdata/script", script+".txtar")); nested && err != nil {
				return err.Error()
			}
		case "-update":
			if fault := missing(t, flag, `flag.Bool("update"`, tests...); fault != "" {
				return fault
			}
		}
	}
	return ""
}

// missing says that none of the files contains what stands for name.
func missing(t *testing.T, name, text string, files ...string) string {
	t.Helper()
	if slices.ContainsFunc(files, func(file string) bool { return strings.Contains(read(t, file), text) }) {
		return ""
	}
	return "there is no " + name
}
