//! Reads `assets.bin`, the index that kv-sync and the kv-assets crate write, and serves its files
//! from a Workers KV **binding**.
//!
//! ```
//! use kv_assets_index::{plan, AssetIndex, Request};
//!
//! // In a Worker: include_bytes!("../data/assets.bin")
//! static ASSETS: &[u8] = include_bytes!("../testdata/hello.bin");
//!
//! let index = AssetIndex::parse(ASSETS)?;
//! assert_eq!(index.get("hello.txt").unwrap().path, "hello.ff6cec21dc.txt");
//!
//! let plan = plan(&index, &Request { method: "GET", path: "/hello.txt", ..Request::default() });
//! assert_eq!((plan.status, plan.key), (200, Some("hello.ff6cec21dc.txt")));
//! # Ok::<(), kv_assets_index::Error>(())
//! ```
//!
//! [`serve`] responds to a request and reads KV through a [`Store`]. [`plan`] does the same without
//! I/O, for a Worker whose JavaScript reads KV.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod conditional;
mod content_type;
mod http_date;
mod index;
mod serve;

pub use content_type::content_type;
pub use index::{AssetIndex, AssetMetadata, Error};
pub use serve::{plan, serve, Get, Headers, Plan, Request, Response, Store};
