package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Each line of every secret is masked separately, because the runner masks lines.
func TestEverySecretIsMasked(t *testing.T) {
	env := map[string]string{
		"INPUT_API-TOKEN": "input-token", "INPUT_GITHUB-TOKEN": "input-hub", "CLOUDFLARE_API_TOKEN": "token",
		"CF_API_TOKEN":       "old-token",
		"CLOUDFLARE_API_KEY": "whole-key", "CF_API_KEY": "old-key", "GITHUB_TOKEN": "first line\r\n second line\nabc\n",
	}
	got := secrets(githubactions.New(githubactions.WithGetenv(func(name string) string { return env[name] })))
	want := []string{"first line", "input-hub", "input-token", "old-key", "old-token", "second line", "token", "whole-key"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the masked values are %q, want %q", got, want)
	}
}

// An output with a newline could set other outputs. An output with a secret would pass the
// secret to other jobs.
func TestOutputsAreOneLineWithoutSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "output")
	getenv := func(name string) string { return map[string]string{"GITHUB_OUTPUT": file}[name] }
	var w bytes.Buffer
	c := newConsole(githubactions.New(githubactions.WithWriter(&w), githubactions.WithGetenv(getenv)), &w,
		[]string{"tok-123456"})
	for _, value := range []string{"a\nb", "a\rb", "a\r\nb", "\n"} {
		if err := output(c, "deployment-url", value); err == nil {
			t.Errorf("%q is set", value)
		}
	}
	if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
		t.Errorf("the file has %q", b)
	}
	if err := output(c, "deployment-url", "https://x.example/?tok-123456"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); strings.Contains(got, "123456") || !strings.Contains(got, "https://x.example/") {
		t.Errorf("the file has %q", got)
	}
}

// An annotation names only files of the repository.
func TestProblemsOutsideTheWorkspaceNameNoFile(t *testing.T) {
	root := t.TempDir()
	workspace := filepath.Join(root, "workspace")
	write(t, filepath.Join(workspace, "site/public/index.html"), nil)
	write(t, filepath.Join(root, "outside.html"), nil)
	for dir, paths := range map[string][]string{
		"public": {"index.html", "../../../outside.html", "/etc/passwd"},
		"":       {"public/index.html", "../../outside.html", "/etc/passwd"},
	} {
		turn := &turn{workspace: workspace, folder: "site", files: map[string]bool{}}
		var problems []manifest.Problem
		for _, p := range paths {
			problems = append(problems, manifest.Problem{Path: p})
		}
		turn.locate(problems, dir)
		for i, want := range []string{"site/public/index.html", "", ""} {
			if got := turn.file(problems[i]); got != want {
				t.Errorf("%q in %q is annotated at %q, want %q", paths[i], dir, got, want)
			}
		}
	}
}

// The summary shows file names and other foreign texts as plain text.
func TestSummaryShowsNamesAsText(t *testing.T) {
	for _, name := range hostile {
		change := []plan.Change{{Path: name}}
		plan := &plan.Plan{Added: change, Changed: change, Removed: change}
		deployed := summary(&app.Report{Command: modeDeploy, Site: name, URL: name, Plan: plan, Notices: []string{name}})
		refused := summary(&app.Report{Command: modeDeploy, Error: &app.Failure{
			Message: name, Fix: name, Removed: change, Problems: []manifest.Problem{{Path: name, Reason: name, Fix: name}},
		}})
		shown := escape(name)
		for _, want := range []string{"| added | " + shown + " |", "| changed | " + shown + " |", "| removed | " + shown +
			" |", "| Address | " + linkTo(name) + " |", "> " + shown + "\n"} {
			if !strings.Contains(deployed, want) {
				t.Errorf("%q: the summary of a deploy lacks %q", name, want)
			}
		}
		for _, want := range []string{"**" + shown + "**", "What to do: " + shown + "\n", "| " + shown + " |  | " + shown +
			" | " + shown + " |", "\n| " + shown + " |\n"} {
			if !strings.Contains(refused, want) {
				t.Errorf("%q: the summary of a failure lacks %q", name, want)
			}
		}
	}
}

// The summary names inputs where the command would name flags.
func TestSummaryNamesInputs(t *testing.T) {
	wrong := &app.UsageError{Err: errors.New("publish what is here (--source folder)"), Fix: "name it with --name"}
	text := summary(&app.Report{Command: modeDeploy, Error: app.Explain(advice.Workflow, wrong)})
	if strings.Contains(text, "\\-\\-") || strings.Contains(text, "--") ||
		!strings.Contains(text, escape("the input source folder")) || !strings.Contains(text, escape("the input name")) {
		t.Errorf("the summary is\n%s", text)
	}
}
