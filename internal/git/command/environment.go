package command

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Profile selects the environment variables that reach git. No profile passes on
// credentials, variables that replace objects by others, or those that change pathspecs.
type Profile int

const (
	// Standalone leaves out the variables that name a repository. So git works on the
	// repository of its directory, or of Options.GitDir, even if kv-sync runs in a hook.
	Standalone Profile = iota
	// Quarantine is Standalone with the variables that say where objects are: a hook of
	// git receive-pack needs them to read what was pushed.
	Quarantine
	// Inherited keeps the variables that name a repository: git works on that
	// repository. Relative paths are made absolute, because git resolves them against the
	// directory that it is started in.
	Inherited
	// Unattended is for a daemon: Standalone without the variables that prompt a person,
	// trace, or change how git reaches remotes.
	Unattended
)

// Options say where git works and with which environment.
type Options struct {
	// Dir is the directory that git is started in; "" is the current one.
	Dir string
	// GitDir and WorkTree name the repository. Then git does not search for one, and
	// does not check who owns it. If GitDir is "", git searches in Dir and above.
	GitDir, WorkTree string
	// Profile says which variables of the environment reach git.
	Profile Profile
	// Environ is the environment to select from; nil means that of this process.
	Environ []string
	// Secrets are values. A variable that contains one of them does not reach git.
	Secrets []string
	// Set are variables ("NAME=value") that git always gets.
	Set []string
	// Config are git settings. They are passed in the environment, because other users of
	// the machine can see arguments.
	Config [][2]string
}

// Groups of variables. The comments of the profiles say which of them they keep.
var (
	repositoryVariables = []string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE",
		"GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX",
	}
	objectVariables = []string{
		"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_QUARANTINE_PATH",
	}
	attendedVariables = []string{
		"GIT_ASKPASS", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER",
		"GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_TEMPLATE_DIR",
	}
	// These let git read other content for an object's id. The live manifest names content
	// by such ids, so an id must mean the same on every machine.
	replacingVariables = []string{"GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS"}
	// These change what the pathspecs in kv-sync's own calls match.
	pathspecVariables = []string{
		"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
	}
	// fixed are variables that git always gets with these values.
	fixed = []string{"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "LC_ALL=C"}
	// paths are the variables that hold a path or a list of paths.
	paths = []string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES",
	}
)

// credential reports whether a variable may hold a credential for Cloudflare, which no
// helper or filter of git needs.
func credential(name string) bool {
	return strings.HasPrefix(name, "CLOUDFLARE_") || strings.HasPrefix(name, "CF_") || strings.HasPrefix(name, "INPUT_")
}

// keeps reports whether a profile lets a variable through.
func (p Profile) keeps(name string) bool {
	switch {
	case credential(name), slices.Contains(replacingVariables, name):
		return false
	case slices.Contains(pathspecVariables, name):
		return false
	case slices.Contains(repositoryVariables, name):
		return p == Inherited
	case slices.Contains(objectVariables, name):
		return p == Inherited || p == Quarantine
	case slices.Contains(attendedVariables, name), strings.HasPrefix(name, "GIT_TRACE"):
		return p != Unattended
	}
	return true
}

// tracesToStderr reports whether a variable has git trace to standard error, where kv-sync reads
// git's messages.
func tracesToStderr(name, value string) bool {
	return strings.HasPrefix(name, "GIT_TRACE") &&
		slices.Contains([]string{"1", "2", "true", "yes", "on"}, strings.ToLower(value))
}

// environ is the environment of git.
func (o Options) environ() []string {
	from := o.Environ
	if from == nil {
		from = os.Environ()
	}
	var env []string
	given := 0 // number of git settings in the environment
	for _, pair := range from {
		name, value, _ := strings.Cut(pair, "=")
		secret := slices.ContainsFunc(o.Secrets, func(s string) bool { return strings.Contains(value, s) })
		switch {
		case secret || !o.Profile.keeps(name) || tracesToStderr(name, value) || sets(fixed, name) || sets(o.Set, name):
		case name == "GIT_CONFIG_COUNT" && len(o.Config) > 0:
			given, _ = strconv.Atoi(value)
		case slices.Contains(paths, name):
			env = append(env, name+"="+absolute(value))
		default:
			env = append(env, pair)
		}
	}
	for i, s := range o.Config {
		n := strconv.Itoa(given + i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+s[0], "GIT_CONFIG_VALUE_"+n+"="+s[1])
	}
	if len(o.Config) > 0 {
		env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(given+len(o.Config)))
	}
	env = append(append(env, fixed...), o.Set...)
	if o.Profile == Unattended {
		env = append(env, "SSH_ASKPASS_REQUIRE=never")
	}
	if o.GitDir != "" {
		env = append(env, "GIT_DIR="+o.GitDir)
		if o.WorkTree != "" {
			env = append(env, "GIT_WORK_TREE="+o.WorkTree)
		}
	}
	return env
}

// sets reports whether one of the pairs sets a variable.
func sets(pairs []string, name string) bool {
	return slices.ContainsFunc(pairs, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
}

// absolute makes the paths of a list absolute.
func absolute(list string) string {
	dirs := filepath.SplitList(list)
	for i, dir := range dirs {
		if abs, err := filepath.Abs(dir); err == nil && dir != "" && dir[0] != '"' { // git reads quotes
			dirs[i] = abs
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}
