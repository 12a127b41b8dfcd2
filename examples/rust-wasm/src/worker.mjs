// Does what only JavaScript can: takes the request, reads KV, streams the body.
// What to answer is decided in lib.rs.
import site from "../target/wasm32-unknown-unknown/release/rust_wasm.wasm";

const { memory, room, answer, unavailable, buffer } = new WebAssembly.Instance(site).exports;

/** What stands in the buffer: status, headers, and the key whose value is needed. */
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

/** Asks lib.rs. It keeps nothing between two requests, and nothing awaits here. */
function plan(request) {
  const header = (name) => request.headers.get(name) ?? "";
  const lines = [request.method, new URL(request.url).pathname, header("if-none-match"), header("if-modified-since")];
  const text = new TextEncoder().encode(lines.join("\n"));
  const at = room(text.length); // this may move the memory
  new Uint8Array(memory.buffer, at, text.length).set(text);
  return read(answer());
}

/** The value of a key as a stream, or null where KV has none or fails. */
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
