package platform_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// hub is a loader Worker. The code of each project gets one stub with its own props.
const hub = `
import { WorkerEntrypoint } from "cloudflare:workers";
export class Files extends WorkerEntrypoint {
	project() { return this.ctx.props.project; }
	fetch(request) { return new Response(this.ctx.props.project + new URL(request.url).pathname); }
}
const code = (text) => ` + "`" + `export default { async fetch(request, env) {
	return Response.json({ code: "${text}", stub: await env.FILES.project(),
		file: await (await env.FILES.fetch("http://files/a")).text(), env: Object.keys(env) });
} }` + "`" + `;
export default { async fetch(request, env, ctx) {
	const [, project, text] = new URL(request.url).pathname.split("/");
	let loaded = false;
	const worker = env.LOADER.get(project + ":" + text, () => {
		loaded = true;
		return {
			compatibilityDate: "2026-11-01", mainModule: "main.js", modules: { "main.js": code(text) },
			env: { FILES: ctx.exports.Files({ props: { project } }) }, globalOutbound: null,
		};
	});
	const answer = await (await worker.getEntrypoint().fetch(request)).json();
	return Response.json({ ...answer, loaded, version: VERSION });
} }`

const loaderBinding = `,"bindings":[{"name":"LOADER","type":"worker_loader"}]`

func hubVersion(version string) part {
	return part{"main.mjs", esm, strings.Replace(hub, "VERSION", `"`+version+`"`, 1)}
}

type loadedAnswer struct {
	Code, Stub, File, Version string
	Env                       []string
	Loaded                    bool
}

func (c *client) load(path string) (got loadedAnswer) {
	c.t.Helper()
	status, body := c.visit("hub", path)
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		c.t.Fatalf("%s: %d %s", path, status, body)
	}
	return got
}

func TestWorkerLoader(t *testing.T) {
	c := start(t, withStartCheck)
	c.put("hub", metadata(loaderBinding), hubVersion("1"))
	for _, project := range []string{"ann", "bob"} {
		want := loadedAnswer{Code: "x", Stub: project, File: project + "/a", Env: []string{"FILES"}, Version: "1",
			Loaded: true}
		if got := c.load("/" + project + "/x"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %+v, want %+v", project, got, want)
		}
	}
	if again := c.load("/ann/x"); again.Loaded || again.Stub != "ann" {
		t.Errorf("the same id loads a Worker again: %+v", again)
	}
	if changed := c.load("/ann/y"); !changed.Loaded || changed.Code != "y" {
		t.Errorf("another id does not load another Worker: %+v", changed)
	}
}

// In a split deployment each version loads its own Workers. Workers that another version loaded
// have stubs of that version.
func TestLoadedWorkersOfASplitDeployment(t *testing.T) {
	c := start(t)
	c.put("hub", metadata(loaderBinding), hubVersion("0"))
	one, two := c.version("hub", metadata(loaderBinding), hubVersion("1")),
		c.version("hub", metadata(loaderBinding), hubVersion("2"))
	c.want("POST", "/workers/scripts/hub/deployments", fmt.Sprintf(
		`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":50},{"version_id":%q,"percentage":50}]}`, one,
		two), nil)
	loads := map[string]int{}
	for range 40 {
		if got := c.load("/ann/x"); got.Loaded {
			loads[got.Version]++
		}
	}
	if loads["1"] != 1 || loads["2"] != 1 {
		t.Errorf("loads by version: %v, want one each", loads)
	}
}

// The platform refuses experimental flags, as Cloudflare does. workerd permits them.
func TestExperimentalFlagsAreRefused(t *testing.T) {
	c := start(t, withStartCheck)
	if a := c.upload("PUT", "/workers/scripts/s", metadata(`,"compatibility_flags":["experimental"]`),
		respondWith("x")); a.code() != 10021 {
		t.Errorf("got %s", a.Raw)
	}
}
