package bundle_test

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

// Code is refused if Cloudflare would refuse it after the upload, or if every request would fail.
func TestPlatformRefusals(t *testing.T) {
	refusals{
		"service worker": {
			files: map[string]string{"index.ts": `addEventListener("fetch", () => {})`},
			want: []string{"index.ts: the Worker calls addEventListener", "export default { fetch(request, env, ctx)",
				`in place of addEventListener("fetch", …)`},
		},
		"service worker in a package of the type commonjs": {
			files: map[string]string{"index.ts": `addEventListener("fetch", () => {})`, "package.json": `{"type": "commonjs"}`},
			want:  []string{"index.ts: the Worker calls addEventListener"},
		},
		"module.exports": {
			files: map[string]string{"index.ts": `module.exports = { fetch() {} }`},
			want: []string{"index.ts: the Worker is a CommonJS module, in which Cloudflare finds no handlers; write export " +
				"default { … } in place of module.exports"},
		},
		"service worker without bundling": {
			files:   map[string]string{"w.js": `addEventListener("fetch", () => {})`},
			options: bundle.Options{Main: "w.js", NoBundle: true},
			want:    []string{"w.js: the Worker calls addEventListener"},
		},
		"module.exports without bundling": {
			files:   map[string]string{"w.js": `exports.default = { fetch() {} }`},
			options: bundle.Options{Main: "w.js", NoBundle: true},
			want:    []string{"w.js: the Worker is a CommonJS module"},
		},
		"modules of node that came later": {
			files: map[string]string{
				"index.ts":                  `import "node:os"; import "tty"; import x from "old"; export default { x }`,
				"node_modules/old/index.js": `module.exports = require("http2")`,
			},
			options: bundle.Options{CompatibilityDate: "2024-09-23", CompatibilityFlags: []string{"nodejs_compat"}},
			want: []string{
				`index.ts: "node:os" exists from the compatibility date 2025-09-15 on, and this Worker has 2024-09-23; ` +
					`set compatibility_date to 2026-03-17 or later`,
				`index.ts: "node:tty" exists from the compatibility date 2026-03-17 on`,
				`node_modules/old/index.js: "node:http2" exists from the compatibility date 2025-09-01 on`,
			},
		},
		"modules of node that came later, without bundling": {
			files: map[string]string{"w.js": `import "./lib.js"; export default {}`, "lib.js": `export * from "node:os"`},
			options: bundle.Options{Main: "w.js", NoBundle: true, CompatibilityDate: "2025-09-14",
				CompatibilityFlags: []string{"nodejs_compat"},
				Rules:              []bundle.Rule{{Type: "ESModule", Globs: []string{"**/*.js"}}}},
			want: []string{`lib.js: "node:os" exists from the compatibility date 2025-09-15 on, and this Worker has 2025-09-14`},
		},
		"a module of node that is switched off": {
			files: map[string]string{"index.ts": `import "node:os"; export default {}`},
			options: bundle.Options{CompatibilityDate: "2026-11-01",
				CompatibilityFlags: []string{"disable_nodejs_os_module"}},
			want: []string{`"node:os" does not exist in this Worker; remove "disable_nodejs_os_module"`},
		},
		"a module of node that Cloudflare does not have": {
			files:   map[string]string{"index.ts": `import "node:sea"; export default {}`},
			options: bundle.Options{CompatibilityDate: "2026-11-01"},
			want:    []string{`"node:sea" does not exist in this Worker; remove the import`},
		},
	}.run(t)
}
