package main

import (
	"io"
	"regexp"
	"strings"
	"testing"
)

// typed lists the words of the table.
func typed() (words []string) {
	for _, s := range synonyms {
		words = append(words, strings.Split(s.words, ", ")...)
	}
	return words
}

// The table has each word once, and no word that is a command. A word runs a command or has an
// answer. An answer names only commands that exist.
func TestSynonyms(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range typed() {
		if seen[w] || isCommand(w) {
			t.Errorf("%q is in the table twice, or is a command", w)
		}
		seen[w] = true
	}
	for _, must := range []string{
		"login", "whoami", "logs", "tail", "publish", "init", "build", "status", "push", "up", "undo", "restore",
		"versions", "deployments", "secret", "preview", "pages deploy", "list", "ls", "serve", "start", "remove", "test",
		"config", "domains", "update", "login", "logout", "env", "kv", "ci", "install", "clean", "diff", "check",
	} {
		if !seen[must] {
			t.Errorf("%q has no answer", must)
		}
	}
	named := regexp.MustCompile(`kv-sync ([a-z]+)`)
	for _, s := range synonyms {
		if (s.runs == "") == (s.answer == "") || s.runs != "" && !isCommand(s.runs) {
			t.Errorf("%s: runs %q, answers %q", s.words, s.runs, s.answer)
		}
		for _, m := range named.FindAllStringSubmatch(s.answer, -1) {
			if !isCommand(m[1]) && m[1] != "needs" && m[1] != "has" && m[1] != "uses" && m[1] != "bundles" &&
				m[1] != "does" {
				t.Errorf("%s: there is no command %s", s.words, m[1])
			}
		}
	}
}

// A word with an answer fails without any effect, so that a script with it does not continue.
func TestSynonymsAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, s := range synonyms {
		if s.runs != "" {
			continue
		}
		for _, w := range strings.Split(s.words, ", ") {
			var out, errs strings.Builder
			code := run(t.Context(), append(strings.Fields(w), "x"), streams{
				in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" },
			})
			if code != 2 || out.String() != "" || !strings.Contains(errs.String(), s.answer) {
				t.Errorf("kv-sync %s: exit code %d\n%s%s", w, code, out.String(), errs.String())
			}
		}
	}
}

// Completion returns only words that the command line accepts.
func TestCompletedWords(t *testing.T) {
	parser, err := newParser(t.Context(), streams{out: io.Discard, err: io.Discard}, newCommandLine())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before, begin, want string
	}{
		{"", "ver", "verify version"},
		{"", "__", ""},
		{"hook", "", "install uninstall status"},
		{"help", "hi", "history"},
		{"completion", "", "bash fish powershell zsh"},
		{"deploy", "--so", "--source"},
		{"deploy --source", "", "auto commit folder"},
		{"deploy --source", "f", "folder"},
		{"deploy --name", "", ""},
		{"deploy --local", "", ""},
		{"deploy --name deploy", "--dr", "--dry-run"},
		{"rollback", "--comm", ""},
	} {
		got := candidates(parser.Model.Node, strings.Fields(c.before), c.begin)
		if strings.Join(got, " ") != c.want {
			t.Errorf("kv-sync %s %s: %q, want %q", c.before, c.begin, got, c.want)
		}
	}
}

// Only a web address is passed to the program that opens addresses.
func TestBrowser(t *testing.T) {
	for _, address := range []string{"file:///etc/passwd", "javascript:alert(1)", "--help", "", "https://"} {
		if got, err := browser("linux", address); err == nil {
			t.Errorf("%q is opened by %q", address, got)
		}
	}
	for system, want := range map[string]string{
		"linux": "xdg-open", "darwin": "open", "windows": "rundll32", "freebsd": "xdg-open",
	} {
		got, err := browser(system, "https://tides.example.workers.dev")
		if err != nil || got[0] != want || got[len(got)-1] != "https://tides.example.workers.dev" {
			t.Errorf("%s: %q, %v", system, got, err)
		}
	}
}

// A flag of another tool has an answer. No flag that overrides a guard is suggested for its spelling.
func TestForeignFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	said := func(args ...string) string {
		var out, errs strings.Builder
		code := run(t.Context(), args, streams{
			in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" },
		})
		if code != 2 || out.String() != "" {
			t.Errorf("kv-sync %q: exit code %d\n%s", args, code, out.String())
		}
		return errs.String()
	}
	for args, want := range map[string]string{
		"deploy --prod": "each deploy is live at once", "plan --alias x": "kv-sync watch DIR shows a folder",
		"open --site-name x": "--name NAME", "watch --assets x": "--dir DIR", "deploy -d x": "--dir DIR",
		"rollback -d x": "reads no folder", "history --dir x": "reads no folder", "deploy -m x": "message of its commit",
		"rollback -m x": "commit that it goes to", "upload --branch x": "kv-sync deploy --commit BRANCH",
		"rollback --commit x": "rollback --to COMMIT", "rollback --version-id x": "--to ID", "deploy --only x": "whole site",
		"delete -y": "kv-sync delete --yes", "prune -y": "only kv-sync delete asks", "dev --token x": "CLOUDFLARE_API_TOKEN",
		"verify --account-id x": "CLOUDFLARE_ACCOUNT_ID", "deploy --open": "run kv-sync open",
		"deploy -p 1": "no other command listens", "dev --local": "always run on this machine",
		"rollback --previous": "the deployment before the live one", "prune -n x": "--dry-run", "history -n x": "--name NAME",
	} {
		if got := said(strings.Fields(args)...); !strings.Contains(got, want) {
			t.Errorf("kv-sync %s says\n%s", args, got)
		}
	}
	for _, args := range []string{"dev -d x", "history --only x", "prune --prod", "history -n x"} {
		got := said(strings.Fields(args)...)
		if strings.Contains(got, "--dir DIR") || strings.Contains(got, "whole site") || strings.Contains(got, "--dry-run") ||
			strings.Contains(got, "each deploy") {
			t.Errorf("kv-sync %s is answered as another command\n%s", args, got)
		}
	}
	for _, args := range []string{"deploy --force", "deploy --releas", "deploy --any-orde", "delete --yess",
		"delete --take-ove", "rollback --forc"} {
		if got := said(strings.Fields(args)...); strings.Contains(got, "did you mean") {
			t.Errorf("kv-sync %s says\n%s", args, got)
		}
	}
	if got := said("deploy", "--nam", "x"); !strings.Contains(got, `did you mean "--name"`) {
		t.Errorf("a misspelled flag: %s", got)
	}
	if got := said("dev", "public"); !strings.Contains(got, "kv-sync watch public") {
		t.Errorf("dev with a folder: %s", got)
	}
}
