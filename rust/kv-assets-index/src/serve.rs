use std::future::Future;
use std::pin::Pin;

use crate::conditional::not_modified;
use crate::content_type::content_type;
use crate::http_date::http_date;
use crate::index::{AssetIndex, AssetMetadata};

/// The parts of a request on which the response depends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'r> {
    /// The method, in upper case.
    pub method: &'r str,
    /// The URL's pathname, percent-encoded as in the URL.
    pub path: &'r str,
    /// The header If-None-Match.
    pub if_none_match: Option<&'r str>,
}

/// The names of headers in lower case, with their values.
pub type Headers = Vec<(&'static str, String)>;

/// The response to a request, without the body, which is read from KV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'i> {
    /// The response's status.
    pub status: u16,
    /// The response's headers.
    pub headers: Headers,
    /// The key to read from KV. If KV does not have the key, the response is
    /// [`Plan::unavailable`].
    pub key: Option<&'i str>,
    /// True if the response's body is the key's value, and false if it has no body.
    pub body: bool,
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<B, E> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body, or `None` if the response has no body.
    pub body: Option<B>,
    /// The error of the store, for the log. It is not sent to the client.
    pub error: Option<E>,
}

/// The result of [`Store::get`]: the value, or `None` if the key does not exist.
pub type Get<'s, B, E> = Pin<Box<dyn Future<Output = Result<Option<B>, E>> + 's>>;

/// A KV namespace. The Worker implements it with its binding.
pub trait Store {
    /// The type of a value: bytes or a stream.
    type Body;
    /// The type of the error of a read.
    type Error;
    /// Reads the value of a key.
    fn get<'s>(&'s self, key: &'s str) -> Get<'s, Self::Body, Self::Error>;
}

/// Returns the response to a request. The status is 404 if the index does not have the path, 405
/// if the method is neither GET nor HEAD, and 503 if the store does not have the file or cannot
/// read it. A Worker can handle its own paths before this call, or after it if the status is 404.
///
/// A 304 needs no read of the store. HEAD reads the key, so that HEAD and GET have the same status.
pub async fn serve<S: Store>(
    index: &AssetIndex<'_>,
    store: &S,
    request: &Request<'_>,
) -> Response<S::Body, S::Error> {
    let plan = plan(index, request);
    let key = match plan.key {
        Some(key) => key,
        None => return plan.respond(None, None),
    };
    match store.get(key).await {
        Ok(Some(body)) => {
            let body = Some(body).filter(|_| plan.body);
            plan.respond(body, None)
        }
        Ok(None) => Plan::unavailable().respond(None, None),
        Err(error) => Plan::unavailable().respond(None, Some(error)),
    }
}

/// Returns the response of [`serve`] without reading KV.
pub fn plan<'i>(index: &AssetIndex<'i>, request: &Request<'_>) -> Plan<'i> {
    let name = file_name(request.path);
    let asset = match index.get(&name) {
        Some(asset) => asset,
        None => return Plan::without_body(404, vec![("cache-control", "no-store".into())]),
    };
    let body = request.method == "GET";
    if !body && request.method != "HEAD" {
        return Plan::without_body(405, vec![("allow", "GET, HEAD".into())]);
    }
    let etag = etag(&name, asset);
    let last_modified = http_date(asset.modified);
    let is_not_modified = not_modified(request, etag.as_deref());

    // The browser stores the file and revalidates it before each use.
    let mut headers: Headers = vec![("cache-control", "public, max-age=0, must-revalidate".into())];
    headers.extend(etag.map(|etag| ("etag", etag)));
    headers.extend(last_modified.map(|date| ("last-modified", date)));
    if is_not_modified {
        return Plan::without_body(304, headers);
    }
    headers.push(("content-type", content_type(&name).into()));
    Plan {
        status: 200,
        headers,
        key: Some(asset.path),
        body,
    }
}

impl<'i> Plan<'i> {
    /// Returns the response for a key that is not in KV, and for a failed read. KV may need a minute
    /// to show a new key everywhere, so Retry-After is 60 seconds.
    pub fn unavailable() -> Self {
        let headers = vec![
            ("cache-control", "no-store".into()),
            ("retry-after", "60".into()),
        ];
        Plan::without_body(503, headers)
    }

    fn without_body(status: u16, headers: Headers) -> Self {
        Plan {
            status,
            headers,
            key: None,
            body: false,
        }
    }

    fn respond<B, E>(self, body: Option<B>, error: Option<E>) -> Response<B, E> {
        Response {
            status: self.status,
            headers: self.headers,
            body,
            error,
        }
    }
}

/// Converts a URL's pathname to a path of the index: decoded, without the leading slash, and with
/// index.html after a folder.
fn file_name(pathname: &str) -> String {
    let path = pathname.strip_prefix('/').unwrap_or(pathname);
    let mut name = decode(path).unwrap_or_else(|| path.to_string());
    if name.is_empty() || name.ends_with('/') {
        name.push_str("index.html");
    }
    name
}

/// Decodes a percent-encoded text. Returns `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digits = after
            .get(..2)
            .and_then(|two| Some((hex(two[0])?, hex(two[1])?)));
        match digits.filter(|_| byte == b'%') {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &after[2..];
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

/// Returns the hash in a file's key as an entity tag. The key of `dir/stem.ext` is
/// `dir/stem.HASH.ext`. Returns `None` for a key in another format.
fn etag(name: &str, asset: &AssetMetadata<'_>) -> Option<String> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    // The first dot of a name such as .htaccess does not begin an extension.
    let dot = name[base..].rfind('.').filter(|&dot| dot > 0);
    let (stem, ext) = name.split_at(dot.map_or(name.len(), |dot| base + dot));
    let hash = asset
        .path
        .strip_prefix(stem)?
        .strip_suffix(ext)?
        .strip_prefix('.')?;
    let is_hash = !hash.is_empty() && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hash.then(|| format!("\"{hash}\""))
}
