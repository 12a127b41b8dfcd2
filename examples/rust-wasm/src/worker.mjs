// Does what only JavaScript can: takes the request, reads KV, streams the body. lib.rs
// decides what to answer.
import site from "../target/wasm32-unknown-unknown/release/rust_wasm.wasm";

const { memory, reserve, answer, unavailable, buffer } = new WebAssembly.Instance(site).exports;

/** Decodes the buffer: status, headers, and the key of the body. */
function read(length) {
  const text = new TextDecoder().decode(new Uint8Array(memory.buffer, buffer(), length));
  const end = text.indexOf("\n\n");
  const [status, deed, ...headers] = text.slice(0, end).split("\n");
  return {
    init: { status: Number(status), headers: headers.map((line) => line.split(/: (.*)/, 2)) },
    deed,
    key: text.slice(end + 2),
  };
}

/** Calls lib.rs, which has no state between requests. There must be no await here: the buffer is shared. */
function plan(request) {
  const header = (name) => request.headers.get(name) ?? "";
  const lines = [request.method, new URL(request.url).pathname, header("if-none-match"), header("if-modified-since")];
  const text = new TextEncoder().encode(lines.join("\n"));
  const at = reserve(text.length); // this may move the memory
  new Uint8Array(memory.buffer, at, text.length).set(text);
  return read(answer());
}

/** The value of a key as a stream, or null if KV has none or fails. */
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
    const { init, deed, key } = plan(request);
    if (deed === "no") return new Response(null, init);
    const body = await value(env.ASSETS, key);
    if (body === null) return new Response(null, read(unavailable()).init);
    if (deed === "send") return new Response(body, init);
    await body.cancel();
    return new Response(null, init);
  },
};
