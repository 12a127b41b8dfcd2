package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// fromRepository reads a file of this repository.
func fromRepository(ts *testscript.TestScript, name string) string {
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	ts.Check(err)
	return string(b)
}

// prompted matches the commands of a document. One with an ellipsis is not complete.
var prompted = regexp.MustCompile(`(?m)^\$ ([^…\n]+)$`)

// follow FILE runs the commands of a document in their order, as a reader does.
func follow(ts *testscript.TestScript, neg bool, args []string) {
	list := prompted.FindAllStringSubmatch(fromRepository(ts, args[0]), -1)
	if len(list) == 0 {
		ts.Fatalf("%s has no commands", args[0])
	}
	for _, m := range list {
		ts.Check(ts.Exec("sh", "-ec", m[1]))
	}
}

// pipelineJob is a job of a pipeline of GitLab.
type pipelineJob struct {
	Variables map[string]string
	Script    []string
}

var yamlBlock = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n")

// pipeline FILE JOB [N] runs the script of a job of GitLab, except for the commands that install
// programs. The pipeline of a document is its block N of YAML, counted from 1.
func pipeline(ts *testscript.TestScript, neg bool, args []string) {
	text := fromRepository(ts, args[0])
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		text = yamlBlock.FindAllStringSubmatch(text, -1)[n-1][1]
	}
	var all map[string]yaml.Node
	ts.Check(yaml.Unmarshal([]byte(text), &all))
	var job pipelineJob
	node := all[args[1]]
	ts.Check(node.Decode(&job))
	if len(job.Script) == 0 {
		ts.Fatalf("%s has no job %s with a script", args[0], args[1])
	}
	env := []string{"CI=true", "GITLAB_CI=true"}
	for name, value := range job.Variables {
		env = append(env, name+"="+value)
	}
	for _, line := range job.Script {
		if !strings.Contains(line, " install ") {
			ts.Check(ts.Exec("env", append(env[:len(env):len(env)], "sh", "-ec", line)...))
		}
	}
}
