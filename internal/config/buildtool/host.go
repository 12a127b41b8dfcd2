package buildtool

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// OtherHost reports whether a file is the configuration of another host that publishes the folder as
// it is: netlify.toml or vercel.json without a build, functions or another folder. rules reports
// whether it has redirects, headers or the like, which only that host reads.
func OtherHost(files Files, name string) (ok, rules bool) {
	var (
		sections map[string]any
		err      error
		is       func(key string, value any) bool
	)
	switch name {
	case "netlify.toml":
		err = toml.Unmarshal(files.Read(name), &sections)
		is = plainOnNetlify
	case "vercel.json":
		err = json.Unmarshal(files.Read(name), &sections)
		is = plainOnVercel
	default:
		return false, false
	}
	if err != nil {
		return false, false
	}
	for key, value := range sections {
		if !is(key, value) {
			return false, false
		}
		rules = rules || slices.Contains(servingRules, key)
	}
	return true, rules
}

// servingRules are the sections of both files that say how files are served.
var servingRules = []string{"redirects", "rewrites", "headers", "cleanUrls", "trailingSlash", "routes"}

func plainOnNetlify(key string, value any) bool {
	if key != "build" {
		return slices.Contains(servingRules, key)
	}
	build, ok := value.(map[string]any)
	for name, setting := range build {
		ok = ok && (name == "publish" && isHere(setting) || name == "command" && setting == "")
	}
	return ok
}

func plainOnVercel(key string, value any) bool {
	switch key {
	case "outputDirectory":
		return isHere(value)
	case "buildCommand", "framework", "installCommand", "devCommand":
		return value == nil || value == ""
	case "$schema", "version", "name", "public", "github", "alias", "regions":
		return true
	}
	return slices.Contains(servingRules, key)
}

// isHere reports whether a path names the folder of the configuration.
func isHere(path any) bool {
	text, ok := path.(string)
	return ok && strings.Trim(text, "./") == "" && !strings.Contains(text, "..")
}
