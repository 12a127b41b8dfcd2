package buildtool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

const packageFile = "package.json"

// manifest is the part of package.json that says what the project is.
type manifest struct {
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

// byteOrderMark is at the beginning of files of some editors on Windows. npm ignores it.
var byteOrderMark = []byte("\ufeff")

func readPackage(files Files) (m manifest) {
	_ = json.Unmarshal(bytes.TrimPrefix(files.Read(packageFile), byteOrderMark), &m) // else there is no build
	return m
}

func (m manifest) dependsOn(pkg string) bool {
	_, ok := m.Dependencies[pkg]
	_, dev := m.DevDependencies[pkg]
	return ok || dev
}

// command returns the command of the package manager that the project uses.
func (m manifest) command(files Files) string {
	if m.Scripts["build"] == "" {
		return ""
	}
	for _, manager := range []struct{ lock, command string }{
		{"pnpm-lock.yaml", "pnpm run build"}, {"yarn.lock", "yarn run build"}, {"bun.lock", "bun run build"},
		{"bun.lockb", "bun run build"},
	} {
		if files.IsFile(manager.lock) {
			return manager.command
		}
	}
	return "npm run build"
}

// Command returns the command that runs the script "build" of package.json, or "". The script may be
// of a tool that [Of] does not recognise.
func Command(files Files) string { return readPackage(files).command(files) }

// runsCode matches a command that runs code of the project.
var runsCode = regexp.MustCompile(`\b(node|nodemon|ts-node|tsx|deno)\s+\S`)

// testsCode matches what is in a command before the code of tests that node runs.
var testsCode = regexp.MustCompile(`\bnode\s+(--\S+\s+)*--(test|check)\b`)

// checks matches the names of scripts that look at the project and make nothing.
var checks = regexp.MustCompile(`^(pre|post)?(test|lint|format|check|typecheck)(:|$)`)

// Program says why package.json is that of a program, whose files a build or a server uses, or
// returns "". One that has nothing but tools for development is none.
func Program(files Files) string {
	m := readPackage(files)
	if m.Scripts["build"] != "" {
		return `it has a script "build"`
	}
	for _, name := range slices.Sorted(maps.Keys(m.Scripts)) {
		if checks.MatchString(name) || testsCode.MatchString(m.Scripts[name]) {
			continue
		}
		if found := runsCode.FindStringSubmatch(m.Scripts[name]); found != nil {
			return fmt.Sprintf("its script %.40q runs %s", name, found[1])
		}
	}
	if len(m.Dependencies) > 0 {
		return `it has "dependencies"`
	}
	return ""
}
