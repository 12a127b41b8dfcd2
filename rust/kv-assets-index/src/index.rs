use bincode::Options;

/// What the index knows of one file, as in kv-assets 0.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetMetadata<'a> {
    /// The file's key in KV, which holds a hash of its contents.
    pub path: &'a str,
    /// When it was last modified, in UTC seconds since 1970.
    pub modified: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The files of a site by their paths, which have no leading slash.
///
/// It borrows every string from the bytes that it was parsed from, so an index
/// that is compiled into the Worker is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetIndex<'a> {
    entries: Vec<(&'a str, AssetMetadata<'a>)>, // sorted by path
}

/// Bytes that are no index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "these bytes are no index of assets: {}; write it anew with kv-sync",
            self.0
        )
    }
}

impl std::error::Error for Error {}

// bincode writes a struct as it writes a tuple: its fields, one after another.
type Entry<'a> = (&'a str, (&'a str, u64, u64));

// What bincode::serialize uses, but nothing may follow the last entry.
fn format() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .reject_trailing_bytes()
}

impl<'a> AssetIndex<'a> {
    /// Parses what kv-sync, kv-assets or [`to_bytes`](Self::to_bytes) wrote, with
    /// its entries in any order.
    ///
    /// Any bytes may be passed. No more memory is taken than is in proportion to
    /// them, whatever they claim.
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
            Some(pair) => Err(Error(format!("{:?} is in them twice", pair[0].0))),
            None => Ok(AssetIndex { entries }),
        }
    }

    /// The file at a path without a leading slash.
    pub fn get(&self, path: &str) -> Option<&AssetMetadata<'a>> {
        let at = self
            .entries
            .binary_search_by_key(&path, |(name, _)| *name)
            .ok()?;
        Some(&self.entries[at].1)
    }

    /// Every path with its file, sorted by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &AssetMetadata<'a>)> {
        self.entries.iter().map(|(name, asset)| (*name, asset))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of the index, sorted by path: what kv-sync writes for it.
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
