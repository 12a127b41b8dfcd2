// Runs the same operations on two KV namespaces and reports different results. If one throws an
// error, the other must throw one, too. The errors may be different.
async function outcome(action) {
	try {
		return JSON.stringify(await action()) ?? "undefined";
	} catch {
		return "throws";
	}
}

const keys = ["a", "a/b", "a//b", "a+b&c=d", "50%", "%2F", "é ü", "日本", " ", "...", "a/../b", "?q#f", "Z", "z", "\u{1F600}", "\uFFFD", "k".repeat(512)];
const bad = ["", ".", "..", "k".repeat(513), "é".repeat(257)];

export const operations = [
	...[...keys, ...bad].map((key) => [`put ${key.slice(0, 20)}`, (kv) => kv.put(key, "v:" + key, { metadata: { key } })]),
	...[...keys, ...bad].map((key) => [`get ${key.slice(0, 20)}`, (kv) => kv.getWithMetadata(key)]),
	["get of a missing key", (kv) => kv.get("none")],
	["metadata of 1024 bytes", (kv) => kv.put("m", "v", { metadata: "m".repeat(1022) })],
	["metadata of 1025 bytes", (kv) => kv.put("m2", "v", { metadata: "m".repeat(1023) })],
	["metadata of é", (kv) => kv.put("m3", "v", { metadata: "é" }).then(() => kv.getWithMetadata("m3"))],
	["value of 25 MiB", (kv) => kv.put("big", new Uint8Array(25 << 20))],
	["value over 25 MiB", (kv) => kv.put("big2", new Uint8Array((25 << 20) + 1))],
	["bytes", (kv) => kv.put("bytes", new Uint8Array([0, 255, 10])).then(async () => [...new Uint8Array(await kv.get("bytes", "arrayBuffer"))])],
	["empty value", (kv) => kv.put("empty", "").then(() => kv.get("empty"))],
	["ttl of 59", (kv) => kv.put("t", "v", { expirationTtl: 59 })],
	["ttl of 60", (kv) => kv.put("t", "v", { expirationTtl: 60 })],
	["expiration in the past", (kv) => kv.put("t2", "v", { expiration: 1000000000 })],
	...[1, 29, 30, 60, 3e7, 0, -1, 30.5].map((cacheTtl) => ["cacheTtl of " + cacheTtl, (kv) => kv.get("a", { cacheTtl })]),
	...[1, 29, 30, 60, 3e7, 0, -1, 30.5].map((cacheTtl) => ["bulk get, cacheTtl of " + cacheTtl, async (kv) => [...(await kv.get(["a/b"], { cacheTtl }))]]),
	["delete", (kv) => kv.delete("a")],
	["delete of a missing key", (kv) => kv.delete("none")],
	["bulk get", async (kv) => [...(await kv.get(["a/b", "none", "é ü"]))]],
	["bulk get with metadata", async (kv) => [...(await kv.getWithMetadata(["a/b", "none"]))]],
	["bulk get of 101", (kv) => kv.get(Array.from({ length: 101 }, (_, i) => "k" + i))],
	["overwriting drops metadata", (kv) => kv.put("a/b", "new").then(() => kv.getWithMetadata("a/b"))],
	["list", async (kv) => (await kv.list()).keys.map(({ name, metadata }) => [name, metadata])],
	["list by prefix", async (kv) => (await kv.list({ prefix: "a" })).keys.map(({ name }) => name)],
	["list by absent prefix", (kv) => kv.list({ prefix: "nothing" }).then((l) => [l.keys, l.list_complete])],
	["list by pages", async (kv) => {
		const names = [];
		for (let cursor; ;) {
			const page = await kv.list({ limit: 3, cursor });
			names.push(page.keys.map(({ name }) => name));
			if (page.list_complete) return names;
			cursor = page.cursor;
		}
	}],
];

export default {
	async fetch(request, env) {
		const differences = [];
		for (const [name, run] of operations) {
			const [ours, theirs] = [await outcome(() => run(env.OURS)), await outcome(() => run(env.THEIRS))];
			if (ours !== theirs) differences.push({ name, ours: ours.slice(0, 400), theirs: theirs.slice(0, 400) });
		}
		return Response.json({ operations: operations.length, differences });
	},
};
