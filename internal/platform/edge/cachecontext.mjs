// Adds ctx.cache to a Worker: for its default handlers and its entrypoint classes.
import * as worker from "./main.mjs";
import { WorkerEntrypoint } from "cloudflare:workers";
export * from "./main.mjs";

/** The ctx.cache of an entrypoint. */
function cacheOf(entrypoint) {
	const purge = async (options) => {
		const query = new URLSearchParams({ entrypoint, options: JSON.stringify(options) });
		const cache = await caches.open("ctx.cache.purge");
		return (await cache.match(`https://cache/?${query}`)).json();
	};
	return { purge, invalidate: purge };
}

const names = new Map(Object.entries(worker).map(([name, value]) => [value, name]));

/** Becomes the base class of the classes that extend WorkerEntrypoint, and sets ctx.cache. */
class Entrypoint extends WorkerEntrypoint {
	constructor(ctx, env) {
		ctx.cache = cacheOf(names.get(new.target));
		super(ctx, env);
	}
}
for (let value of names.keys()) {
	for (; typeof value === "function" && value !== Entrypoint; value = Object.getPrototypeOf(value)) {
		if (Object.getPrototypeOf(value) === WorkerEntrypoint) Object.setPrototypeOf(value, Entrypoint);
	}
}

/** Returns the default handlers. Each call sets ctx.cache. */
function withCache(handlers) {
	return new Proxy(handlers, {
		get(target, name) {
			const handler = target[name];
			if (typeof handler !== "function") return handler;
			return (event, env, ctx) => {
				if (ctx) ctx.cache = cacheOf("default");
				return handler.call(target, event, env, ctx);
			};
		},
	});
}

const main = worker.default;
export default typeof main === "object" && main !== null ? withCache(main) : main;
