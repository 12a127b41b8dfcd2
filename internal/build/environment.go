package build

import (
	"regexp"
	"slices"
	"strings"
)

// Environment is what of an environment a build gets: all of it but what holds a
// credential, or looks as if it did.
//
// A list of what is let in would be safer against names that nobody thought of,
// but no such list can be written: what a compiler, its wrappers and a build
// script look for has no end, and a build that fails for want of a variable is
// mended by somebody who then lets everything in. So three things are taken out:
//
//   - variables of ours, of wrangler and of GitHub Actions that hold credentials,
//     give out new ones, or change what later steps of a job do;
//   - variables whose names say that they hold a credential (TOKEN, SECRET,
//     PASSWORD, KEY …), whosoever's they are;
//   - variables in whose value one of the secrets stands that this process was
//     given, or an address with a password in it, under any name.
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

// password finds an address that logs in.
var password = regexp.MustCompile(`://[^/\s@:]*:[^/\s@]+@`)

// Whole families of variables. Those of Actions give out tokens on request, and
// an input may be any secret.
var takenPrefixes = []string{"CLOUDFLARE_", "CF_", "ACTIONS_", "INPUT_"}

// What is written into these files later steps of a job have as variables, on
// their PATH, as outputs.
var takenNames = []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"}

// Anywhere in a name.
var takenWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY"}

// As a whole part of a name, between two underscores.
var takenParts = []string{"KEY", "PAT", "PASS"}

func credentialName(name string) bool {
	name = strings.ToUpper(name)
	has := func(list []string, match func(name, part string) bool) bool {
		return slices.ContainsFunc(list, func(part string) bool { return match(name, part) })
	}
	parts := strings.Split(name, "_")
	return slices.Contains(takenNames, name) || has(takenPrefixes, strings.HasPrefix) || has(takenWords, strings.Contains) ||
		slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(takenParts, p) }) ||
		parts[len(parts)-1] == "AUTH" // and not SSH_AUTH_SOCK, which holds nothing
}
