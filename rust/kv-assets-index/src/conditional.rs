//! Conditional requests (RFC 9110, section 13).

use crate::serve::Request;

/// Whether the client's copy is the one that would be sent.
///
/// A date counts only if it equals Last-Modified exactly: after a rollback the
/// page may be older than the client's copy, which "not modified since" would
/// then keep alive.
pub(crate) fn not_modified(
    request: &Request<'_>,
    etag: Option<&str>,
    last_modified: Option<&str>,
) -> bool {
    match request.if_none_match {
        Some(list) => list.trim() == "*" || etag.map_or(false, |etag| lists(list, etag)),
        None => last_modified.is_some() && request.if_modified_since == last_modified,
    }
}

/// Whether a list of entity tags has one, by weak comparison. What is no list
/// ends it.
fn lists(mut list: &str, etag: &str) -> bool {
    loop {
        list = list.trim_start_matches([' ', '\t', ',']);
        list = list.strip_prefix("W/").unwrap_or(list);
        let end = match list.strip_prefix('"').and_then(|rest| rest.find('"')) {
            Some(end) => end + 2,
            None => return false,
        };
        let (tag, rest) = list.split_at(end);
        list = rest.trim_start_matches([' ', '\t']);
        if !(list.is_empty() || list.starts_with(',')) {
            return false;
        }
        if tag == etag {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lists;

    #[test]
    fn lists_of_entity_tags() {
        for list in [
            r#""a""#,
            r#"W/"a""#,
            r#""b", "a""#,
            r#""b" ,W/"a","c""#,
            r#", ,"a""#,
            r#""x,y", "a""#,
        ] {
            assert!(lists(list, r#""a""#), "{list}");
        }
        for list in [
            "",
            "a",
            r#""a"#,
            r#"a""#,
            r#""b""#,
            r#"w/"a""#,
            r#""b" "a""#,
            r#"x "a""#,
            r#""A""#,
        ] {
            assert!(!lists(list, r#""a""#), "{list}");
        }
    }
}
