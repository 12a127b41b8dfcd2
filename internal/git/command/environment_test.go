package command

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each variable reaches git under the listed profiles, and under no other.
func TestPolicy(t *testing.T) {
	const all = "standalone quarantine inherited unattended"
	for name, keep := range map[string]string{
		// Variables with which git is found and reaches a remote.
		"PATH": all, "HOME": all, "GIT_SSH_COMMAND": all, "SSH_AUTH_SOCK": all, "GIT_CONFIG_GLOBAL": all,
		"GH_TOKEN":    all,
		"HTTPS_PROXY": all, "GIT_CEILING_DIRECTORIES": all,
		// Variables that name a repository.
		"GIT_DIR": "inherited", "GIT_WORK_TREE": "inherited", "GIT_COMMON_DIR": "inherited",
		"GIT_INDEX_FILE": "inherited",
		"GIT_PREFIX":     "inherited", "GIT_NAMESPACE": "inherited", "GIT_INTERNAL_SUPER_PREFIX": "inherited",
		// Variables that say where the objects are that a hook has to read.
		"GIT_OBJECT_DIRECTORY": "quarantine inherited", "GIT_ALTERNATE_OBJECT_DIRECTORIES": "quarantine inherited",
		"GIT_SHALLOW_FILE": "quarantine inherited", "GIT_QUARANTINE_PATH": "quarantine inherited",
		// Variables that prompt a person, trace, or change how a remote is reached.
		"GIT_ASKPASS": "standalone quarantine inherited", "SSH_ASKPASS": "standalone quarantine inherited",
		"GIT_CONFIG_PARAMETERS": "standalone quarantine inherited", "GIT_TRACE_CURL": "standalone quarantine inherited",
		"GIT_ALLOW_PROTOCOL": "standalone quarantine inherited", "GIT_TEMPLATE_DIR": "standalone quarantine inherited",
		// Credentials.
		"CLOUDFLARE_API_TOKEN": "", "CLOUDFLARE_ACCOUNT_ID": "", "CF_API_TOKEN": "", "CF_API_KEY": "",
		"INPUT_API-TOKEN":        "",
		"A_SECRET_OF_THE_DAEMON": "",
		// Variables with which git reads other content for an object's id.
		"GIT_GRAFT_FILE": "", "GIT_REPLACE_REF_BASE": "",
		// Variables with which the pathspecs of kv-sync match other files.
		"GIT_LITERAL_PATHSPECS": "", "GIT_GLOB_PATHSPECS": "", "GIT_NOGLOB_PATHSPECS": "", "GIT_ICASE_PATHSPECS": "",
		// Variables that git gets with another value.
		"GIT_NO_REPLACE_OBJECTS": "", "GIT_TERMINAL_PROMPT": "", "GIT_OPTIONAL_LOCKS": "", "LC_ALL": "", "SET": "",
	} {
		given := "given"
		if slices.Contains(paths, name) {
			given = "/given"
		}
		if name == "A_SECRET_OF_THE_DAEMON" {
			given = "prefix-s3cret-suffix"
		}
		for p, profile := range strings.Fields(all) {
			env := Options{
				Profile: Profile(p), Environ: []string{name + "=" + given},
				Secrets: []string{"s3cret"}, Set: []string{"SET=ours"},
			}.environ()
			want := slices.Contains(strings.Fields(keep), profile)
			if got := slices.Contains(env, name+"="+given); got != want {
				t.Errorf("%s, %s: kept %t, want %t", profile, name, got, want)
			}
			for _, pair := range []string{
				"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "LC_ALL=C", "SET=ours",
			} {
				if !slices.Contains(env, pair) {
					t.Errorf("%s, %s: %s is missing", profile, name, pair)
				}
			}
			if got := slices.Contains(env, "SSH_ASKPASS_REQUIRE=never"); got != (profile == "unattended") {
				t.Errorf("%s: SSH_ASKPASS_REQUIRE=never is set: %t", profile, got)
			}
		}
	}
}

// A trace on standard error would be read as git's reason for a failure.
func TestTracesAreNotReadAsMessages(t *testing.T) {
	for value, kept := range map[string]bool{"1": false, "true": false, "2": false, "0": true, "/tmp/trace": true} {
		pair := "GIT_TRACE=" + value
		if got := slices.Contains(Options{Environ: []string{pair}}.environ(), pair); got != kept {
			t.Errorf("%s: kept %t, want %t", pair, got, kept)
		}
	}
}

// Relative paths in kept variables are made absolute, because git may start in another directory.
func TestInheritedPathsAreAbsolute(t *testing.T) {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	env := Options{Profile: Inherited, Environ: []string{
		"GIT_DIR=.git", "GIT_PREFIX=sub/", "GIT_WORK_TREE=",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=a" + string(filepath.ListSeparator) + "/b",
	}}.environ()
	for _, pair := range []string{
		"GIT_DIR=" + filepath.Join(here, ".git"), "GIT_PREFIX=sub/", "GIT_WORK_TREE=",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(here, "a") + string(filepath.ListSeparator) + "/b",
	} {
		if !slices.Contains(env, pair) {
			t.Errorf("%q is missing in %q", pair, env)
		}
	}
}

// The repository that the options name replaces that of the environment.
func TestNamedRepository(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want []string
	}{
		{Options{GitDir: "/g", WorkTree: "/w"}, []string{"GIT_DIR=/g", "GIT_WORK_TREE=/w"}},
		{Options{GitDir: "/g"}, []string{"GIT_DIR=/g"}},
		{Options{}, nil},
	} {
		c.o.Environ = []string{"GIT_DIR=/other", "GIT_WORK_TREE=/other"}
		var got []string
		for _, pair := range c.o.environ() {
			if strings.HasPrefix(pair, "GIT_DIR=") || strings.HasPrefix(pair, "GIT_WORK_TREE=") {
				got = append(got, pair)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}

// The options' git settings are added to those of the environment.
func TestConfigIsAdded(t *testing.T) {
	env := Options{
		Environ: []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=c"},
		Config:  [][2]string{{"http.extraheader", "x"}},
	}.environ()
	for _, pair := range []string{
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=c", "GIT_CONFIG_KEY_1=http.extraheader",
		"GIT_CONFIG_VALUE_1=x",
	} {
		if !slices.Contains(env, pair) {
			t.Errorf("%q is missing in %q", pair, env)
		}
	}
	if slices.Contains(env, "GIT_CONFIG_COUNT=1") {
		t.Error("the count is set twice")
	}
}
