use std::borrow::Cow;

/// A type and its extensions on each line. It is a copy of worker/src/rules/content_types.txt, as a
/// crate has to contain its files; tests/vectors.rs compares the two.
const TABLE: &str = include_str!("content_types.txt");

/// Returns the content type of a file by its extension, as kv-sync's own Worker does. It is
/// `application/octet-stream` for an unknown extension. Types below `text/` get a charset.
pub fn content_type(path: &str) -> Cow<'static, str> {
    // For the path "a.b/c" this is "b/c", which is an unknown extension.
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = extension.to_ascii_lowercase();
    for line in TABLE.lines() {
        let mut words = line.split(' ');
        let found = words.next().unwrap_or_default();
        if words.any(|word| word == extension) {
            return if found.starts_with("text/") {
                Cow::Owned(format!("{found}; charset=utf-8"))
            } else {
                Cow::Borrowed(found)
            };
        }
    }
    Cow::Borrowed("application/octet-stream")
}
