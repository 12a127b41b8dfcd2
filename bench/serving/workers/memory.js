// Responds from memory.
const body = "x".repeat(4096);
const etag = '"tag"';
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/no/")) return new Response(null, { status: 404 });
    const headers = { "Content-Type": "text/html; charset=utf-8", ETag: etag, "Cache-Control": "public, max-age=0, must-revalidate" };
    if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers });
    return new Response(body, { headers });
  },
};
