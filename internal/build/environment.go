package build

import (
	"regexp"
	"slices"
	"strings"
)

// Environment returns an environment for a build: the variables of from, except those
// that have, or seem to have, a credential.
//
// A list of allowed variables would be safer. But nobody can list the variables that
// compilers, wrappers and build scripts need, and people would repair a failing build by
// allowing all variables. So these are removed:
//
//   - variables of kv-sync, wrangler and GitHub Actions that have credentials, give
//     access to new ones, or change later steps of a job;
//   - variables whose names indicate a credential (TOKEN, SECRET, PASSWORD, KEY …);
//   - variables whose values contain one of the secrets, or a URL with a password.
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

// password matches a URL with a password.
var password = regexp.MustCompile(`://[^/\s@:]*:[^/\s@]+@`)

// removedPrefixes begin the names of removed variables. ACTIONS_ variables give access
// to tokens, and an INPUT_ variable may have any secret.
var removedPrefixes = []string{"CLOUDFLARE_", "CF_", "ACTIONS_", "INPUT_"}

// removedNames are variables with the name of a file that changes later steps of a job.
var removedNames = []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"}

// removedWords remove a variable if its name contains one of them anywhere.
var removedWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY"}

// removedParts remove a variable if its name has one of them between underscores.
var removedParts = []string{"KEY", "PAT", "PASS"}

func credentialName(name string) bool {
	name = strings.ToUpper(name)
	has := func(list []string, match func(name, part string) bool) bool {
		return slices.ContainsFunc(list, func(part string) bool { return match(name, part) })
	}
	parts := strings.Split(name, "_")
	return slices.Contains(removedNames, name) || has(removedPrefixes, strings.HasPrefix) ||
		has(removedWords, strings.Contains) ||
		slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(removedParts, p) }) ||
		parts[len(parts)-1] == "AUTH" // but not SSH_AUTH_SOCK, which has no credential
}
