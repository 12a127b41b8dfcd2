//! Reads the test vectors that the tests of Go and TypeScript also read.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use kv_assets_index::{content_type, plan, AssetIndex, Request};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Original {
    path: String,
    modified: u64,
    size: u64,
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

fn indexes(folder: &str) -> Vec<PathBuf> {
    let list: Vec<_> = fs::read_dir(testdata(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().map_or(false, |ext| ext == "bin"))
        .collect();
    assert!(list.len() >= 5, "{folder} has only {list:?}");
    list
}

#[test]
fn read_indexes_of_go() {
    for path in indexes("kv-assets") {
        let bytes = fs::read(&path).unwrap();
        let json = fs::read(path.with_extension("json")).unwrap();
        let want: BTreeMap<String, Original> = serde_json::from_slice(&json).unwrap();

        let index = AssetIndex::parse(&bytes).unwrap();
        let got: BTreeMap<String, Original> = index
            .iter()
            .map(|(name, asset)| {
                let asset = Original {
                    path: asset.path.into(),
                    modified: asset.modified,
                    size: asset.size,
                };
                (name.into(), asset)
            })
            .collect();
        assert_eq!(got, want, "{path:?}");
        for (name, asset) in &want {
            assert_eq!(index.get(name).unwrap().path, asset.path);
        }

        let original: HashMap<String, Original> = bincode::deserialize(&bytes).unwrap();
        assert_eq!(
            original.into_iter().collect::<BTreeMap<_, _>>(),
            want,
            "{path:?}"
        );
        let sorted = index.to_bytes();
        if !path.ends_with("unsorted.bin") {
            assert_eq!(sorted, bytes, "{path:?}");
        }
        assert_eq!(AssetIndex::parse(&sorted).unwrap(), index);
    }
}

#[test]
fn invalid_indexes() {
    for path in indexes("kv-assets/refused") {
        let bytes = fs::read(&path).unwrap();
        assert!(AssetIndex::parse(&bytes).is_err(), "{path:?}");
    }
}

// The hash in the key is the ETag. Its position depends on the name's extension.
#[test]
fn etags_of_keys() {
    #[derive(Deserialize)]
    struct Key {
        path: String,
        sum: String,
        key: String,
    }
    let json = fs::read(testdata("kv-assets/keys.json")).unwrap();
    let keys: Vec<Key> = serde_json::from_slice(&json).unwrap();
    assert!(!keys.is_empty());
    for Key { path, sum, key } in keys {
        let bytes = bincode::serialize(&[(&path, (&key, 0u64, 0u64))][..]).unwrap();
        let index = AssetIndex::parse(&bytes).unwrap();
        let request = Request {
            method: "GET",
            path: &path,
            ..Request::default()
        };
        let plan = plan(&index, &request);
        assert_eq!(plan.key, Some(&*key), "{path}");
        let tag = plan.headers.iter().find(|(name, _)| *name == "etag");
        assert_eq!(tag.unwrap().1, format!("\"{sum}\""), "{path}");
    }
}

#[test]
fn same_content_types_as_kv_sync() {
    let json = fs::read(testdata("project/content-types.json")).unwrap();
    let want: BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
    assert!(want.len() > 100);
    for (extension, want) in &want {
        assert_eq!(content_type(&format!("a/b.c.{extension}")), *want);
        assert_eq!(
            content_type(&format!("B.{}", extension.to_uppercase())),
            *want
        );
    }
    let original = fs::read(testdata("../worker/src/rules/content_types.txt")).unwrap();
    let copy = include_bytes!("../src/content_types.txt");
    assert!(original == copy, "copy worker/src/rules/content_types.txt");
    for path in ["a", "a.unknown", "svg", "a.svg/b", "", ".", "a."] {
        assert_eq!(content_type(path), "application/octet-stream", "{path:?}");
    }
}
