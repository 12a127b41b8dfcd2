package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// all returns the inputs of a step for every project.
func all(more ...string) map[string]string {
	with := map[string]string{"name": "", "projects": "true"}
	for i := 0; i < len(more); i += 2 {
		with[more[i]] = more[i+1]
	}
	return with
}

func one(id string, more ...string) map[string]string {
	with := all(more...)
	with["project"], with["projects"] = id, "false"
	return with
}

const hello = "export default { fetch: (request: Request, env: any) => env.ASSETS.fetch(request) };\n"

func twoProjects() map[string][]byte {
	return map[string][]byte{
		"kv-sync.toml":                    []byte("namespace = \"projects\"\nname = \"platform\"\n"),
		"projects/blog/kv-sync.toml":      []byte("worker = \"index.ts\"\n"),
		"projects/blog/index.ts":          []byte(hello),
		"projects/blog/public/index.html": []byte("<h1>blog"),
		"projects/shop/wrangler.jsonc":    []byte(`{"name": "shop-dev", "main": "index.ts", "vars": {"GREETING": "hello"}}`),
		"projects/shop/index.ts":          []byte(hello),
		"projects/shop/public/index.html": []byte("<h1>shop"),
		"projects/shop/public/a.css":      []byte("a {}"),
	}
}

// value reads a key of the only namespace.
func (r *runner) value(key string) string {
	r.t.Helper()
	res := r.api("/storage/kv/namespaces/" + r.namespace() + "/values/" + strings.ReplaceAll(key, "/", "%2F"))
	return res
}

func (r *runner) namespace() string {
	r.t.Helper()
	var list struct{ Result []struct{ ID string } }
	if err := json.Unmarshal([]byte(r.api("/storage/kv/namespaces")), &list); err != nil || len(list.Result) != 1 {
		r.t.Fatalf("there are the namespaces %v: %v", list, err)
	}
	return list.Result[0].ID
}

func (r *runner) api(path string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet,
		r.platform.BaseURL+"/accounts/"+r.platform.AccountID+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	return body(r.t, req)
}

// live returns the ID of a project's live deployment.
func (r *runner) live(id string) string {
	r.t.Helper()
	var current struct {
		Version struct {
			Meta struct{ Deployment string } `json:"kv_sync"`
		}
	}
	text := r.value("project/" + id + "/current")
	if err := json.Unmarshal([]byte(text), &current); err != nil || current.Version.Meta.Deployment == "" {
		r.t.Fatalf("project/%s/current is %q: %v", id, text, err)
	}
	return current.Version.Meta.Deployment
}

// wantOutputs checks the outputs of a job for several projects, and returns its plans.
func (o outcome) wantOutputs(t *testing.T, uploaded, unchanged string, plans ...string) map[string]plan.Plan {
	t.Helper()
	for _, name := range []string{"deployment-id", "version-id", "previous-version-id", "deployment-url"} {
		if v, ok := o.outputs[name]; v != "" || !ok {
			t.Errorf("output %s is %q", name, v)
		}
	}
	if o.outputs["uploaded"] != uploaded || o.outputs["unchanged"] != unchanged || o.outputs["pruned"] != "0" {
		t.Errorf("outputs are %v", o.outputs)
	}
	got := map[string]plan.Plan{}
	if err := json.Unmarshal([]byte(o.outputs["plan-json"]), &got); err != nil {
		t.Fatalf("plan-json is %q: %v", o.outputs["plan-json"], err)
	}
	var ids []string
	for id := range got {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, plans) {
		t.Errorf("plan-json has the plans of %v, want %v", ids, plans)
	}
	return got
}

func TestProjects(t *testing.T) {
	r := newRunner(t)
	first := r.push(twoProjects())
	plan := r.job(first, all("mode", "plan"), nil)
	plan.want(t, 0, "2 projects: 2 would change, 0 unchanged, 0 failed.")
	plan.wantOutputs(t, "0", "0", "blog", "shop")
	for _, q := range r.platform.Server.Requests() {
		if q.Method != http.MethodGet {
			t.Errorf("a plan sent %s %s", q.Method, q.Path)
		}
	}
	begin := r.job(first, all(), nil)
	begin.want(t, 0, "::group::project/blog is live as deployment", "::group::project/shop is live as deployment",
		"+ /a.css",
		"2 projects: 2 changed, 0 unchanged, 0 failed.")
	if strings.Count(begin.log, "::group::") != 2 || strings.Count(begin.log, "::endgroup::") != 2 {
		t.Error("the log does not have one group for each project")
	}
	begin.wantOutputs(t, "3", "0", "blog", "shop")
	for _, q := range r.platform.Server.Requests() {
		if strings.Contains(q.Path, "/workers/") {
			t.Errorf("a deploy of projects requires the permission for %s", q.Path)
		}
	}
	blog, shop := r.live("blog"), r.live("shop")

	second := r.push(map[string][]byte{"projects/shop/public/index.html": []byte("<h1>new shop")})
	r.platform.Server.ResetRequests()
	hub := gitHub(t, first, second)
	change := r.job(second, all("github-token", "gh-secret-token-123"),
		map[string]string{"GITHUB_API_URL": hub, "KV_SYNC_NAMESPACE": r.namespace()})
	change.want(t, 0, "project/blog: nothing to do", "~ /index.html", "2 projects: 1 changed, 1 unchanged, 0 failed.")
	plans := change.wantOutputs(t, "1", "2", "blog", "shop")
	if !plans["blog"].NoChange || len(plans["shop"].Changed) != 1 || plans["shop"].Changed[0].Path != "/index.html" {
		t.Errorf("plan-json is %s", change.outputs["plan-json"])
	}
	if n := r.requestsOf("blog"); n != 0 {
		t.Errorf("a project that did not change cost %d requests of its own", n)
	}
	changed := r.live("shop")
	if got := r.live("blog"); got != blog || changed == shop {
		t.Errorf("live are %s and %s, before %s and %s", got, changed, blog, shop)
	}
	for _, s := range []string{"| shop | files |  | 1 |  | ", "| blog | nothing |  |  |  | ", "#### shop",
		"| changed | /index&#46;html |", escape("--project shop --to " + shop)} {
		if !strings.Contains(change.summary, s) {
			t.Errorf("the summary lacks %q", s)
		}
	}
	if strings.Contains(change.summary, "#### blog") {
		t.Error("the summary has a diff of a project that did not change")
	}

	back := r.job(second, one("shop", "mode", "rollback"), nil)
	back.want(t, 0, "project/shop is back at deployment "+shop)
	if got := r.live("shop"); got != shop || r.live("blog") != blog {
		t.Errorf("after the rollback %s is live, want %s", got, shop)
	}
	if back.outputs["deployment-id"] != shop || back.outputs["deployment-url"] != "" || back.outputs["version-id"] == "" {
		t.Errorf("outputs are %v", back.outputs)
	}
	held := r.job(second, all(), nil)
	held.want(t, 0, "::notice ", "left alone: commit ", "is held back", "2 projects: 0 changed, 2 unchanged, 0 failed.")
	if !strings.Contains(held.summary, "| shop | nothing |  |  |  | "+escape(shop)+" |") {
		t.Error("the summary does not say what is live of a project that is held back")
	}
	r.job(second, one("shop", "mode", "prune", "dry-run", "true"), nil).want(t, 0, "project/shop: 0 keys would be deleted")
	r.job(second, one("blog"), nil).want(t, 0, "project/blog: nothing to do")
	nowhere := filepath.Join(t.TempDir(), "absent", "output")
	r.job(second, all("mode", "plan"), map[string]string{"GITHUB_OUTPUT": nowhere}).want(t, 1,
		"::error title=kv-sync plan::set output")
}

// requestsOf counts the requests about the keys of a project.
func (r *runner) requestsOf(project string) (n int) {
	for _, q := range r.platform.Server.Requests() {
		if strings.Contains(q.Path, "project%2F"+project+"%2F") {
			n++
		}
	}
	return n
}

func TestOneProjectIsRefused(t *testing.T) {
	r := newRunner(t)
	files := twoProjects()
	files["projects/blog/public/.assetsignore"] = []byte("!.env\n")
	files["projects/blog/public/.env"] = []byte("SECRET=1")
	files["projects/docs/index.ts"] = []byte("export default { fetch( };\n")
	files["projects/docs/kv-sync.toml"] = []byte("worker = \"index.ts\"\n")
	files["projects/docs/public/index.html"] = []byte("x")
	files["projects/news/kv-sync.toml"] = []byte("\nretian = 3\n")
	o := r.job(r.push(files), all(), nil)
	o.want(t, 3, "::error file=projects/blog/public/.env,line=1,title=kv-sync%3A projects/blog/public/.env::",
		"::error file=projects/docs/index.ts,line=1,", "::error file=projects/news/kv-sync.toml,line=2,",
		"::error title=kv-sync deploy project/blog::", "::group::project/blog: failed",
		"4 projects: 1 changed, 0 unchanged, 3 failed.", "3 of 4 projects failed, the others are done")
	o.wantOutputs(t, "2", "0", "shop")
	r.live("shop")
	for _, s := range []string{"| blog | failed |", "| shop | new | 2 |  |  | ", "#### blog",
		"projects/blog/public/&#46;env", "projects/news/kv&#45;sync&#46;toml | 2 |",
		escape("projects/shop/wrangler.jsonc:1: the file has no")} {
		if !strings.Contains(o.summary, s) {
			t.Errorf("the summary lacks %q", s)
		}
	}
	if strings.Index(o.summary, "| blog |") > strings.Index(o.summary, "| shop |") ||
		strings.Index(o.summary, "#### blog") > strings.Index(o.summary, "#### shop") {
		t.Error("the summary does not begin with the failed projects")
	}
	r.job(r.push(map[string][]byte{"projects/blog/public/.env": nil}), one("docs"), nil).want(t, 3,
		"::error file=projects/docs/index.ts,line=1,")
}

// A problem of the shared configuration is annotated once.
func TestSharedConfigurationIsAnnotatedOnce(t *testing.T) {
	r := newRunner(t)
	files := twoProjects()
	files["kv-sync.toml"] = []byte("retian = 3\n")
	o := r.job(r.push(files), all(), nil)
	o.want(t, 2, "::error file=kv-sync.toml,line=1,", "2 of 2 projects failed")
	if n := strings.Count(o.log, "::error file=kv-sync.toml"); n != 1 {
		t.Errorf("the shared file is annotated %d times", n)
	}
}

func TestInvalidInputsOfProjects(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	for name, c := range map[string]struct {
		with map[string]string
		env  map[string]string
		log  string
	}{
		"rollback of all":           {all("mode", "rollback"), nil, "input projects is for mode: deploy and mode: plan"},
		"prune of all":              {all("mode", "prune"), nil, "input projects is for mode: deploy and mode: plan"},
		"projects and name":         {all("name", "site"), nil, "input name describes a single project"},
		"projects and directory":    {all("directory", "public"), nil, "input directory describes a single project"},
		"projects and config":       {all("config", "wrangler.jsonc"), nil, "input config describes a single project"},
		"projects and project":      {all("project", "shop"), nil, "input project describes a single project"},
		"project and name":          {one("shop", "name", "site"), nil, "input name names a site"},
		"projects is not a boolean": {all("projects", "perhaps"), nil, "input projects is"},
		"invalid project ID":        {one("../shop"), nil, "use 1 to 63 of a-z"},
		"no folder of projects":     {all(), nil, "there is no folder projects"},
		"pull_request_target": {all("mode", "plan"), map[string]string{"GITHUB_EVENT_NAME": "pull_request_target"},
			"pull_request_target"},
		"a fork": {all(), map[string]string{"GITHUB_EVENT_NAME": "workflow_run",
			"event": `{"repository":{"full_name":"someone/site"},` +
				`"workflow_run":{"event":"push","head_repository":{"full_name":"stranger/site"}}}`}, "stranger/site"},
	} {
		t.Run(name, func(t *testing.T) {
			sub := *r
			sub.t = t
			o := sub.job(commit, c.with, c.env)
			o.want(t, 2, c.log)
			if !strings.Contains(o.summary, escape(c.log)) {
				t.Error("the summary lacks the error")
			}
		})
	}
	if n := len(r.platform.Server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// If a project cannot be reached, the others continue.
func TestOneProjectFailsAtTheAPI(t *testing.T) {
	r := newRunner(t)
	commit := r.push(twoProjects())
	r.job(commit, one("shop"), nil).want(t, 0)
	r.platform.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if strings.Contains(q.Path, "project%2Fblog%2F") {
			return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden}
		}
		return platform.Fault{}
	})
	o := r.job(commit, all(), nil)
	o.want(t, 5, "project/shop: nothing to do", "2 projects: 0 changed, 1 unchanged, 1 failed.")
}

// In the pathname layout, the report has no deployment IDs and no sizes of live files.
func TestProjectInThePathnameLayout(t *testing.T) {
	r := newRunner(t)
	files := map[string][]byte{
		"projects/files/kv-sync.toml":      []byte("namespace = \"projects\"\nlayout = \"pathname\"\n"),
		"projects/files/public/index.html": []byte("one"),
		"projects/files/public/old.html":   []byte("old"),
	}
	first := r.push(files)
	r.job(first, all(), nil).want(t, 0, "::group::project/files: these files are live.")
	r.job(first, all(), nil).want(t, 0, "1 project: 0 changed",
		"::group::project/files: nothing to do, these files are live.")
	second := r.push(map[string][]byte{"projects/files/public/index.html": []byte("two"),
		"projects/files/public/old.html": nil})
	o := r.job(second, one("files"), nil)
	o.want(t, 0, "  - /old.html\n", "project/files: these files are live.")
	for _, s := range []string{"| changed | /index&#46;html | 3 B |  |", "| removed | /old&#46;html |  |  |"} {
		if !strings.Contains(o.summary, s) {
			t.Errorf("the summary lacks %q", s)
		}
	}
	if got := r.value("project/files/assets/index.html"); got != "two" {
		t.Errorf("the file is %q", got)
	}
	r.job(second, one("files", "mode", "rollback"), nil).want(t, 4, "pathname")
}

func TestPlansOfManyProjectsFit(t *testing.T) {
	small := &plan.Plan{Site: "project/small", Added: []plan.Change{{Path: "/a"}}}
	large := &plan.Plan{Site: "project/large", Unchanged: 7}
	for i := range 5000 {
		large.Added = append(large.Added, plan.Change{Path: fmt.Sprintf("/%s/%d", strings.Repeat("x", 100), i)})
	}
	var p plans
	p.add("a", small)
	p.add("b", large)
	p.add("c", nil)
	text, err := p.text()
	if err != nil || len(text) > maxPlanJSON || !strings.Contains(text, `"added":[{"path":"/a"`) ||
		strings.Count(text, `"truncated":true`) != 1 || !strings.Contains(text, `"unchanged":7`) ||
		strings.Contains(text, `"c":`) {
		t.Errorf("plan-json is %.300q: %v", text, err)
	}
	large.Added = large.Added[:100]
	for i := range 3000 {
		if p.add(fmt.Sprint("project-", i), large); !p.full && p.bytes > maxPlanJSON {
			t.Fatalf("it holds %d bytes", p.bytes)
		}
	}
	if text, err = p.text(); err != nil || text != `{"truncated":true}` {
		t.Errorf("plan-json is %.300q: %v", text, err)
	}
	if text, err = new(plans).text(); err != nil || text != "{}" {
		t.Errorf("plan-json of none is %q: %v", text, err)
	}
}

func TestSummaryOfManyProjectsFits(t *testing.T) {
	shown := &plan.Plan{}
	for i := range 300 {
		shown.Added = append(shown.Added, plan.Change{Path: fmt.Sprintf("/%s/%d", strings.Repeat("|", 500), i)})
	}
	var o overview
	for i := range 1000 {
		r := &app.Report{Command: modeDeploy, Plan: shown, Added: len(shown.Added)}
		if i%2 == 1 {
			r.Error = &app.Failure{Message: strings.Repeat("|", 600)}
		}
		o.add(fmt.Sprint("project-", i), r)
	}
	if n := o.faults.Len() + o.diffs.Len(); n > 2<<20 {
		t.Errorf("it holds %d bytes", n)
	}
	text := o.summary(&app.Report{Command: modeDeploy})
	if len(text) > 1<<20 || !strings.Contains(text, "The log has 600 more.") ||
		!strings.HasSuffix(text, "\nThe rest is in the log.\n") {
		t.Errorf("the summary has %d bytes", len(text))
	}
	if n := strings.Count(text, "| failed |"); n != summaryRows {
		t.Errorf("the table has %d rows of failed projects", n)
	}
}
