package structure

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The targets, packages, tests, scripts and guards in the commands of CONTRIBUTING.md exist.
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
			if problem := commandProblem(t, dir, words); problem != "" {
				t.Errorf("CONTRIBUTING.md: %s: %s", command, problem)
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

// commandProblem returns what a command in dir names and does not exist, or "".
func commandProblem(t *testing.T, dir string, words []string) string {
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
		return goTestProblem(t, filepath.Join(dir, words[2]), words[3:])
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
	return "commandProblem does not know this command"
}

// goTestProblem is commandProblem for the flags of a go test command.
func goTestProblem(t *testing.T, dir string, flags []string) string {
	t.Helper()
	tests := glob(t, dir+"/*_test.go")
	for i, flag := range flags {
		switch flag {
		case "-run":
			test, script, nested := strings.Cut(regexp.MustCompile(`[$^]`).ReplaceAllString(flags[i+1], ""), "/")
			if problem := missing(t, test, "func "+test+"(", tests...); problem != "" {
				return problem
			}
			if _, err := os.Stat(filepath.Join(dir, "testdata/script", script+".txtar")); nested && err != nil {
				return err.Error()
			}
		case "-update":
			if problem := missing(t, flag, `flag.Bool("update"`, tests...); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// missing returns a problem if no file contains definition, which is the text that defines name.
func missing(t *testing.T, name, definition string, files ...string) string {
	t.Helper()
	if slices.ContainsFunc(files, func(file string) bool { return strings.Contains(read(t, file), definition) }) {
		return ""
	}
	return "there is no " + name
}
