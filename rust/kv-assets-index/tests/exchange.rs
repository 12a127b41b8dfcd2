//! Checks that Go and Rust read each other's indexes. The test needs `go`, and runs ../exchange.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use kv_assets_index::AssetIndex;
use serde::{Deserialize, Serialize};

const INDEXES: usize = 10_000;

/// The metadata of a file in kv-assets 0.2. See original.rs.
#[derive(Serialize, Deserialize)]
struct Original {
    path: String,
    modified: u64,
    size: u64,
}

#[test]
fn go_and_rust_read_each_others_indexes() {
    // Each run has a new seed, and prints it. Set KV_ASSETS_SEED to repeat a failed run.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let seed = std::env::var("KV_ASSETS_SEED").unwrap_or_else(|_| now.as_millis().to_string());
    println!("KV_ASSETS_SEED={seed}");

    let written = go(&["write", &seed, &INDEXES.to_string()], Vec::new());
    let written = split(&written);
    assert_eq!(written.len(), INDEXES);

    let mut unsorted_indexes = Vec::new();
    let mut files = 0;
    for bytes in &written {
        let index = AssetIndex::parse(bytes).unwrap();
        files += index.len();
        assert!(
            index.to_bytes() == *bytes,
            "Rust encodes {index:?} differently"
        );

        // kv-assets decodes an index into a HashMap, and so encodes it in another order.
        let original: HashMap<String, Original> = bincode::deserialize(bytes).unwrap();
        assert_eq!(original.len(), index.len());
        for (name, asset) in &original {
            let got = index.get(name).unwrap();
            assert_eq!(
                (got.path, got.modified, got.size),
                (&*asset.path, asset.modified, asset.size)
            );
        }
        let unsorted = bincode::serialize(&original).unwrap();
        assert_eq!(AssetIndex::parse(&unsorted).unwrap(), index);
        unsorted_indexes.extend_from_slice(&(unsorted.len() as u32).to_le_bytes());
        unsorted_indexes.extend_from_slice(&unsorted);
    }
    assert!(files > INDEXES, "only {files} files");

    let rewritten = go(&["rewrite"], unsorted_indexes);
    assert!(
        split(&rewritten) == written,
        "Go encodes the indexes of Rust differently"
    );
}

/// Runs ../exchange with an input, and returns its output.
fn go(arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new("go")
        .args(["run", "."])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../exchange"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start go, which this test needs: https://go.dev/dl");
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "go run . {arguments:?}: {}",
        output.status
    );
    writer.join().unwrap().unwrap();
    output.stdout
}

/// Splits a stream into its indexes. The length of each index comes before it.
fn split(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut list = Vec::new();
    while !stream.is_empty() {
        let (length, rest) = stream.split_at(4);
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let (bytes, rest) = rest.split_at(length);
        list.push(bytes);
        stream = rest;
    }
    list
}
