// Stands in for a rate limit. It counts in the memory of the process, each binding for itself.

export default function rateLimit({ simple }) {
	const { limit, period } = simple;
	const counts = new Map();
	let window = 0;
	return {
		async limit({ key = "" } = {}) {
			const now = Math.floor(Date.now() / (period * 1000));
			if (now !== window) {
				counts.clear();
				window = now;
			}
			const count = (counts.get(key) ?? 0) + 1;
			counts.set(key, count);
			return { success: count <= limit };
		},
	};
}
