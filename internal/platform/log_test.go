package platform_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits for a text in the log.
func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	waitUntil(t, text, func() bool { return strings.Contains(l.String(), text) })
}

// loud prints and throws in a request, in its background, and in a Durable Object.
var loud = part{"main.mjs", esm, `
import { DurableObject } from "cloudflare:workers";
console.log("loading");
export class Room extends DurableObject { fetch() { console.log("in the room"); throw new RangeError("room") } }
export default { async fetch(request, env, ctx) {
	const { pathname } = new URL(request.url);
	console.log("visit", pathname, new Map([[1, 2]]));
	if (pathname === "/later") ctx.waitUntil(Promise.reject(new SyntaxError("later")));
	if (pathname === "/room") return env.ROOM.getByName("a").fetch(request);
	if (pathname === "/throw") throw new TypeError("one\n[web] two");
	return new Response("ok");
} }`}

// The log has the message and the stack of each error that a Worker throws, in requests, in the
// background and in Durable Objects. Each line begins with the name of the Worker.
func TestLog(t *testing.T) {
	t.Parallel()
	log := &lines{}
	c := start(t, func(o *platform.Options) { o.Log = log })
	room := `,"bindings":[{"name":"ROOM","type":"durable_object_namespace","class_name":"Room"}],
		"migrations":{"new_tag":"v1","steps":[{"new_sqlite_classes":["Room"]}]}`
	c.put("api", metadata(room), loud)
	c.visit("api", "/throw")
	log.await(t, "[api] loading\n")
	log.await(t, "[api] visit /throw Map(1) { 1 => 2 }\n")
	log.await(t, "[api] Uncaught TypeError: one\n[api] [web] two\n[api]     at Object.fetch (main.mjs:10:")
	c.visit("api", "/later")
	log.await(t, "[api] Uncaught SyntaxError: later\n[api]     at Object.fetch (main.mjs:8:")
	c.visit("api", "/room")
	log.await(t, "[api] in the room\n")
	log.await(t, "[api] Uncaught RangeError: room\n[api]     at Room.fetch (main.mjs:4:")
	if text := log.String(); strings.Contains(text, "workerd/") || strings.Contains(text, "jsg") {
		t.Errorf("the log has workerd's own lines:\n%s", text)
	}

	// Two Workers in one process have their own names in the log. The second one has a source map.
	c.put("web", metadata(`,"bindings":[{"name":"API","type":"service","service":"api"}]`),
		part{"main.mjs", esm, "export default { async fetch(request, env) {\n" +
			"  console.log('web'); await env.API.fetch(request); throw new Error('web');\n} }"},
		part{"main.mjs.map", "application/source-map",
			`{"version":3,"sources":["src/web.ts"],"names":[],"mappings":";AAqBA"}`})
	c.visit("web", "/through")
	log.await(t, "[web] web\n")
	log.await(t, "[api] visit /through [object Map]\n")
	log.await(t, "[web] Uncaught Error: web\n[web]     at Object.fetch (src/web.ts:22:")
}
