use bincode::Options;

/// The metadata of a file in the index, as in kv-assets 0.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetMetadata<'a> {
    /// The file's key in KV, which contains a hash of the file's content.
    pub path: &'a str,
    /// The time of the last modification, in seconds since 1970 (UTC).
    pub modified: u64,
    /// The size in bytes.
    pub size: u64,
}

/// The files of a site by their paths, which have no leading slash.
///
/// The index borrows its strings from the parsed bytes, so the bytes of an index that is compiled
/// into the Worker are not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetIndex<'a> {
    entries: Vec<(&'a str, AssetMetadata<'a>)>, // sorted by path
}

/// The error for bytes that are not an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the bytes are not an index of assets: {}; write it again with kv-sync",
            self.0
        )
    }
}

impl std::error::Error for Error {}

// bincode encodes a struct like a tuple of its fields.
type Entry<'a> = (&'a str, (&'a str, u64, u64));

// The format of bincode::serialize. Bytes after the last entry are an error.
fn format() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .reject_trailing_bytes()
}

impl<'a> AssetIndex<'a> {
    /// Parses an index that kv-sync, kv-assets or [`to_bytes`](Self::to_bytes) wrote. The entries
    /// may be in any order.
    ///
    /// The bytes may come from an untrusted source: the memory use is at most proportional to their
    /// length.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let parsed: Vec<Entry<'a>> = format()
            .deserialize(bytes)
            .map_err(|e| Error(e.to_string()))?;
        let mut entries: Vec<_> = parsed
            .into_iter()
            .map(|(name, (path, modified, size))| {
                let asset = AssetMetadata {
                    path,
                    modified,
                    size,
                };
                (name, asset)
            })
            .collect();
        entries.sort_by_key(|(name, _)| *name);
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Error(format!("{:?} is in the index twice", pair[0].0))),
            None => Ok(AssetIndex { entries }),
        }
    }

    /// Returns the file at a path without a leading slash.
    pub fn get(&self, path: &str) -> Option<&AssetMetadata<'a>> {
        let position = self
            .entries
            .binary_search_by_key(&path, |(name, _)| *name)
            .ok()?;
        Some(&self.entries[position].1)
    }

    /// Returns all paths with their files, sorted by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &AssetMetadata<'a>)> {
        self.entries.iter().map(|(name, asset)| (*name, asset))
    }

    /// Returns the number of files.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Reports whether the index has no files.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Encodes the index with its entries sorted by path. kv-sync writes the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entries: Vec<Entry<'_>> = self
            .iter()
            .map(|(name, asset)| (name, (asset.path, asset.modified, asset.size)))
            .collect();
        format()
            .serialize(&entries)
            .expect("strings and numbers always serialize into memory")
    }
}
