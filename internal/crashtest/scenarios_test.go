package crashtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
)

func scenarios() []scenario {
	return slices.Concat(siteScenarios(), projectScenarios(), indexScenarios(), actionScenarios())
}

// loader is a platform's Worker, which serves the project that the host names.
const loader = `import { AssetBinding, serveProject } from "@kv-sync/worker/dynamic";
export { AssetBinding };
export default {
  async fetch(request, env, ctx) {
    const project = new URL(request.url).hostname.split(".")[0];
    return (await serveProject(request, project, env, ctx)) ?? new Response("no project", { status: 404 });
  },
};
`

const code = "export default { fetch: (request, env) => env.ASSETS.fetch(request) };\n"

// project are the files of a version of two projects.
func project(n string) map[string]string {
	files := make(map[string]string)
	for _, id := range []string{"shop", "blog"} {
		for name, content := range version(n) {
			files["projects/"+id+"/"+name] = content
		}
		files["projects/"+id+"/index.js"] = code
		files["projects/"+id+"/wrangler.jsonc"] = `{"name": "x", "main": "index.js", "compatibility_date": "2026-09-01"}`
	}
	return files
}

// withLoader deploys the platform's Worker.
func withLoader(s *stage) {
	s.commit(map[string]string{"src/index.js": loader, "wrangler.jsonc": `{"name": "loader", "main": "src/index.js",
		"compatibility_date": "2026-10-01", "worker_loaders": [{"binding": "LOADER"}]}`, "public/index.html": "platform"})
	s.succeed(kvSync("deploy"))
}

func committed(files map[string]string) func(*stage) { return func(s *stage) { s.commit(files) } }

func ofProject(args ...string) func(*stage) run {
	return func(*stage) run { return kvSync(append(args, "--project", "shop")...) }
}

func all(args ...string) func(*stage) run { return func(*stage) run { return kvSync(args...) } }

func visitProjects(ids ...string) func(*stage) []string {
	return func(s *stage) (parts []string) {
		for _, id := range ids {
			parts = append(parts, s.visit("loader", id+".example.com", pages...))
		}
		return parts
	}
}

// projectScenarios are those of Dynamic Workers.
func projectScenarios() []scenario {
	shop := visitProjects("shop")
	first := then(withLoader, committed(project("old")))
	second := then(first, must(all("deploy", "--projects")), committed(project("new")))
	return []scenario{
		{name: "first deploy of a project", prepare: first, run: ofProject("deploy"), visible: shop},
		{name: "deploy of a project", prepare: second, run: ofProject("deploy"), visible: shop},
		{name: "deploy --projects", prepare: second, run: all("deploy", "--projects"),
			visible: visitProjects("shop", "blog"), several: true},
		{name: "rollback of a project", prepare: then(second, must(ofProject("deploy"))), run: ofProject("rollback"),
			visible: shop},
		{name: "delete of a project", prepare: second, run: ofProject("delete", "--yes"), visible: shop,
			several: true},
	}
}

// indexScenarios are those of the layout kv-assets.
func indexScenarios() []scenario {
	files := func(n string) map[string]string {
		return with(version(n), "wrangler.toml", "name = \"rusty\"\ntype = \"rust\"\nworkers_dev = true\n", "Cargo.toml",
			"[package]\nname = \"rusty\"\n", "src/lib.rs", "static A: &[u8] = include_bytes!(\"../data/assets.bin\");\n")
	}
	index := func(s *stage) []string {
		b, err := os.ReadFile(s.path("work", "data", "assets.bin"))
		if err != nil {
			return []string{"no index"}
		}
		return []string{fmt.Sprintf("%x", sha256.Sum256(b))}
	}
	whole := func(s *stage) string {
		names := strings.Join(s.keys(""), " ")
		for _, name := range []string{"index.", "a.", "same."} {
			if !strings.Contains(names, " "+name) {
				return name + " is not among " + names
			}
		}
		return ""
	}
	return []scenario{
		{name: "first index", prepare: committed(files("old")), run: all(), visible: index, done: whole, bare: true},
		{name: "index", prepare: then(committed(files("old")), must(all()), committed(files("new"))), run: all(),
			visible: index, done: whole, bare: true},
	}
}

// job is a run of the Action.
func job(mode, event string) func(*stage) run {
	return func(s *stage) run {
		event := `{"repository":{"full_name":"a/b"}}`
		for name, text := range map[string]string{"output": "", "summary": "", "event.json": event} {
			s.must(os.WriteFile(s.path("home", name), []byte(text), 0o600))
		}
		head := strings.TrimSpace(s.succeed(git("rev-parse", "HEAD")).text)
		return run{program: action, env: []string{"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE=" + s.path("work"),
			"GITHUB_OUTPUT=" + s.path("home", "output"), "GITHUB_STEP_SUMMARY=" + s.path("home", "summary"),
			"GITHUB_EVENT_PATH=" + s.path("home", "event.json"), "GITHUB_EVENT_NAME=" + event, "GITHUB_REPOSITORY=a/b",
			"GITHUB_SHA=" + head, "GITHUB_REF=refs/heads/main", "GITHUB_REF_NAME=main", "GITHUB_RUN_ID=7",
			"GITHUB_ACTOR=mona", "GITHUB_API_URL=http://127.0.0.1:9", "INPUT_API-TOKEN=" + token,
			"INPUT_ACCOUNT-ID=" + accountID, "INPUT_NAME=tides", "INPUT_MODE=" + mode, "INPUT_SOURCE=auto"}}
	}
}

// actionScenarios are those of the GitHub Action.
func actionScenarios() []scenario {
	deploy, old, next := job("deploy", "push"), version("old"), version("new")
	deployedByJobs := func(versions ...map[string]string) func(*stage) {
		return func(s *stage) {
			for i, v := range versions {
				s.commit(v)
				if i < len(versions)-1 {
					s.succeed(deploy(s))
				}
			}
		}
	}
	return []scenario{
		{name: "job: first deploy", prepare: committed(old), run: deploy, visible: visitSite},
		{name: "job: deploy", prepare: deployedByJobs(old, next), run: deploy, visible: visitSite},
		{name: "job: rollback", prepare: then(deployedByJobs(old, next), must(deploy)),
			run: job("rollback", "workflow_dispatch"), visible: visitSite},
	}
}
