//! Reads indexes in the format of kv-assets 0.2. The struct below is copied from the documentation of
//! that crate. The tests do not depend on the crate itself: outside of wasm32 it needs wrangler 1,
//! OpenSSL and over 400 crates.

use std::collections::HashMap;

use kv_assets_index::AssetIndex;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Original {
    path: String,
    modified: u64,
    size: u64,
}

#[test]
fn read_index_of_kv_assets() {
    let mut original = HashMap::new();
    for number in 0..1000 {
        let asset = Original {
            path: format!("docs/{number}.f3c9f85f2a.html"),
            modified: 1_600_000_000 + number,
            size: u64::MAX - number,
        };
        original.insert(format!("docs/{number}.html"), asset);
    }
    let bytes = bincode::serialize(&original).unwrap();
    let index = AssetIndex::parse(&bytes).unwrap();
    assert_eq!(index.len(), original.len());
    for (name, want) in &original {
        let got = index.get(name).unwrap();
        assert_eq!(
            (got.path, got.modified, got.size),
            (&*want.path, want.modified, want.size)
        );
    }
    assert_eq!(index.get("docs/1000.html"), None);

    let sorted = index.to_bytes();
    assert_eq!(
        bincode::deserialize::<HashMap<String, Original>>(&sorted).unwrap(),
        original
    );
    assert_eq!(AssetIndex::parse(&sorted).unwrap(), index);
}

#[test]
fn known_index() {
    let bytes = include_bytes!("../testdata/hello.bin");
    let asset = Original {
        path: "hello.ff6cec21dc.txt".into(),
        modified: 1_600_000_000,
        size: 6,
    };
    let original = HashMap::from([("hello.txt".to_string(), asset)]);
    assert_eq!(bincode::serialize(&original).unwrap(), bytes);

    let index = AssetIndex::parse(bytes).unwrap();
    let asset = index.get("hello.txt").unwrap();
    assert_eq!(
        (asset.path, asset.modified, asset.size),
        ("hello.ff6cec21dc.txt", 1_600_000_000, 6)
    );
    assert_eq!(index.to_bytes(), bytes);
    assert!(AssetIndex::parse(&[0; 8]).unwrap().is_empty());
}

// A parser that allocates memory for a count of 2^63 entries would abort here.
#[test]
fn invalid_bytes() {
    let hello = include_bytes!("../testdata/hello.bin");
    for length in 0..hello.len() {
        assert!(AssetIndex::parse(&hello[..length]).is_err(), "{length}");
    }
    for at in 0..hello.len() {
        for bit in 0..8 {
            let mut bytes = hello.to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok(index) = AssetIndex::parse(&bytes) {
                assert_eq!(index.to_bytes(), bytes);
            }
        }
    }
    let with_extra_byte = [&hello[..], b"\0"].concat();
    assert!(AssetIndex::parse(&with_extra_byte).is_err());
    let twice = [&[2, 0, 0, 0, 0, 0, 0, 0], &hello[8..], &hello[8..]].concat();
    let error = AssetIndex::parse(&twice).unwrap_err().to_string();
    assert!(
        error.contains("\"hello.txt\" is in the index twice"),
        "{error}"
    );
}
