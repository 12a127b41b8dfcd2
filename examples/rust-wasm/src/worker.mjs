// The part of the Worker in JavaScript: it gets the request, reads KV, and streams the body. lib.rs
// makes the status and the headers of the response.
import site from "../target/wasm32-unknown-unknown/release/rust_wasm.wasm";

const { memory, reserve, answer, unavailable, buffer } = new WebAssembly.Instance(site).exports;

/** Decodes the response in the buffer: the status, the headers, the key, and the use of the key. */
function read(length) {
  const text = new TextDecoder().decode(new Uint8Array(memory.buffer, buffer(), length));
  const end = text.indexOf("\n\n");
  const [status, keyUse, ...headers] = text.slice(0, end).split("\n");
  return {
    init: { status: Number(status), headers: headers.map((line) => line.split(/: (.*)/, 2)) },
    keyUse,
    key: text.slice(end + 2),
  };
}

/** Calls lib.rs. This function must not await, because concurrent requests share the buffer. */
function plan(request) {
  const header = (name) => request.headers.get(name) ?? "";
  const lines = [request.method, new URL(request.url).pathname, header("if-none-match")];
  const text = new TextEncoder().encode(lines.join("\n"));
  const at = reserve(text.length); // may replace memory.buffer, so read it only after this call
  new Uint8Array(memory.buffer, at, text.length).set(text);
  return read(answer());
}

/** Returns the value of a key as a stream, or null if KV does not have the key or fails. */
async function value(namespace, key) {
  try {
    return await namespace.get(key, "stream");
  } catch (error) {
    console.error(`read ${key} from KV:`, error);
    return null;
  }
}

export default {
  async fetch(request, env) {
    const { init, keyUse, key } = plan(request);
    if (keyUse === "no") return new Response(null, init);
    const body = await value(env.ASSETS, key);
    if (body === null) return new Response(null, read(unavailable()).init);
    if (keyUse === "send") return new Response(body, init);
    await body.cancel();
    return new Response(null, init);
  },
};
