use std::borrow::Cow;

/// Each line is a content type and its extensions. The file is a copy of
/// worker/src/rules/content_types.txt, because a crate must contain all of its files.
/// tests/vectors.rs checks that both are equal.
const TABLE: &str = include_str!("content_types.txt");

/// Returns the content type of a file by its extension. kv-sync's own Worker uses the same types. An
/// unknown extension is `application/octet-stream`. Types below `text/` get a charset.
pub fn content_type(path: &str) -> Cow<'static, str> {
    // The path "a.b/c" gives "b/c", which is not in the table.
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = extension.to_ascii_lowercase();
    for line in TABLE.lines() {
        let mut words = line.split(' ');
        let media_type = words.next().unwrap_or_default();
        if words.any(|word| word == extension) {
            return if media_type.starts_with("text/") {
                Cow::Owned(format!("{media_type}; charset=utf-8"))
            } else {
                Cow::Borrowed(media_type)
            };
        }
    }
    Cow::Borrowed("application/octet-stream")
}
