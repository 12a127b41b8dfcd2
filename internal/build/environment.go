package build

import (
	"regexp"
	"slices"
	"strings"
)

// Environment returns the part of an environment that a build gets: everything except what
// contains a credential, or seems to.
//
// A list of allowed names would be safer against unexpected names, but it cannot be
// complete: compilers, wrappers and build scripts read arbitrary variables. People fix a
// build that lacks a variable by allowing everything. So three groups are removed:
//
//   - variables of kv-sync, of wrangler and of GitHub Actions that contain credentials,
//     provide new ones, or affect later steps of a job;
//   - variables whose names indicate a credential (TOKEN, SECRET, PASSWORD, KEY …);
//   - variables of any name whose values contain a secret of this process, or an address
//     with a password.
func Environment(from, secrets []string) []string {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return s == "" })
	out := make([]string, 0, len(from))
	for _, pair := range from {
		name, value, _ := strings.Cut(pair, "=")
		if credentialName(name) || password.MatchString(value) ||
			slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(value, s) }) {
			continue
		}
		out = append(out, pair)
	}
	return out
}

// password matches an address with a password.
var password = regexp.MustCompile(`://[^/\s@:]*:[^/\s@]+@`)

// Prefixes of removed variables. Those of Actions provide tokens, and an input may be any
// secret.
var takenPrefixes = []string{"CLOUDFLARE_", "CF_", "ACTIONS_", "INPUT_"}

// Later steps of a job read variables, their PATH and outputs from these files.
var takenNames = []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"}

// Words anywhere in a name.
var takenWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY"}

// Complete parts of a name between underscores.
var takenParts = []string{"KEY", "PAT", "PASS"}

func credentialName(name string) bool {
	name = strings.ToUpper(name)
	has := func(list []string, match func(name, part string) bool) bool {
		return slices.ContainsFunc(list, func(part string) bool { return match(name, part) })
	}
	parts := strings.Split(name, "_")
	return slices.Contains(takenNames, name) || has(takenPrefixes, strings.HasPrefix) ||
		has(takenWords, strings.Contains) ||
		slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(takenParts, p) }) ||
		parts[len(parts)-1] == "AUTH" // and not SSH_AUTH_SOCK, which holds nothing
}
