package platform_test

import (
	"fmt"
	"testing"
)

func TestDeployedWorkerReadsTheStore(t *testing.T) {
	c := start(t)
	ns, id := c.namespace("assets")
	c.want("PUT", ns+"/bulk", `[{"key":"a/b+c d","value":"aGVsbG8=","base64":true,"metadata":{"t":1}}]`, nil)
	main := part{"main.mjs", esm, `
		import text from "./greeting.txt";
		import data from "./raw.bin";
		export default { async fetch(request, env) {
			const { value, metadata } = await env.KV.getWithMetadata("a/b+c d");
			return Response.json([text, data.byteLength, value, metadata.t, env.J.x, env.S, new URL(request.url).pathname]);
		} }`}
	bindings := fmt.Sprintf(`,"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":%q},{"name":"J","type":"json","json":{"x":[1,"\"é"]}},{"name":"S","type":"secret_text","text":"s3cret"}]`, id)
	c.put("site", metadata(bindings), main, part{"greeting.txt", "text/plain", "hi"}, part{"raw.bin", "application/octet-stream", "\x00\x01\xff"})
	c.visits("site", "/p", `["hi",3,"hello",1,[1,"\"é"],"s3cret","/p"]`)
}

func TestSwitch(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), says("one"))
	c.visits("site", "/", "one")
	two := c.version("site", metadata(""), says("two"))
	c.visits("site", "/", "one")
	c.deploy("site", two)
	c.visits("site", "/", "two")
}
