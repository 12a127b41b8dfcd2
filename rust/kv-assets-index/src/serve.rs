use std::future::Future;
use std::pin::Pin;

use crate::conditional::not_modified;
use crate::content_type::content_type;
use crate::http_date::http_date;
use crate::index::{AssetIndex, AssetMetadata};

/// What of a request decides its answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'r> {
    /// The method, in upper case.
    pub method: &'r str,
    /// The URL's pathname, as the URL spells it.
    pub path: &'r str,
    /// The header If-None-Match.
    pub if_none_match: Option<&'r str>,
    /// The header If-Modified-Since.
    pub if_modified_since: Option<&'r str>,
}

/// Names, in lower case, and values of headers.
pub type Headers = Vec<(&'static str, String)>;

/// What to answer, before KV was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'i> {
    /// The answer's status.
    pub status: u16,
    /// The answer's headers.
    pub headers: Headers,
    /// The key that has to be in KV for this answer to be true. If it is not
    /// there, the answer is [`Plan::unavailable`].
    pub key: Option<&'i str>,
    /// Whether the key's value is the body. Else there is no body.
    pub body: bool,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<B, E> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body. `None` is no body at all.
    pub body: Option<B>,
    /// Why the store could not be read. The visitor is not told: log it.
    pub error: Option<E>,
}

/// What [`Store::get`] returns: the value, or `None` where there is no such key.
pub type Get<'s, B, E> = Pin<Box<dyn Future<Output = Result<Option<B>, E>> + 's>>;

/// A KV namespace, by the Worker's binding of it.
pub trait Store {
    /// A value, as the Worker sends it: its bytes, or a stream of them.
    type Body;
    /// Why a read failed.
    type Error;
    /// Reads the value of a key.
    fn get<'s>(&'s self, key: &'s str) -> Get<'s, Self::Body, Self::Error>;
}

/// Answers a request, and always does: a path that the index does not have gets
/// 404, a method that is neither GET nor HEAD 405, and a file that the store
/// does not have, or cannot read, 503. A Worker with answers of its own gives
/// them first, or where the status is 404.
///
/// A 304 is decided by the index alone. HEAD reads the key as GET does, so that
/// it is not 200 where GET is 503.
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

/// Decides what [`serve`] answers, without reading KV.
pub fn plan<'i>(index: &AssetIndex<'i>, request: &Request<'_>) -> Plan<'i> {
    let name = file_name(request.path);
    let asset = match index.get(&name) {
        Some(asset) => asset,
        None => return Plan::bodiless(404, vec![("cache-control", "no-store".into())]),
    };
    let body = request.method == "GET";
    if !body && request.method != "HEAD" {
        return Plan::bodiless(405, vec![("allow", "GET, HEAD".into())]);
    }
    let etag = etag(&name, asset);
    let last_modified = http_date(asset.modified);
    let fresh = not_modified(request, etag.as_deref(), last_modified.as_deref());

    // The browser keeps the file, and asks whether it is still the one.
    let mut headers: Headers = vec![("cache-control", "public, max-age=0, must-revalidate".into())];
    headers.extend(etag.map(|etag| ("etag", etag)));
    headers.extend(last_modified.map(|date| ("last-modified", date)));
    if fresh {
        return Plan::bodiless(304, headers);
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
    /// The answer where KV does not have the key of a plan, or fails. KV may take
    /// a minute to show a new key everywhere, so the visitor may ask again then.
    pub fn unavailable() -> Self {
        let headers = vec![
            ("cache-control", "no-store".into()),
            ("retry-after", "60".into()),
        ];
        Plan::bodiless(503, headers)
    }

    fn bodiless(status: u16, headers: Headers) -> Self {
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

/// The path in the index of the file that a URL's pathname asks for: decoded,
/// without the leading slash, and with index.html for a folder.
fn file_name(pathname: &str) -> String {
    let path = pathname.strip_prefix('/').unwrap_or(pathname);
    let mut name = decode(path).unwrap_or_else(|| path.to_string());
    if name.is_empty() || name.ends_with('/') {
        name.push_str("index.html");
    }
    name
}

/// Decodes %41 and its like; `None` where the result is no UTF-8.
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

/// The hash in the key, which is `dir/stem.HASH.ext` for `dir/stem.ext`. A key
/// of another shape gives no tag.
fn etag(name: &str, asset: &AssetMetadata<'_>) -> Option<String> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    // A dot that begins the name begins no extension.
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
