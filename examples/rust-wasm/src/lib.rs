//! Makes each response of the site: the status, the headers, and the key of the body in KV.
//! `worker.mjs` passes the request to this library, and reads KV.
//!
//! JavaScript and Rust share a buffer of text. JavaScript calls `reserve` and writes the request
//! into the buffer. An empty line means that the request does not have the header.
//!
//! ```text
//! method ⏎ pathname ⏎ If-None-Match
//! ```
//!
//! Then JavaScript calls `answer`, which replaces the request by the response:
//!
//! ```text
//! status ⏎ use of the key ⏎ name: value ⏎ … ⏎ ⏎ key
//! ```
//!
//! The use of the key is "send" if its value is the body, "have" if KV must have the key but the
//! response has no body, and "no" if there is no key. The key comes last, because it may be any
//! text.

use std::cell::RefCell;
use std::fmt::Write;

use kv_assets_index::{plan, AssetIndex, Error, Plan, Request};

/// The index that `kv-sync` wrote. It is compiled into the Worker, so the code and the index go
/// live at the same time.
static ASSETS: &[u8] = include_bytes!("../data/assets.bin");

thread_local! {
    static INDEX: Result<AssetIndex<'static>, Error> = AssetIndex::parse(ASSETS);
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

// The functions have `no_mangle`, because JavaScript calls them by name.

/// Sets the length of the buffer, and returns its address.
#[no_mangle]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
    BUFFER.with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        buffer.clear();
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// Replaces the request in the buffer by the response, and returns the length of the response.
#[no_mangle]
pub extern "C" fn answer() -> usize {
    BUFFER.with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        *buffer = answer_to(&String::from_utf8_lossy(&buffer)).into_bytes();
        buffer.len()
    })
}

/// Writes the response for a key that KV does not have into the buffer, and returns its length.
#[no_mangle]
pub extern "C" fn unavailable() -> usize {
    BUFFER.with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        *buffer = text_of(&Plan::unavailable()).into_bytes();
        buffer.len()
    })
}

/// Returns the current address of the buffer.
#[no_mangle]
pub extern "C" fn buffer() -> *const u8 {
    BUFFER.with(|buffer| buffer.borrow().as_ptr())
}

fn answer_to(request: &str) -> String {
    let mut lines = request.split('\n');
    let mut next = || lines.next().filter(|line| !line.is_empty());
    let request = Request {
        method: next().unwrap_or_default(),
        path: next().unwrap_or_default(),
        if_none_match: next(),
    };
    INDEX.with(|index| match index {
        Ok(index) => text_of(&plan(index, &request)),
        Err(_) => text_of(&Plan::unavailable()),
    })
}

fn text_of(plan: &Plan<'_>) -> String {
    let key_use = match plan.key {
        Some(_) if plan.body => "send",
        Some(_) => "have",
        None => "no",
    };
    let mut text = format!("{}\n{key_use}\n", plan.status);
    for (name, value) in &plan.headers {
        writeln!(text, "{name}: {value}").expect("a String takes any text");
    }
    text.push('\n');
    text.push_str(plan.key.unwrap_or_default());
    text
}
