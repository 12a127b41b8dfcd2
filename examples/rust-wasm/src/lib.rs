//! Decides every answer of the site: status, headers, and which key of KV is the
//! body. `worker.mjs` passes the request in, and reads KV.
//!
//! Both sides share one buffer of text. JavaScript calls `reserve`, writes
//!
//! ```text
//! method ⏎ pathname ⏎ If-None-Match ⏎ If-Modified-Since
//! ```
//!
//! into it, where an empty line is a header that the request lacks, and gets
//!
//! ```text
//! status ⏎ what to do with the key ⏎ name: value ⏎ … ⏎ ⏎ key
//! ```
//!
//! A key may be any text, so it comes last. Its value is the body ("send"), or must only
//! exist ("have"), or there is "no" key.

use std::cell::RefCell;
use std::fmt::Write;

use kv_assets_index::{plan, AssetIndex, Error, Plan, Request};

/// The index that `kv-sync` wrote. It is part of the code, so both go live at the same
/// moment.
static ASSETS: &[u8] = include_bytes!("../data/assets.bin");

thread_local! {
    static INDEX: Result<AssetIndex<'static>, Error> = AssetIndex::parse(ASSETS);
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

// JavaScript finds these by name, therefore `no_mangle`.

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

/// Replaces the request in the buffer by the answer, and returns its length.
#[no_mangle]
pub extern "C" fn answer() -> usize {
    BUFFER.with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        *buffer = answer_to(&String::from_utf8_lossy(&buffer)).into_bytes();
        buffer.len()
    })
}

/// Replaces the buffer by the answer for a key that is missing in KV.
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
        if_modified_since: next(),
    };
    INDEX.with(|index| match index {
        Ok(index) => text_of(&plan(index, &request)),
        Err(_) => text_of(&Plan::unavailable()),
    })
}

fn text_of(plan: &Plan<'_>) -> String {
    let deed = match plan.key {
        Some(_) if plan.body => "send",
        Some(_) => "have",
        None => "no",
    };
    let mut text = format!("{}\n{deed}\n", plan.status);
    for (name, value) in &plan.headers {
        writeln!(text, "{name}: {value}").expect("a String takes any text");
    }
    text.push('\n');
    text.push_str(plan.key.unwrap_or_default());
    text
}
