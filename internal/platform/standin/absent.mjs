// Stands in for a binding that the local platform does not have. Each use of it throws.

/** Returns an object whose members cannot be read. Symbols and `then` can, so that it can be logged and awaited. */
export default function absent({ why }) {
	const refuse = () => {
		throw new Error(why);
	};
	return new Proxy(refuse, {
		get: (_, name) => (typeof name === "symbol" || name === "then" || name === "toJSON" ? undefined : refuse()),
	});
}
